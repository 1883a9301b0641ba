"""An endpoint of Restate under an embedded hypercorn, with the settings that keep it up.

The chat service is served by it, and so is the delivery of each bot: every one on a port of its own, and every version
of the code under a path of its own.
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
CUT_SECONDS = 3.0
"""How long turns in flight get to finish at a SIGTERM; what does not is taken up again by the next process."""


def hypercorn_config(host: str, port: int) -> Config:
    """Hypercorn's settings for Restate.

    The three limits at their default break the HTTP/2 link under load: about every 1,000 requests a `broken pipe`,
    each of which runs work again.
    """
    config = Config()
    config.bind = [hosts.http(host, port).removeprefix("http://")]
    config.h2_max_concurrent_streams = UNLIMITED
    config.keep_alive_max_requests = UNLIMITED
    config.keep_alive_timeout = UNLIMITED
    config.graceful_timeout = GRACE_SECONDS + CUT_SECONDS  # `answering` cuts what is left before
    config.loglevel = "WARNING"
    config.accesslog = None
    return config


@asynccontextmanager
async def listening(host: str, port: int, setting: str) -> AsyncIterator[Config]:
    """Hypercorn's settings with the port already taken; `setting` is the variable that moves it.

    Raises:
        UserError: when the port is taken.
    """
    config = hypercorn_config(host, port)
    try:
        sockets = config.create_sockets()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(f"port {port} is taken: free it or set {setting}") from error
        host_setting = setting.removesuffix("PORT") + "HOST"
        raise UserError(
            f"one cannot listen at {host}, port {port} ({error.strerror}): correct {host_setting} or {setting}"
        ) from error
    for taken in sockets.insecure_sockets:
        taken.listen(config.backlog)
    # `create_sockets` is what finds a busy port in time to say so; hypercorn then takes the very same sockets.
    config.bind = [f"fd://{taken.fileno()}" for taken in sockets.insecure_sockets]
    yield config


def bound_port(config: Config) -> int:
    """The port that was taken: another than the one asked for, if that was 0, for any that is free."""
    with socket.socket(fileno=os.dup(int(config.bind[0].removeprefix("fd://")))) as taken:
        return int(taken.getsockname()[1])


@asynccontextmanager
async def answering(
    config: Config, services: Sequence[Service | VirtualObject], version: str, identity_key: str | None
) -> AsyncIterator[None]:
    """Serve `services` under `/{version}` while the block runs. At its end calls in flight get `GRACE_SECONDS`.

    Raises:
        UserError: when the identity key is none.
    """
    try:
        app = restate.app(services=services, protocol="bidi", identity_keys=[identity_key] if identity_key else None)
    except Exception as error:  # the SDK's own kind of error is not to be had by name
        if identity_key is None:
            raise
        raise UserError(
            f"RESTATE_IDENTITY_KEY={identity_key} is no public key ({error}): copy the publickeyv1_… that Restate's "
            "log names at its start"
        ) from error
    stopping = asyncio.Event()
    calls: set[asyncio.Task[None]] = set()
    server = asyncio.create_task(
        hypercorn_serve(_counted(_only_this_version(app, version), calls), config, shutdown_trigger=stopping.wait)
    )
    try:
        yield
    finally:
        failed = server.done()
        for name in ("restate.server", "hypercorn.error", "asyncio"):
            logging.getLogger(name).addFilter(_is_news)
        stopping.set()
        # Trap: from Python 3.12.1 on hypercorn waits for open connections without end, before its own limit begins; and
        # Restate's connection is open as long as a call is in flight on it.
        await asyncio.wait({server}, timeout=GRACE_SECONDS)
        try:
            async with asyncio.timeout(CUT_SECONDS):
                while not server.done():
                    for call in calls:  # also those that the engine has begun anew meanwhile
                        call.cancel()
                    await asyncio.wait({server}, timeout=0.1)
            await server
        except (asyncio.CancelledError, TimeoutError):
            server.cancel()
        except Exception as error:
            if failed:
                raise
            log.debug("calls in flight were cut: %r", error)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line is none of those about calls that outlast the time they are given at the end: they are cut, each
    with a stack trace or two, and the next process takes them up."""
    error = record.exc_info[1] if record.exc_info else None
    is_cut = isinstance(error, RuntimeError) and str(error).endswith("is shutting down")
    # A group: what breaks in a connection's own tasks when it ends under them.
    return not (is_cut or isinstance(error, asyncio.CancelledError | BaseExceptionGroup))


def _counted(app: ASGIFramework, calls: set[asyncio.Task[None]]) -> ASGIFramework:
    """Keep the tasks of the calls in flight in `calls`."""

    async def counted(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        call = asyncio.current_task()
        if call is None or scope["type"] != "http":
            await app(scope, receive, send)
            return
        calls.add(call)
        try:
            await app(scope, receive, send)
        finally:
            calls.discard(call)

    return counted


def _only_this_version(app: ASGIFramework, version: str) -> ASGIFramework:
    """Refuse requests for another version of the code: its turns must not run on this one unawares."""

    async def guarded(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "http" and scope["path"].split("/")[1] not in (version, "health"):
            await send({"type": "http.response.start", "status": 404, "headers": [], "trailers": False})
            await send({"type": "http.response.body", "body": b"another version of the code", "more_body": True})
            # The engine streams its request. What arrives of it after the answer has ended breaks hypercorn's whole
            # connection (a KeyError in its reader), and with it every other call on it: so wait for the engine to end.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE_SECONDS):
                    while (message := await receive())["type"] == "http.request" and message["more_body"]:
                        pass
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        await app(scope, receive, send)

    return guarded
