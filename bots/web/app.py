"""Putting the web adapter together and serving it."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import mimetypes
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from bots.web.auth import Authenticator, check_binding
from bots.web.feed import FeedRegistry
from bots.web.middleware import add_security_headers, create_middlewares
from bots.web.routes.account import AccountRoutes
from bots.web.routes.conversations import ConversationRoutes
from bots.web.routes.request import ID
from bots.web.routes.search import SearchRoutes
from bots.web.routes.versions import VersionRoutes
from bots.web.sse import create_events_route
from chat_service import hosts
from chat_service.errors import UserError
from chat_service.ingress import IngressClient
from chat_service.live import LiveBus, open_bus
from chat_service.settings import Settings

STATIC = Path(__file__).parent / "static"
MAX_BODY = 2 * 1024 * 1024
GRACE_SECONDS = 3.0


@asynccontextmanager
async def serving(settings: Settings, *, bus: LiveBus) -> AsyncIterator[str]:
    """Serve the page while the block runs; yields its URL.

    Raises:
        UserError: when the port is taken, or the page would be open to strangers.
    """
    check_binding(settings)
    async with IngressClient.connected(settings.ingress_url) as ingress:
        hub = FeedRegistry(ingress, bus)
        runner = web.AppRunner(
            _app(settings, ingress, bus, hub),
            access_log=None,
            shutdown_timeout=GRACE_SECONDS,
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
            await hub.close()
            await runner.cleanup()


async def run(settings: Settings) -> None:
    """What `threadwell bot web` runs, until SIGTERM or Ctrl-C."""
    stopping = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(signum, stopping.set)
    async with open_bus(settings) as bus, serving(settings, bus=bus) as url:
        print(f"page at {url}", flush=True)  # noqa: T201
        await stopping.wait()


def _app(settings: Settings, ingress: IngressClient, bus: LiveBus, hub: FeedRegistry) -> web.Application:
    gate = Authenticator(settings)
    app = web.Application(middlewares=create_middlewares(settings, gate), client_max_size=MAX_BODY)
    app.on_response_prepare.append(add_security_headers)
    files = {f"/static/{path.relative_to(STATIC).as_posix()}": _Asset.read(path) for path in STATIC.rglob("*.*")}

    async def page(request: web.Request) -> web.StreamResponse:
        """The page itself; it is what gives a browser its identity."""
        if not ID.fullmatch(request.match_info.get("conversation", "none")):
            return await lost(request)
        try:
            gate.person(request)
        except web.HTTPUnauthorized:
            return files["/static/signin.html"].response(request)
        response = files["/static/index.html"].response(request)
        gate.introduce(request, response)
        return response

    async def lost(request: web.Request) -> web.StreamResponse:
        """A person who came to the wrong address reads a page, a program a line."""
        if "text/html" not in request.headers.get("Accept", ""):
            raise web.HTTPNotFound(text="there is no such page")
        response = files["/static/lost.html"].response(request)
        response.set_status(404)
        return response

    async def asset(request: web.Request) -> web.StreamResponse:
        found = files.get(request.path)
        if found is None:
            raise web.HTTPNotFound(text="there is no such file")
        return found.response(request)

    async def sign_in(request: web.Request) -> web.StreamResponse:
        try:
            given = str((await request.json()).get("token", ""))
        except (ValueError, AttributeError) as error:
            raise web.HTTPBadRequest(text="JSON with a token is expected") from error
        response = web.json_response({})
        gate.sign_in(request, response, given)
        return response

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def joining(request: web.Request) -> web.StreamResponse:
        """Where a second device comes in. Its token stands behind a #, which no server and no log ever sees."""
        return files["/static/join.html"].response(request)

    app.add_routes(ConversationRoutes(ingress, bus, hub).routes())
    app.add_routes(SearchRoutes(ingress).routes())
    app.add_routes(AccountRoutes(settings, ingress, gate).routes())
    app.add_routes(VersionRoutes(ingress, hub).routes())
    app.add_routes(
        [
            create_events_route(hub),
            web.get("/", page),
            web.get("/c/{conversation}", page),
            web.get("/join", joining),
            web.get("/static/{path:.+}", asset),
            web.post("/api/signin", sign_in),
            web.get("/health", health),
            web.get(r"/{path:(?!api/|static/).+}", lost),
        ]
    )
    return app


@dataclass(frozen=True, slots=True)
class _Asset:
    """A file of the page, read and compressed once."""

    body: bytes
    packed: bytes
    tag: str
    kind: str

    @classmethod
    def read(cls, path: Path) -> _Asset:
        body = path.read_bytes()
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return cls(body, gzip.compress(body, 9, mtime=0), hashlib.sha256(body).hexdigest()[:16], kind)

    def response(self, request: web.Request) -> web.Response:
        """The file, or word that the browser has it already."""
        headers = {"ETag": f'"{self.tag}"', "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if request.headers.get("If-None-Match") == f'"{self.tag}"':
            return web.Response(status=304, headers=headers)
        body = self.body
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            body, headers["Content-Encoding"] = self.packed, "gzip"
        return web.Response(body=body, content_type=self.kind, charset="utf-8", headers=headers)
