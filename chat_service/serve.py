"""Serving the chat service: Restate's endpoint under an embedded hypercorn, with the settings that keep it up."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import restate
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope
from restate.server import install_shutdown_hook

from chat_service import runtime
from chat_service.conversation.channel import channel
from chat_service.conversation.chat import chat
from chat_service.conversation.directory import directory
from chat_service.conversation.effective import read_personas
from chat_service.conversation.housekeeping import service as housekeeping
from chat_service.conversation.inbox import inbox
from chat_service.conversation.summaries import service as summaries
from chat_service.conversation.titles import service as titles
from chat_service.conversation.transcript import transcript
from chat_service.errors import UserError
from chat_service.live import LiveBus, open_bus
from chat_service.models.configured import check_model
from chat_service.models.protocol import Endpoint
from chat_service.models.registry import open_models
from chat_service.settings import Settings
from chat_service.version import code_version

UNLIMITED = 2**31 - 1
GRACE_SECONDS = 10.0
"""How long turns in flight get to finish at a SIGTERM; what does not is taken up again by the next process."""
SERVICES = (chat, inbox, transcript, directory, channel, titles, summaries, housekeeping)


def hypercorn_config(host: str, port: int) -> Config:
    """Hypercorn's settings for Restate.

    The three limits at their default break the HTTP/2 link under load: about every 1,000 requests a `broken pipe`,
    each of which runs work again.
    """
    config = Config()
    config.bind = [f"{host}:{port}"]
    config.h2_max_concurrent_streams = UNLIMITED
    config.keep_alive_max_requests = UNLIMITED
    config.keep_alive_timeout = UNLIMITED
    config.graceful_timeout = GRACE_SECONDS
    config.loglevel = "WARNING"
    config.accesslog = None
    return config


def deployment_url(settings: Settings) -> str:
    """Where the engine finds this code version: every version has an address of its own.

    A turn is pinned to the address it began at, so the same address must never serve different code.
    """
    base = settings.chat_service_url or f"http://{settings.chat_service_host}:{settings.chat_service_port}"
    return f"{base.rstrip('/')}/{code_version()}"


@asynccontextmanager
async def serving(settings: Settings, *, model: Endpoint | None, bus: LiveBus) -> AsyncIterator[str]:
    """Serve until the block ends; yields the URL to register. `model` overrides the settings' endpoint.

    Raises:
        UserError: when the port is taken, or a setting cannot be used.
    """
    if model is None:
        check_model(settings)
    config = hypercorn_config(settings.chat_service_host, settings.chat_service_port)
    try:
        sockets = config.create_sockets()
    except OSError as error:
        raise UserError(
            f"port {settings.chat_service_port} is taken ({error.strerror}): free it or set CHAT_SERVICE_PORT"
        ) from error
    for socket in sockets.insecure_sockets:
        socket.listen(config.backlog)
    # `create_sockets` is what finds a busy port in time to say so; hypercorn then takes the very same sockets.
    config.bind = [f"fd://{socket.fileno()}" for socket in sockets.insecure_sockets]

    async with open_models(settings, model) as models:
        it = runtime.Runtime(settings=settings, models=models, bus=bus, personas=read_personas(settings.personas_file))
        runtime.install(it)
        chat.inactivity_timeout = timedelta(seconds=settings.turn_inactivity_seconds)
        app = _only_this_version(
            restate.app(
                services=SERVICES,
                protocol="bidi",
                identity_keys=[settings.restate_identity_key] if settings.restate_identity_key else None,
            )
        )
        stopping = asyncio.Event()
        listener = asyncio.create_task(it.halts.listen(bus))
        server = asyncio.create_task(hypercorn_serve(app, config, shutdown_trigger=stopping.wait))
        try:
            yield deployment_url(settings)
        finally:
            stopping.set()
            with contextlib.suppress(asyncio.CancelledError):
                await server
            listener.cancel()


async def serve(settings: Settings) -> None:
    """What `threadwell serve` runs: the endpoint alone, until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        # restate.app takes SIGTERM over; only a hook of its own kind is still called.
        install_shutdown_hook(loop, stopping.set, signum)
    async with open_bus(settings) as bus, serving(settings, model=None, bus=bus) as url:
        print(f"chat service at {url}", flush=True)  # noqa: T201
        await stopping.wait()


def _only_this_version(app: ASGIFramework) -> ASGIFramework:
    """Refuse requests for another version of the code: its turns must not run on this one unawares."""
    version = code_version()

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
