"""Events that could not be handed over to Restate are read again from the platform."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bots.common.backfill import Backfill, MissedEvent
from bots.common.errors import PermanentError, TransientError
from bots.common.events import PlatformEvent
from bots.common.ordered_queue import OrderedQueue, QueueFullError
from chat_service.contracts.channel import ChannelThread
from tests.processes import Stack, eventually, new_session_key


class Platform:
    """A platform with one channel, whose messages are read from a position on."""

    def __init__(self) -> None:
        self.space = f"slack:{new_session_key()}"
        self.scope = f"{self.space}:C1"
        self.conversation = f"{self.scope}:1.1"
        self.messages: list[MissedEvent] = []
        self.is_readable = True
        self.refusals = 0
        """How often the platform still refuses to list the channels."""

    async def list_spaces(self) -> list[str]:
        return [self.space]

    async def list_channels(self) -> list[str]:
        if self.refusals:
            self.refusals -= 1
            raise PermanentError("the token is refused")
        return [self.scope]

    async def read_since(self, scope: str, position: str, threads: list[ChannelThread]) -> list[MissedEvent]:
        if not self.is_readable:
            raise TransientError("the history is unavailable")
        return [message for message in self.messages if message.position > position]

    def current_position(self) -> str:
        return f"{time.time():.6f}"

    def post(self) -> MissedEvent:
        """Post a message."""
        id = f"message {len(self.messages)}"
        self.messages.append(MissedEvent(self.conversation, id, self.current_position(), {}))
        return self.messages[-1]


@asynccontextmanager
async def running_backfill(
    stack: Stack, platform: Platform, queue: OrderedQueue
) -> AsyncIterator[tuple[Backfill, list[str]]]:
    """Run a backfill that has finished its first run. Yield it and the list of ids that it hands over."""
    handed_over: list[str] = []

    async def send_event(conversation: str, id: str, event: PlatformEvent) -> None:
        handed_over.append(id)

    async with stack.ingress() as ingress:
        backfill = Backfill(platform, ingress, queue, send_event)
        await backfill.start_run()
        await backfill.wait_until_finished()
        position_task = asyncio.create_task(backfill.store_positions())
        try:
            yield backfill, handed_over
        finally:
            position_task.cancel()
            await backfill.close()
            await queue.close()


async def contains(handed_over: list[str], id: str) -> bool:
    return id in handed_over


async def fail() -> None:
    """Raise an error that is not retried."""
    raise ValueError("a bug")


async def test_event_refused_by_a_full_queue_is_read_again(stack: Stack) -> None:
    platform = Platform()
    async with running_backfill(stack, platform, OrderedQueue(max_waiting=0)) as (backfill, handed_over):
        message = platform.post()
        with pytest.raises(QueueFullError):
            backfill.enqueue(platform.scope, platform.conversation, message.id, message.position, fail)
        await eventually(lambda: contains(handed_over, message.id))


async def test_event_that_failed_to_be_handed_over_is_read_again(stack: Stack) -> None:
    platform = Platform()
    async with running_backfill(stack, platform, OrderedQueue()) as (backfill, handed_over):
        message = platform.post()
        done = backfill.enqueue(platform.scope, platform.conversation, message.id, message.position, fail)
        await asyncio.wait({done})
        backfill.mark_processed(platform.scope, platform.post().position)  # a later event does not hide it
        await eventually(lambda: contains(handed_over, message.id))


async def test_refused_list_of_channels_is_read_again(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal may end: a workspace migrates, or a scope is granted."""
    monkeypatch.setattr("bots.common.backfill.STORE_SPACES_SECONDS", 0.05)
    platform = Platform()
    platform.refusals = 2
    async with running_backfill(stack, platform, OrderedQueue()):  # its first run has finished
        assert platform.refusals == 0


async def test_live_event_does_not_wait_for_an_unreadable_history(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bots.common.backfill.LIVE_EVENT_SECONDS", 0.2)
    platform = Platform()
    async with running_backfill(stack, platform, OrderedQueue()) as (backfill, handed_over):
        platform.is_readable = False
        message = platform.post()
        await backfill.start_run()
        async with asyncio.timeout(10):
            await backfill.wait_for_channel(platform.scope)
        assert not handed_over, "the live event goes first"
        platform.is_readable = True
        await eventually(lambda: contains(handed_over, message.id))
