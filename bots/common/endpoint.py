"""The endpoint of a bot: its intake and its delivery, served by its own process under its own versioned address."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from restate import VirtualObject

from chat_service import hosts
from chat_service.endpoint import bound_config, bound_port, serving_endpoint
from chat_service.engine.registration import get_deployment_url, register
from chat_service.errors import UserError
from chat_service.settings import Settings
from chat_service.upgrade import rescue
from chat_service.version import code_version

log = logging.getLogger(__name__)

SHARED = Path(__file__).parent
LOOK_SECONDS = 5.0
MISSES = 2
"""Looks in a row at which the other was gone: a restart is shorter."""


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
    """Serve and register `objects` while the block runs, and take up what an older version of them left behind.

    `name` is the prefix of the settings that move the endpoint (`SLACK` → `SLACK_DELIVERY_PORT`), `folder` the bot's
    own code: a new version of it is a new deployment.

    Raises:
        UserError: when the port is taken, or Restate does not come up.
    """
    version = code_version(SHARED, folder)
    async with (
        bound_config(host, port, f"{name}_DELIVERY_PORT") as config,
        serving_endpoint(config, objects, version, settings.restate_identity_key),
    ):
        address = f"{(url or hosts.http_url(host, bound_port(config))).rstrip('/')}/{version}"
        await register(settings.admin_url, address)
        await rescue(settings, objects)
        holding = asyncio.create_task(_hold(settings, objects, address))
        try:
            yield address
        finally:
            holding.cancel()


async def _hold(settings: Settings, objects: Sequence[VirtualObject], address: str) -> None:
    """Take the bot's events back when another process of it, which had taken them over, is gone: else nobody would be
    answered, though this one is there. Taken back in error, events come here instead of there, each once all the same.
    """
    missed = 0
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=LOOK_SECONDS)) as session:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                current = await get_deployment_url(session, settings.admin_url, objects[0].name)
                missed = missed + 1 if current not in (None, address) and await _is_gone(session, current) else 0
                if missed >= MISSES:
                    log.warning("%s, which had taken over, is gone: events come to this process again", current)
                    await register(settings.admin_url, address)
                    await rescue(settings, objects)
                    missed = 0
            except (aiohttp.ClientError, TimeoutError, UserError) as error:
                log.debug("it could not be seen who gets the bot's events: %s", error)


async def _is_gone(session: aiohttp.ClientSession, address: str | None) -> bool:
    """Whether nobody listens there any more. One that is slow is there."""
    try:
        async with session.get(address or ""):
            return False
    except aiohttp.ClientConnectorError:
        return True
