"""Which bus this deployment has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chat_service.errors import UserError
from chat_service.live.bus import LiveBus
from chat_service.live.memory import MemoryBus
from chat_service.live.redis import RedisBus
from chat_service.settings import Settings


@asynccontextmanager
async def open_bus(settings: Settings) -> AsyncIterator[LiveBus]:
    """The bus that `LIVE_BUS_URL` names: `memory` (one process) or `redis://…` (several).

    Raises:
        UserError: when the URL is of no known kind.
    """
    url = settings.live_bus_url
    if url == "memory":
        yield MemoryBus()
    elif url.startswith(("redis://", "rediss://", "unix://")):
        async with RedisBus.connected(url) as bus:
            yield bus
    else:
        raise UserError(f"LIVE_BUS_URL={url!r} is neither 'memory' nor a redis:// address")
