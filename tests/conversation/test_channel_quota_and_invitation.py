"""The state of channels, quotas and invitations."""

from __future__ import annotations

import pytest

from chat_service import handlers
from chat_service.contracts.channel import (
    ChannelRulesChange,
    ChannelViewRequest,
    ReadPosition,
    ThreadUpdate,
)
from chat_service.contracts.invitation import Invitation
from chat_service.contracts.quota import QuotaClaim, QuotaDecision
from chat_service.ingress import IngressClient, IngressError
from tests.processes import new_session_key


@pytest.mark.replayed
async def test_quota_counts_a_message_once_and_refuses_over_the_limit(ingress: IngressClient) -> None:
    owner = new_session_key()

    async def claim(id: str) -> QuotaDecision:
        return await ingress.call(handlers.QUOTA_CLAIM, owner, QuotaClaim(id=id, per_minute=2))

    assert [(await claim(id)).is_allowed for id in ("a", "a", "b", "c", "c", "a")] == [
        True,
        True,
        True,
        False,
        False,
        True,
    ]
    assert 0 < (await claim("c")).retry_after <= 60


@pytest.mark.replayed
async def test_channel_stores_rules_threads_and_read_position(ingress: IngressClient) -> None:
    scope = f"slack:{new_session_key()[8:].upper()}:C1"

    await ingress.call(handlers.CHANNEL_SET_RULES, scope, ChannelRulesChange(off=True))
    for update in (
        ThreadUpdate(conversation="k1", position="2"),
        ThreadUpdate(conversation="k1", position="1", muted=True),
        ThreadUpdate(conversation="k2", position="1", active=False),
    ):
        await ingress.call(handlers.CHANNEL_UPDATE_THREAD, scope, update)
    for position in ("5", "4"):
        await ingress.call(handlers.CHANNEL_ADVANCE_READ_POSITION, scope, ReadPosition(position=position))
    view = await ingress.call(handlers.CHANNEL_GET, scope, ChannelViewRequest(conversation="k1"))
    assert view.rules.off and view.position == "5"
    assert view.thread and (view.thread.position, view.thread.muted) == ("2", True)
    threads = await ingress.call(handlers.CHANNEL_GET_THREADS, scope, None)
    assert [thread.conversation for thread in threads.threads] == ["k1"]
    assert (await ingress.call(handlers.CHANNEL_RELEASE_DELIVERIES, scope, None)).deliveries == 0


@pytest.mark.replayed
async def test_invitation_is_taken_once(ingress: IngressClient, key: str) -> None:
    await ingress.call(handlers.INVITATION_CREATE, key, Invitation(sealed="secret", seconds=60))
    assert (await ingress.call(handlers.INVITATION_GET, key, None)).sealed == "secret"
    assert (await ingress.call(handlers.INVITATION_TAKE, key, None)).sealed == "secret"
    with pytest.raises(IngressError, match="taken already"):
        await ingress.call(handlers.INVITATION_TAKE, key, None)
