"""What is let go on its way to Restate is read again from the platform."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bots.common.backfill import Backfill, MissedEvent
from bots.common.events import PlatformEvent
from bots.common.ordered_queue import OrderedQueue, QueueFullError
from chat_service.contracts.channel import ChannelThread
from tests.fakes.model import ModelControl
from tests.processes import Stack, eventually, running_stack

SPACE, SCOPE, LANE = "slack:T1", "slack:T1:C1", "slack:T1:C1:1.1"


class Platform:
    """A platform with one channel; what was said there is read from its position on."""

    def __init__(self) -> None:
        self.said: list[MissedEvent] = []

    async def list_spaces(self) -> list[str]:
        return [SPACE]

    async def list_channels(self) -> list[str]:
        return [SCOPE]

    async def read_since(self, scope: str, position: str, threads: list[ChannelThread]) -> list[MissedEvent]:
        return [one for one in self.said if one.position > position]

    def current_position(self) -> str:
        return f"{time.time():.6f}"

    def say(self) -> MissedEvent:
        """Somebody says something."""
        self.said.append(MissedEvent(LANE, f"message {len(self.said)}", self.current_position(), {}))
        return self.said[-1]


@pytest.fixture(scope="module")
async def stack(
    engine_binary: Path, model: ModelControl, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    async with running_stack(engine_binary, tmp_path_factory.mktemp("catchup"), model) as stack:
        yield stack


@asynccontextmanager
async def caught_up(stack: Stack, platform: Platform, lanes: OrderedQueue) -> AsyncIterator[tuple[Backfill, list[str]]]:
    """A process whose catch-up has been through; gives it, and what was handed over."""
    handed: list[str] = []

    async def hand_over(conversation: str, id: str, arrival: PlatformEvent) -> None:
        handed.append(id)

    async with stack.ingress() as ingress:
        catch_up = Backfill(platform, ingress, lanes, hand_over)
        await catch_up.start_run()
        await catch_up.wait_until_finished()
        keeping = asyncio.create_task(catch_up.store_positions())
        try:
            yield catch_up, handed
        finally:
            keeping.cancel()
            await catch_up.close()
            await lanes.close()


async def is_in(handed: list[str], id: str) -> bool:
    return id in handed


async def broken() -> None:
    """A way to Restate that is none."""
    raise ValueError("a mistake")


async def test_event_refused_by_a_full_queue_is_read_again(stack: Stack) -> None:
    platform = Platform()
    async with caught_up(stack, platform, OrderedQueue(max_waiting=0)) as (catch_up, handed):
        one = platform.say()
        with pytest.raises(QueueFullError):
            catch_up.enqueue(SCOPE, LANE, one.id, one.position, broken)
        await eventually(lambda: is_in(handed, one.id))


async def test_event_that_failed_to_be_handed_over_is_read_again(stack: Stack) -> None:
    platform = Platform()
    async with caught_up(stack, platform, OrderedQueue()) as (catch_up, handed):
        one = platform.say()
        done = catch_up.enqueue(SCOPE, LANE, one.id, one.position, broken)
        await asyncio.wait({done})
        catch_up.mark_processed(SCOPE, platform.say().position)  # what comes later does not hide it
        await eventually(lambda: is_in(handed, one.id))
