"""A real Bolt app that records the events it receives, for the tests of the fake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from chat_service.engine.process import free_port
from tests.fakes.slack.control import SlackControl
from tests.fakes.slack.models import Json


class RecordingApp:
    """Records events. `before_ack` runs before the acknowledgement and may fail."""

    def __init__(self, slack: SlackControl) -> None:
        client = AsyncWebClient(token=slack.team.bot_token, base_url=slack.api_url, retry_handlers=[])
        self.bolt = AsyncApp(client=client, signing_secret=slack.app.signing_secret, process_before_response=True)
        self.slack = slack
        self.recorded: list[Json] = []
        self.before_ack: Callable[[], Awaitable[None]] | None = None
        for kind in ("message", "app_mention", "app_home_opened", "agent_session_stopped"):
            self.bolt.event(kind)(self._record)

    @property
    def client(self) -> Any:
        """The bot's AsyncWebClient; Any, because its annotations do not allow `**arguments` of mixed types."""
        return self.bolt.client

    async def _record(self, event: Json, body: Json, request: Any) -> None:
        retry = tuple(request.headers.get(f"x-slack-retry-{name}", [None])[0] for name in ("num", "reason"))
        self.recorded.append({**event, "event_id": body["event_id"], "retry": retry})
        if self.before_ack is not None:
            await self.before_ack()

    def events(self, kind: str) -> list[Json]:
        """Return the events of one type in the order of their timestamps, because Bolt handles them concurrently."""
        found = [event for event in self.recorded if event["type"] == kind]
        return sorted(found, key=lambda event: float(event["event_ts"]))

    def retry_headers(self, ts: str) -> list[tuple[str | None, str | None]]:
        """Return the retry headers (number, reason) of every delivery of a message."""
        return [event["retry"] for event in self.recorded if event.get("ts") == ts]

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[RecordingApp]:
        """Connect by Socket Mode."""
        handler: Any = AsyncSocketModeHandler(self.bolt, self.slack.app.app_token, ping_interval=1)
        try:
            await handler.connect_async()
            await self.slack.wait_connected()
            yield self
        finally:
            await handler.close_async()
            await self.slack.wait_until(self.slack.count_sockets, lambda count: count == 0)

    @asynccontextmanager
    async def http(self) -> AsyncIterator[RecordingApp]:
        """Serve signed requests at a verified address."""

        async def serve(request: web.Request) -> web.Response:
            return await to_aiohttp_response(await self.bolt.async_dispatch(await to_bolt_request(request)))

        app = web.Application()
        app.router.add_post("/slack/events", serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{port}/slack/events"
        try:
            await self.slack.set_request_url(self.url)
            yield self
        finally:
            await runner.cleanup()
            await self.slack.configure_app(socket_mode=True, request_url=None)


async def wait_too_long() -> None:
    """Wait longer than Slack waits for an acknowledgement."""
    await asyncio.sleep(60)


async def fail() -> None:
    """Raise RuntimeError."""
    raise RuntimeError("on purpose")
