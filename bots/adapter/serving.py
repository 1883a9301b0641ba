"""The endpoint of a bot: its intake and its delivery, served by its own process under its own versioned address."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from restate import VirtualObject

from chat_service import hosts
from chat_service.endpoint import answering, bound_port, listening
from chat_service.engine.registration import register
from chat_service.settings import Settings
from chat_service.upgrade import rescue
from chat_service.version import code_version

SHARED = Path(__file__).parent


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
        listening(host, port, f"{name}_DELIVERY_PORT") as config,
        answering(config, objects, version, settings.restate_identity_key),
    ):
        address = f"{(url or hosts.http(host, bound_port(config))).rstrip('/')}/{version}"
        await register(settings.admin_url, address)
        await rescue(settings, objects)
        yield address
