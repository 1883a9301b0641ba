"""What every request passes: the host it asks for, where it comes from, who it is, and how errors are told."""

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
"""The public id of whoever asks, on every request to the API but those in `OPEN`."""
EXPECTED_PERSON_HEADER = "X-Person"
"""For whom a window asks: one that was open when its browser joined must not write in a stranger's name."""
SAFE_METHODS = ("GET", "HEAD")
PUBLIC_PATHS = ("/health", "/api/signin", "/api/join", "/api/join/look")
READ_TIMEOUT_SECONDS = 10.0
"""Less than a page waits for what it reads: it shall hear what is wrong, and not guess."""
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


def create_middlewares(settings: Settings, gate: Authenticator) -> list[Callable[..., Awaitable[web.StreamResponse]]]:
    """Outermost first."""

    @web.middleware
    async def told(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Errors as one line of JSON, never a stack trace."""
        try:
            reads = request.method in SAFE_METHODS and request.path != EVENTS_PATH
            async with asyncio.timeout(READ_TIMEOUT_SECONDS if reads else None):
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
            return error_response(503, "The chat service is away. Nothing was lost; trying again helps.")
        except TimeoutError:
            return error_response(504, "The chat service did not answer in time. Nothing was lost; trying again helps.")
        except Exception:
            log.exception("%s %s", request.method, request.path)
            return error_response(500, "Something went wrong on our side.")

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        """No rebinding, no forged requests, and a person behind each one."""
        _check_host(settings, request)
        if request.method not in SAFE_METHODS:
            _check_origin(request)
        if request.path not in PUBLIC_PATHS and request.path.startswith("/api/"):
            person = gate.person(request)
            if person is None:
                raise web.HTTPUnauthorized(text="open the page first: it gives this browser its identity")
            if request.headers.get(EXPECTED_PERSON_HEADER, person) != person:
                raise web.HTTPPreconditionFailed(text="this browser is somebody else by now: load the page again")
            request[PERSON] = person
        return await handler(request)

    return [told, guarded]


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """The security headers, on every answer."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if request.path.startswith("/api/"):
        response.headers.setdefault("Cache-Control", "no-store")


def error_response(status: int, line: str) -> web.Response:
    """An error as the page expects it."""
    return web.json_response({"error": line}, status=status)


def _check_host(settings: Settings, request: web.Request) -> None:
    """A name that somebody pointed at 127.0.0.1 is not this page (DNS rebinding)."""
    if not (settings.web_is_loopback or settings.web_published_on_loopback):
        return
    if settings.web_access_token or settings.web_auth_header:
        return
    host = request.host
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    if name not in LOOPBACK_NAMES:
        raise web.HTTPForbidden(text="this page answers to 127.0.0.1 and localhost only")


def _check_origin(request: web.Request) -> None:
    """Changes come from the page itself: same origin, JSON, and nothing a plain form could send."""
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
    except ValueError:  # half an IPv6 address
        return ""
