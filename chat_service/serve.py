"""Serving the chat service."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from chat_service import hosts, runtime
from chat_service.domain.settings import read_personas
from chat_service.endpoint import answering, listening
from chat_service.errors import UserError
from chat_service.live import LiveBus, open_bus
from chat_service.models.availability import check_model, tell_of_absence
from chat_service.models.protocol import Endpoint
from chat_service.models.registry import open_models

# The handlers of these belong to Channel and to Chat.
from chat_service.objects import (
    channel_threads,  # noqa: F401
    chat_deletion,  # noqa: F401
    chat_edits,  # noqa: F401
    chat_stop,  # noqa: F401
    chat_versions,  # noqa: F401
)
from chat_service.objects.channel import channel
from chat_service.objects.chat import chat
from chat_service.objects.directory import directory
from chat_service.objects.erasure import service as housekeeping
from chat_service.objects.invitation import handover
from chat_service.objects.queue import queue
from chat_service.objects.quota import quota
from chat_service.objects.summaries import service as summaries
from chat_service.objects.titles import service as titles
from chat_service.objects.transcript import transcript
from chat_service.settings import Settings
from chat_service.signals import stoppable
from chat_service.version import code_version

log = logging.getLogger(__name__)

SERVICES = (chat, queue, transcript, directory, channel, quota, titles, summaries, housekeeping, handover)


def deployment_url(settings: Settings) -> str:
    """Where the engine finds this code version: every version has an address of its own.

    A turn is pinned to the address it began at, so the same address must never serve different code.
    """
    base = settings.chat_service_url or hosts.http(settings.chat_service_host, settings.chat_service_port)
    return f"{base.rstrip('/')}/{version(settings)}"


def version(settings: Settings) -> str:
    """Of the code, with the settings that decide which steps a turn takes: one that runs must find its own again."""
    has_fallback = bool(settings.fallback_model or settings.fallback_base_url)
    return code_version(given=f"{settings.burst} {settings.model_max_attempts} {has_fallback}")


@asynccontextmanager
async def serving(settings: Settings, *, model: Endpoint | None, bus: LiveBus) -> AsyncIterator[str]:
    """Serve until the block ends; yields the URL to register. `model` overrides the settings' endpoint.

    Raises:
        UserError: when the port is taken, or a setting cannot be used.
    """
    if model is None:
        check_model(settings)
    async with (
        listening(settings.chat_service_host, settings.chat_service_port, "CHAT_SERVICE_PORT") as config,
        open_models(settings, model) as models,
    ):
        personas = read_personas(settings.personas_file)
        if settings.persona != "default" and settings.persona not in personas:
            raise UserError(f"PERSONA={settings.persona}: there is no such persona in PERSONAS_FILE")
        it = runtime.Runtime(settings=settings, models=models, bus=bus, personas=personas)
        runtime.install(it)
        chat.inactivity_timeout = timedelta(seconds=settings.turn_inactivity_seconds)
        listener = asyncio.create_task(it.cancellations.listen(bus))
        try:
            async with answering(config, SERVICES, version(settings), settings.restate_identity_key):
                yield deployment_url(settings)
        finally:
            listener.cancel()


async def serve(settings: Settings) -> None:
    """What `threadwell serve` runs: the endpoint alone, until SIGTERM or SIGINT."""
    with stoppable() as stopping:
        async with open_bus(settings) as bus, serving(settings, model=None, bus=bus) as url:
            print(f"chat service at {url}", flush=True)  # noqa: T201
            looking = asyncio.create_task(tell_of_absence(runtime.current().models, log.warning))
            await stopping.wait()
            looking.cancel()
