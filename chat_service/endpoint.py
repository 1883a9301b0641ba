"""A Restate service endpoint, served by an embedded hypercorn.

The chat service and the delivery service of each bot use it. Each listens on its own port, and each code version has
its own path.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import restate
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope
from restate import Service, VirtualObject

from chat_service import hosts
from chat_service.errors import UserError

log = logging.getLogger(__name__)

UNLIMITED = 2**31 - 1
GRACE_SECONDS = 10.0
"""Time in which turns in flight may finish after SIGTERM. The next process resumes the others."""
CANCEL_SECONDS = 3.0
"""Time in which cancelled calls may end after that."""


def hypercorn_config(host: str, port: int) -> Config:
    """Return hypercorn's settings for an endpoint that Restate calls.

    Trap: with the default values of the first three limits the HTTP/2 connection breaks under load. About every 1,000
    requests there is a `broken pipe`, and each one runs a turn again.
    """
    config = Config()
    config.bind = [hosts.http_url(host, port).removeprefix("http://")]
    config.h2_max_concurrent_streams = UNLIMITED
    config.keep_alive_max_requests = UNLIMITED
    config.keep_alive_timeout = UNLIMITED
    config.graceful_timeout = GRACE_SECONDS + CANCEL_SECONDS  # `serving_endpoint` cancels calls before
    config.loglevel = "WARNING"
    config.accesslog = None
    return config


@asynccontextmanager
async def bound_config(host: str, port: int, setting: str) -> AsyncIterator[Config]:
    """Bind the port and yield hypercorn's settings with its sockets. `setting` is the variable that changes the port.

    Raises:
        UserError: when the port is in use or the host is not an address of this machine.
    """
    config = hypercorn_config(host, port)
    try:
        sockets = config.create_sockets()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(f"port {port} is taken: free it or set {setting}") from error
        host_setting = setting.removesuffix("PORT") + "HOST"
        raise UserError(
            f"cannot listen on {host}, port {port} ({error.strerror}): correct {host_setting} or {setting}"
        ) from error
    for bound in sockets.insecure_sockets:
        bound.listen(config.backlog)
    # `create_sockets` detects a port in use before the start; hypercorn then uses these sockets by file descriptor.
    config.bind = [f"fd://{bound.fileno()}" for bound in sockets.insecure_sockets]
    yield config


def bound_port(config: Config) -> int:
    """Return the bound port. It differs from the configured port if that was 0, which picks a free one."""
    with socket.socket(fileno=os.dup(int(config.bind[0].removeprefix("fd://")))) as bound:
        return int(bound.getsockname()[1])


@asynccontextmanager
async def serving_endpoint(
    config: Config, services: Sequence[Service | VirtualObject], version: str, identity_key: str | None
) -> AsyncIterator[None]:
    """Serve `services` under `/{version}` while the block runs. At its end calls in flight get `GRACE_SECONDS`.

    Raises:
        UserError: when `identity_key` is not a public key.
    """
    app = _restate_app(services, identity_key)
    shutdown = asyncio.Event()
    calls: set[asyncio.Task[None]] = set()
    server = asyncio.create_task(
        hypercorn_serve(
            _track_calls(_reject_other_versions(app, version), calls), config, shutdown_trigger=shutdown.wait
        )
    )
    try:
        yield
    finally:
        has_failed = server.done()
        for name in ("restate.server", "hypercorn.error", "asyncio"):
            logging.getLogger(name).addFilter(_is_not_cancelled_call)
        shutdown.set()
        # Trap: from Python 3.12.1 on hypercorn waits for open connections without end before its own limit begins, and
        # Restate's connection is open as long as a call is in flight on it.
        await asyncio.wait({server}, timeout=GRACE_SECONDS)
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                while not server.done():
                    for call in calls:  # includes calls that Restate has retried meanwhile
                        call.cancel()
                    await asyncio.wait({server}, timeout=0.1)
            await server
        except (asyncio.CancelledError, TimeoutError):
            server.cancel()
        except Exception as error:
            if has_failed:
                raise
            log.debug("calls in flight were cancelled: %r", error)


def _restate_app(services: Sequence[Service | VirtualObject], identity_key: str | None) -> ASGIFramework:
    keys = [identity_key] if identity_key else None
    try:
        app: ASGIFramework = restate.app(services=services, protocol="bidi", identity_keys=keys)
    except Exception as error:  # the SDK does not export the class of this error
        if identity_key is None:
            raise
        raise UserError(
            f"RESTATE_IDENTITY_KEY={identity_key} is not a public key ({error}): copy the publickeyv1_… from Restate's "
            "log at its start"
        ) from error
    return app


def _is_not_cancelled_call(record: logging.LogRecord) -> bool:
    """Return whether a log record is about anything but a call that was cancelled at the shutdown.

    Such a call logs one or two stack traces, although the next process resumes it.
    """
    error = record.exc_info[1] if record.exc_info else None
    is_shutdown = isinstance(error, RuntimeError) and str(error).endswith("is shutting down")
    # An exception group comes from the tasks of a connection that ends under them.
    return not (is_shutdown or isinstance(error, asyncio.CancelledError | BaseExceptionGroup))


def _track_calls(app: ASGIFramework, calls: set[asyncio.Task[None]]) -> ASGIFramework:
    """Wrap `app` so that `calls` holds the tasks of the calls in flight."""

    async def tracked(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        call = asyncio.current_task()
        if call is None or scope["type"] != "http":
            await app(scope, receive, send)
            return
        calls.add(call)
        try:
            await app(scope, receive, send)
        finally:
            calls.discard(call)

    return tracked


def _reject_other_versions(app: ASGIFramework, version: str) -> ASGIFramework:
    """Wrap `app` so that requests for another code version get a 404: its turns must not run on this version."""

    async def checked(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "http" and scope["path"].split("/")[1] not in (version, "health"):
            await send({"type": "http.response.start", "status": 404, "headers": [], "trailers": False})
            await send({"type": "http.response.body", "body": b"another version of the code", "more_body": True})
            # Trap: Restate streams its request. A part that arrives after the response breaks hypercorn's whole
            # connection (a KeyError in its reader) with all other calls on it. So read the request to its end first.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE_SECONDS):
                    while (message := await receive())["type"] == "http.request" and message["more_body"]:
                        pass
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        await app(scope, receive, send)

    return checked
