"""Serve the chat service: its Restate endpoint with the models and the live bus."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from chat_service import hosts, runtime
from chat_service.endpoint import bound_config, serving_endpoint
from chat_service.errors import UserError
from chat_service.live import LiveBus, open_bus
from chat_service.models.availability import check_model_configured, report_unavailable_models
from chat_service.models.protocol import Endpoint
from chat_service.models.registry import open_models
from chat_service.objects.services import CHAT, SERVICES
from chat_service.personas import read_personas
from chat_service.settings import Settings
from chat_service.signals import handling_stop_signals
from chat_service.version import code_version

log = logging.getLogger(__name__)


def deployment_url(settings: Settings) -> str:
    """Return the URL at which Restate finds this code version.

    Every version has its own URL: a turn is pinned to the URL at which it began, so a URL must never serve other code.
    """
    base = settings.chat_service_url or hosts.http_url(settings.chat_service_host, settings.chat_service_port)
    return f"{base.rstrip('/')}/{version(settings)}"


def version(settings: Settings) -> str:
    """Return the version of the code and of the settings that decide which steps a turn has: a replay must find the
    same steps again."""
    has_fallback = bool(settings.fallback_model or settings.fallback_base_url)
    return code_version(salt=f"{settings.burst} {settings.model_max_attempts} {has_fallback}")


@asynccontextmanager
async def serving(settings: Settings, *, model: Endpoint | None, bus: LiveBus) -> AsyncIterator[str]:
    """Serve until the block ends; yields the URL to register. `model` overrides the settings' endpoint.

    Raises:
        UserError: when the port is taken, or a setting cannot be used.
    """
    if model is None:
        check_model_configured(settings)
    async with (
        bound_config(settings.chat_service_host, settings.chat_service_port, "CHAT_SERVICE_PORT") as config,
        open_models(settings, model) as models,
    ):
        personas = read_personas(settings.personas_file)
        if settings.persona != "default" and settings.persona not in personas:
            raise UserError(f"PERSONA={settings.persona}: there is no such persona in PERSONAS_FILE")
        current = runtime.Runtime(settings=settings, models=models, bus=bus, personas=personas)
        runtime.install(current)
        CHAT.inactivity_timeout = timedelta(seconds=settings.turn_inactivity_seconds)
        listener = asyncio.create_task(current.cancellations.listen_for_stops(bus))
        try:
            async with serving_endpoint(config, SERVICES, version(settings), settings.restate_identity_key):
                yield deployment_url(settings)
        finally:
            listener.cancel()


async def serve(settings: Settings) -> None:
    """Serve the chat service alone, until SIGTERM or SIGINT (`threadwell serve`)."""
    with handling_stop_signals() as stopping:
        async with open_bus(settings) as bus, serving(settings, model=None, bus=bus) as url:
            print(f"chat service at {url}", flush=True)  # noqa: T201
            reporter = asyncio.create_task(report_unavailable_models(runtime.current().models, log.warning))
            await stopping.wait()
            reporter.cancel()
