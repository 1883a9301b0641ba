"""The Socket Mode connection renews an address that Slack no longer accepts."""

from __future__ import annotations

from unittest.mock import create_autospec

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bots.common.backfill import Backfill
from bots.slack import socket_mode
from bots.slack.backfill import SlackHistoryReader
from tests.fakes.slack.control import SlackControl
from tests.processes import eventually


async def test_expired_socket_url_is_requested_again(fake_slack: SlackControl, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library requests an address once and would be refused with it forever."""
    slack = fake_slack
    for name, seconds in (("PING_SECONDS", 1), ("RETRY_SECONDS", 0.2), ("RENEW_URL_SECONDS", 1.0)):
        monkeypatch.setattr(socket_mode, name, seconds)
    app = AsyncApp(client=AsyncWebClient(slack.team.bot_token, base_url=slack.api_url), signing_secret="unused")
    backfill = create_autospec(Backfill, instance=True)
    reader = create_autospec(SlackHistoryReader, instance=True)
    async with socket_mode.connected_by_socket_mode(app, slack.app.app_token, reader, backfill):
        await slack.wait_connected()
        before = len(await slack.calls("apps.connections.open"))
        await slack.refuse_sockets()
        await slack.cut_sockets()
        await slack.wait_until(lambda: slack.calls("apps.connections.open"), lambda calls: len(calls) > before)
        await slack.expire_socket_urls()
        await slack.refuse_sockets(False)
        await slack.wait_connected()
        await eventually(lambda: _count_runs(backfill), lambda count: count == 2)
    reader.disconnected.assert_called()


async def _count_runs(backfill: Backfill) -> int:
    count: int = backfill.start_run.await_count  # type: ignore[attr-defined]
    return count
