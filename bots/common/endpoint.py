"""Serves a bot's Restate objects from the bot's process, under an address that contains the code version."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from restate import VirtualObject

from bots.common.background_tasks import running_tasks
from chat_service import hosts
from chat_service.endpoint import bound_config, bound_port, serving_endpoint
from chat_service.engine.registration import get_deployment_url, register
from chat_service.errors import UserError
from chat_service.settings import Settings
from chat_service.upgrade import restart_orphaned
from chat_service.version import code_version

log = logging.getLogger(__name__)

COMMON_FOLDER = Path(__file__).parent
CHECK_SECONDS = 5.0
MAX_FAILED_CHECKS = 2
"""Failed checks in a row after which another process counts as ended: a restart takes less time."""


@asynccontextmanager
async def serving_objects(
    settings: Settings,
    objects: Sequence[VirtualObject],
    *,
    folder: Path,
    host: str,
    port: int,
    url: str | None,
    name: str,
) -> AsyncIterator[str]:
    """Serve and register `objects` while the block runs, and continue the invocations of older versions of them.

    `name` is the prefix of the endpoint's settings (`SLACK` → `SLACK_DELIVERY_PORT`). `folder` contains the bot's code:
    a new version of it is a new deployment.

    Raises:
        UserError: the port is taken, or Restate does not start.
    """
    version = code_version(COMMON_FOLDER, folder)
    async with (
        bound_config(host, port, f"{name}_DELIVERY_PORT") as config,
        serving_endpoint(config, objects, version, settings.restate_identity_key),
    ):
        address = f"{(url or hosts.http_url(host, bound_port(config))).rstrip('/')}/{version}"
        await register(settings.admin_url, address)
        await restart_orphaned(settings, objects)
        with running_tasks(_stay_registered(settings, objects, address)):
            yield address


async def _stay_registered(settings: Settings, objects: Sequence[VirtualObject], address: str) -> None:
    """Register again when another process of the bot had registered after this one and has ended.

    Without this nothing would be answered although this process runs. Registering by mistake is harmless: events come
    here instead of to the other process, each of them once.
    """
    failed_checks = 0
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CHECK_SECONDS)) as session:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                current = await get_deployment_url(session, settings.admin_url, objects[0].name)
                has_failed = current not in (None, address) and await _is_unreachable(session, current)
                failed_checks = failed_checks + 1 if has_failed else 0
                if failed_checks >= MAX_FAILED_CHECKS:
                    log.warning("the bot's process at %s has ended: this process receives the events again", current)
                    await register(settings.admin_url, address)
                    await restart_orphaned(settings, objects)
                    failed_checks = 0
            except (aiohttp.ClientError, TimeoutError, UserError) as error:
                log.debug("the registered address of the bot could not be read: %s", error)


async def _is_unreachable(session: aiohttp.ClientSession, address: str | None) -> bool:
    """Return whether no process listens at the address. A slow one does."""
    try:
        async with session.get(address or ""):
            return False
    except aiohttp.ClientConnectorError:
        return True
