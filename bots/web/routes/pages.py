"""The HTML pages, the static files and the sign-in of the web server."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from bots.web.auth import Authenticator
from bots.web.routes.request import ID

STATIC = Path(__file__).parent.parent / "static"


class PageRoutes:
    """Serve the files of `static/`, which are read once at the start."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator
        self._files = {
            f"/static/{path.relative_to(STATIC).as_posix()}": StaticFile.read(path) for path in STATIC.rglob("*.*")
        }

    def routes(self) -> list[web.RouteDef]:
        """Return the routes. The last one matches every other path outside of `/api/` and `/static/`."""
        return [
            web.get("/", self.index),
            web.get("/c/{conversation}", self.index),
            web.get("/join", self.join),
            web.get("/static/{path:.+}", self.static_file),
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
            return self._files["/static/signin.html"].response(request)
        response = self._files["/static/index.html"].response(request)
        self._authenticator.set_identity_cookies(request, response)
        return response

    async def join(self, request: web.Request) -> web.StreamResponse:
        """Serve the page for a second device. The token follows a `#`, so it reaches no server and no log."""
        return self._files["/static/join.html"].response(request)

    async def static_file(self, request: web.Request) -> web.StreamResponse:
        """Serve a file of `static/`."""
        file = self._files.get(request.path)
        if file is None:
            raise web.HTTPNotFound(text="there is no such file")
        return file.response(request)

    async def not_found(self, request: web.Request) -> web.StreamResponse:
        """Answer 404: with a page for a browser, with one line for other clients."""
        if "text/html" not in request.headers.get("Accept", ""):
            raise web.HTTPNotFound(text="there is no such page")
        response = self._files["/static/not-found.html"].response(request)
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


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A static file, read and compressed once."""

    body: bytes
    gzipped: bytes
    etag: str
    content_type: str

    @classmethod
    def read(cls, path: Path) -> StaticFile:
        """Read a file and compute its ETag."""
        body = path.read_bytes()
        content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return cls(body, gzip.compress(body, 9, mtime=0), hashlib.sha256(body).hexdigest()[:16], content_type)

    def response(self, request: web.Request) -> web.Response:
        """Return the file, or 304 when the browser has this version."""
        headers = {"ETag": f'"{self.etag}"', "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if request.headers.get("If-None-Match") == f'"{self.etag}"':
            return web.Response(status=304, headers=headers)
        body = self.body
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            body, headers["Content-Encoding"] = self.gzipped, "gzip"
        return web.Response(body=body, content_type=self.content_type, charset="utf-8", headers=headers)
