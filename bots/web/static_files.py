"""The files of `static/`, read and compressed once at the start."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from pathlib import Path

from aiohttp import web

FOLDER = Path(__file__).parent / "static"
IMMUTABLE = "public, max-age=31536000, immutable"
"""A browser keeps the file and does not ask for it again (RFC 8246)."""


class StaticFiles:
    """The files of the page, with a version of all of them in their URLs.

    The HTML pages name the other files `/static/VERSION/PATH`, so that opening the page again requests the HTML only.
    """

    def __init__(self) -> None:
        bodies = {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in sorted(FOLDER.rglob("*.*"))}
        self.version = hashlib.sha256(repr(bodies).encode()).hexdigest()[:16]
        self._bodies = {
            name: body.replace(b'"/static/', f'"/static/{self.version}/'.encode()) if name.endswith(".html") else body
            for name, body in bodies.items()
        }
        self._gzipped = {name: gzip.compress(body, 9, mtime=0) for name, body in self._bodies.items()}

    def response(self, request: web.Request, name: str, *, version: str = "") -> web.Response:
        """Return a file, compressed if the browser accepts that.

        `version` is the version in the request's URL; another one than the current is of a page that another release
        has sent, and must not be kept under that URL.

        Raises:
            web.HTTPNotFound: when there is no such file.
        """
        body = self._bodies.get(name)
        if body is None:
            raise web.HTTPNotFound(text="there is no such file")
        headers = {"Cache-Control": IMMUTABLE if version == self.version else "no-cache", "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            body, headers["Content-Encoding"] = self._gzipped[name], "gzip"
        content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return web.Response(body=body, content_type=content_type, charset="utf-8", headers=headers)
