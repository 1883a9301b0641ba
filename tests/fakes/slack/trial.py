"""A small real Bolt app, to try the fake with: what it got, and how it answers."""

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

Got = list[dict[str, Any]]


class Trial:
    """An app that keeps what it was sent. `before` runs before the acknowledgement and may fail it."""

    def __init__(self, slack: SlackControl) -> None:
        client = AsyncWebClient(token=slack.team.bot_token, base_url=slack.api_url, retry_handlers=[])
        self.app = AsyncApp(client=client, signing_secret=slack.app.signing_secret, process_before_response=True)
        self.slack = slack
        self.events: Got = []
        self.before: Callable[[], Awaitable[None]] | None = None
        for kind in ("message", "app_mention", "app_home_opened", "agent_session_stopped", "app_uninstalled"):
            self.app.event(kind)(self._event)
        self.app.event("tokens_revoked")(self._event)

    async def _event(self, event: dict[str, Any], body: dict[str, Any], request: Any) -> None:
        retry = tuple(request.headers.get(f"x-slack-retry-{name}", [None])[0] for name in ("num", "reason"))
        self.events.append({**event, "event_id": body["event_id"], "retry": retry})
        if self.before is not None:
            await self.before()

    def got(self, kind: str) -> Got:
        """The events of one type, in the order Slack told them: Bolt takes them side by side."""
        return sorted((one for one in self.events if one["type"] == kind), key=lambda one: float(one["event_ts"]))

    def retries(self, ts: str) -> list[tuple[str | None, str | None]]:
        """The retry headers of every time a message came."""
        return [one["retry"] for one in self.events if one.get("ts") == ts]

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[Trial]:
        """Connected by Socket Mode."""
        handler: Any = AsyncSocketModeHandler(self.app, self.slack.app.app_token, ping_interval=1)
        try:
            await handler.connect_async()
            await self.slack.wait_connected()
            yield self
        finally:
            await handler.close_async()
            await self.slack.wait_until(self.slack.count_sockets, lambda open_: open_ == 0)

    @asynccontextmanager
    async def http(self) -> AsyncIterator[Trial]:
        """Listening for signed requests, and verified by Slack."""

        async def serve(request: web.Request) -> web.Response:
            return await to_aiohttp_response(await self.app.async_dispatch(await to_bolt_request(request)))

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


async def never() -> None:
    """A listener that takes too long."""
    await asyncio.sleep(60)


async def fails() -> None:
    """A listener that cannot."""
    raise RuntimeError("on purpose")
