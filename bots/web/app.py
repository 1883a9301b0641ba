"""Create the web application and serve it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from bots.web.auth import Authenticator, check_binding
from bots.web.feed import FeedRegistry
from bots.web.middleware import add_security_headers, create_middlewares
from bots.web.routes.account import AccountRoutes
from bots.web.routes.conversations import ConversationRoutes
from bots.web.routes.invitations import InvitationRoutes
from bots.web.routes.pages import PageRoutes
from bots.web.routes.search import SearchRoutes
from bots.web.routes.versions import VersionRoutes
from bots.web.sse import create_events_route
from chat_service import hosts
from chat_service.errors import UserError
from chat_service.ingress import IngressClient
from chat_service.live import LiveBus, open_bus
from chat_service.settings import Settings

MAX_BODY_BYTES = 2 * 1024 * 1024
SHUTDOWN_SECONDS = 3.0


@asynccontextmanager
async def serving(settings: Settings, *, bus: LiveBus) -> AsyncIterator[str]:
    """Serve the page while the block runs, and yield its URL.

    Raises:
        UserError: the port is taken, or the page would be open to other machines without authentication.
    """
    check_binding(settings)
    async with IngressClient.connected(settings.ingress_url) as ingress:
        feeds = FeedRegistry(ingress, bus)
        runner = web.AppRunner(
            _create_app(settings, ingress, bus, feeds),
            access_log=None,
            shutdown_timeout=SHUTDOWN_SECONDS,
            handler_cancellation=True,
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, settings.web_host, settings.web_port)
            try:
                await site.start()
            except OSError as error:
                raise UserError(
                    f"the page cannot listen on {settings.web_host}:{settings.web_port} ({error.strerror}): "
                    "free the port or set WEB_PORT"
                ) from error
            port = runner.addresses[0][1]
            host = settings.web_host if settings.web_host not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104
            yield hosts.http_url(host, port)
        finally:
            await feeds.close()
            await runner.cleanup()


async def run(settings: Settings) -> None:
    """Run `threadwell bot web` until SIGTERM or Ctrl-C."""
    stop_requested = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(signum, stop_requested.set)
    async with open_bus(settings) as bus, serving(settings, bus=bus) as url:
        print(f"page at {url}", flush=True)  # noqa: T201
        await stop_requested.wait()


def _create_app(settings: Settings, ingress: IngressClient, bus: LiveBus, feeds: FeedRegistry) -> web.Application:
    authenticator = Authenticator(settings)
    app = web.Application(middlewares=create_middlewares(settings, authenticator), client_max_size=MAX_BODY_BYTES)
    app.on_response_prepare.append(add_security_headers)
    app.add_routes(ConversationRoutes(ingress, bus, feeds).routes())
    app.add_routes(VersionRoutes(ingress, feeds).routes())
    app.add_routes(SearchRoutes(ingress).routes())
    app.add_routes(AccountRoutes(settings, ingress, authenticator).routes())
    app.add_routes(InvitationRoutes(ingress, authenticator).routes())
    app.add_routes([create_events_route(feeds)])
    app.add_routes(PageRoutes(authenticator).routes())  # last: one of its routes matches every path
    return app
