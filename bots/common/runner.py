"""Starts what Slack and Discord have in common: Restate objects, backfill, and postponed deliveries."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bots.common.backfill import Backfill, HistoryReader, SendEvent
from bots.common.background_tasks import running_tasks
from bots.common.delivery import delivery_object
from bots.common.dependencies import IntakeDependencies
from bots.common.endpoint import serving_objects
from bots.common.intake import intake_object
from bots.common.ordered_queue import OrderedQueue
from bots.common.posting import DeliveryDependencies
from bots.common.previews import Previews
from bots.common.protocols import ReplyWriter
from chat_service import handlers
from chat_service.ingress import IngressClient, IngressError
from chat_service.keys import Platform
from chat_service.live import LiveBus
from chat_service.settings import Settings

log = logging.getLogger(__name__)

RELEASE_SECONDS = (0.0, 5.0, 30.0)
"""Pauses before each release of postponed deliveries: a turn may still be about to postpone its delivery."""


@dataclass(frozen=True, slots=True)
class DeliveryAddress:
    """Where a bot serves its Restate objects. `url` is the address for Restate, if it differs from host and port."""

    host: str
    port: int
    url: str | None


@asynccontextmanager
async def serving_intake_and_delivery(
    platform: Platform,
    settings: Settings,
    dependencies: IntakeDependencies,
    writer: ReplyWriter,
    *,
    bus: LiveBus,
    address: DeliveryAddress,
    folder: Path,
) -> AsyncIterator[None]:
    """Serve a platform's intake and delivery objects while the block runs.

    `folder` contains the platform's code.

    Raises:
        UserError: the port is taken, or Restate does not start.
    """
    async with AsyncExitStack() as stack:
        previews = Previews(writer, bus)
        stack.push_async_callback(previews.close)
        objects = [
            intake_object(platform, dependencies),
            delivery_object(platform, DeliveryDependencies(writer, previews), settings),
        ]
        await stack.enter_async_context(
            serving_objects(
                settings,
                objects,
                folder=folder,
                host=address.host,
                port=address.port,
                url=address.url,
                name=platform.upper(),
            )
        )
        yield


@asynccontextmanager
async def running_backfill(
    reader: HistoryReader, ingress: IngressClient, send_event: SendEvent, *, detects_gaps: bool = True
) -> AsyncIterator[Backfill]:
    """Yield a backfill whose positions are stored while the block runs. The platform starts its runs."""
    queue = OrderedQueue()
    backfill = Backfill(reader, ingress, queue, send_event, detects_gaps=detects_gaps)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(queue.close)
        stack.push_async_callback(backfill.close)
        # Before `close`: a cancelled run looks finished, and the position would move past what it has not read.
        stack.push_async_callback(backfill.flush_positions)
        stack.enter_context(running_tasks(backfill.store_positions()))
        yield backfill


async def release_waiting_replies(ingress: IngressClient, get_spaces: Callable[[], Sequence[str]]) -> None:
    """Start deliveries that were postponed because the bot was not running.

    `get_spaces` returns the scopes of the bot's workspaces or servers."""
    for pause in RELEASE_SECONDS:
        await asyncio.sleep(pause)
        for space in get_spaces():
            with contextlib.suppress(IngressError, TimeoutError):
                released = await ingress.call(handlers.CHANNEL_RELEASE_DELIVERIES, space, None)
                if released.deliveries:
                    log.info("delivering %d postponed replies", released.deliveries)
