"""`post_unless_found` posts once, even if the outcome of the first attempt is unknown."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from bots.common import posting
from bots.common.posting import DeliveryDependencies
from bots.common.protocols import PostedMessage

LATE_SECONDS = 0.6


async def test_post_that_arrives_after_its_request_was_cancelled_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection to Restate breaks during the post, and the next attempt reaches the same process at once."""
    monkeypatch.setattr(posting, "LATE_SECONDS", LATE_SECONDS)
    deps = DeliveryDependencies(cast(Any, None), cast(Any, None))
    posted: list[PostedMessage] = []
    post_calls: list[int] = []

    async def find() -> PostedMessage | None:
        return posted[0] if posted else None

    async def post() -> PostedMessage:
        post_calls.append(1)
        # A platform completes a request that it has received, even if the client no longer waits.
        asyncio.get_running_loop().call_later(LATE_SECONDS / 3, posted.append, PostedMessage(id="1"))
        await asyncio.Event().wait()
        raise AssertionError

    first = asyncio.create_task(deps.post_unless_found("turn:0", deps.process_id, find, post))
    while not post_calls:
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    found = await deps.post_unless_found("turn:0", deps.process_id, find, post)
    assert (found.id, found.confirmed, len(post_calls)) == ("1", False, 1)
