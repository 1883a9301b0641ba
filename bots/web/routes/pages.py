"""The HTML pages, the static files and the sign-in of the web server."""

from __future__ import annotations

from aiohttp import web

from bots.web.auth import Authenticator
from bots.web.routes.request import ID
from bots.web.static_files import StaticFiles


class PageRoutes:
    """Serve the HTML pages and the files that they load."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator
        self._files = StaticFiles()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes. The last one matches every other path outside of `/api/` and `/static/`."""
        return [
            web.get("/", self.index),
            web.get("/c/{conversation}", self.index),
            web.get("/join", self.join),
            web.get("/static/{version:[0-9a-f]{16}}/{path:.+}", self.static_file),
            web.post("/api/signin", self.sign_in),
            web.get("/health", self.health),
            web.get(r"/{path:(?!api/|static/).+}", self.not_found),
        ]

    async def index(self, request: web.Request) -> web.StreamResponse:
        """Serve the page and give a new browser its identity; serve the sign-in page if a token is required."""
        if not ID.fullmatch(request.match_info.get("conversation", "none")):
            return await self.not_found(request)
        try:
            self._authenticator.identify(request)
        except web.HTTPUnauthorized:
            return self._files.response(request, "signin.html")
        response = self._files.response(request, "index.html")
        self._authenticator.set_identity_cookies(request, response)
        return response

    async def join(self, request: web.Request) -> web.StreamResponse:
        """Serve the page for a second device. The token follows a `#`, so it reaches no server and no log."""
        return self._files.response(request, "join.html")

    async def static_file(self, request: web.Request) -> web.StreamResponse:
        """Serve a file of `static/`."""
        return self._files.response(request, request.match_info["path"], version=request.match_info["version"])

    async def not_found(self, request: web.Request) -> web.StreamResponse:
        """Answer 404: with a page for a browser, with one line for other clients."""
        if "text/html" not in request.headers.get("Accept", ""):
            raise web.HTTPNotFound(text="there is no such page")
        response = self._files.response(request, "not-found.html")
        response.set_status(404)
        return response

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """Check the access token and set the access cookie."""
        try:
            token = str((await request.json()).get("token", ""))
        except (ValueError, AttributeError) as error:
            raise web.HTTPBadRequest(text="JSON with a token is expected") from error
        response = web.json_response({})
        self._authenticator.sign_in(request, response, token)
        return response

    async def health(self, _: web.Request) -> web.Response:
        """Answer that the web server runs."""
        return web.json_response({"status": "ok"})
