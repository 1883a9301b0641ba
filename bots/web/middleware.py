"""Checks and error handling for every request: host, origin, identity, timeouts and errors as JSON."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import ValidationError

from bots.web.auth import Authenticator
from chat_service.contracts.validation_errors import first_mistake
from chat_service.ingress import IngressError
from chat_service.settings import Settings

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PERSON = web.RequestKey("person", str)
"""The public id of the person who sends the request; set for every API path that is not in `PUBLIC_PATHS`."""
EXPECTED_PERSON_HEADER = "X-Person"
"""The person for whom a window was opened. Its browser may have joined another person since then."""
SAFE_METHODS = ("GET", "HEAD")
PUBLIC_PATHS = ("/health", "/api/signin", "/api/join", "/api/join/check")
READ_TIMEOUT_SECONDS = 10.0
"""Shorter than the page's own timeout for reads, so that the page gets an error message."""
EVENTS_PATH = "/api/events"
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def create_middlewares(
    settings: Settings, authenticator: Authenticator
) -> list[Callable[..., Awaitable[web.StreamResponse]]]:
    """Return the middlewares, the outermost first."""

    @web.middleware
    async def check_request(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check host and origin, and identify the person for API requests."""
        _check_host(settings, request)
        if request.method not in SAFE_METHODS:
            _check_origin(request)
        if request.path not in PUBLIC_PATHS and request.path.startswith("/api/"):
            person = authenticator.identify(request)
            if person is None:
                raise web.HTTPUnauthorized(text="open the page first: it gives this browser its identity")
            if request.headers.get(EXPECTED_PERSON_HEADER, person) != person:
                raise web.HTTPPreconditionFailed(text="this browser has another identity now: load the page again")
            request[PERSON] = person
        return await handler(request)

    return [errors_as_json, check_request]


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error with one line of JSON, never with a stack trace."""
    try:
        is_read = request.method in SAFE_METHODS and request.path != EVENTS_PATH
        async with asyncio.timeout(READ_TIMEOUT_SECONDS if is_read else None):
            return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return error_response(error.status, error.text or error.reason)
    except ValidationError as error:
        return error_response(400, first_mistake(error))
    except IngressError as error:
        if error.from_handler and 400 <= error.status < 500:
            return error_response(error.status, error.message)
        log.warning("%s %s: %s", request.method, request.path, error.message)
        return error_response(503, "The chat service is unreachable. Nothing was lost; try again.")
    except TimeoutError:
        return error_response(504, "The chat service did not answer in time. Nothing was lost; try again.")
    except Exception:
        log.exception("%s %s", request.method, request.path)
        return error_response(500, "Something went wrong on the server.")


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the security headers to a response."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if request.path.startswith("/api/"):
        response.headers.setdefault("Cache-Control", "no-store")


def error_response(status: int, message: str) -> web.Response:
    """Return an error in the format that the page reads."""
    return web.json_response({"error": message}, status=status)


def _check_host(settings: Settings, request: web.Request) -> None:
    """Reject foreign host names that resolve to 127.0.0.1 (DNS rebinding)."""
    if not (settings.web_is_loopback or settings.web_published_on_loopback):
        return
    if settings.web_access_token or settings.web_auth_header:
        return
    host = request.host
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    if name not in LOOPBACK_NAMES:
        raise web.HTTPForbidden(text="this page answers to 127.0.0.1 and localhost only")


def _check_origin(request: web.Request) -> None:
    """Reject requests from other sites and content types that a plain HTML form could send."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise web.HTTPForbidden(text="this request comes from another site")
    origin = request.headers.get("Origin")
    if origin is not None and _host_of(origin) != request.host:
        raise web.HTTPForbidden(text="this request comes from another site")
    if request.body_exists and request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="JSON is expected")


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # for example an incomplete IPv6 address
        return ""
