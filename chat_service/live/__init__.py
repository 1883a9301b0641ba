"""The live bus: lossy previews of running replies and events for open pages. The history is always authoritative."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chat_service.errors import UserError
from chat_service.live.bus import LiveBus, LiveEvent, Preview
from chat_service.live.memory import MemoryBus
from chat_service.live.redis import RedisBus
from chat_service.settings import Settings

__all__ = ["LiveBus", "LiveEvent", "Preview", "open_bus"]


@asynccontextmanager
async def open_bus(settings: Settings) -> AsyncIterator[LiveBus]:
    """Open the bus that `LIVE_BUS_URL` names: `memory` (one process) or `redis://…` (several processes).

    Raises:
        UserError: when the URL is invalid.
    """
    url = settings.live_bus_url
    if url == "memory":
        yield MemoryBus()
    elif url.startswith(("redis://", "rediss://", "unix://")):
        async with RedisBus.connected(url) as bus:
            yield bus
    else:
        raise UserError(f"LIVE_BUS_URL={url!r} is neither 'memory' nor a redis:// URL")
