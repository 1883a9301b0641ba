"""The live bus of a single process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chat_service.live.bus import ENDS_RETRY_WAIT, LiveEvent, Preview, RetryWait

BACKLOG = 1000
"""Events that a slow subscriber may lag behind before the oldest are dropped. It detects the gap by `offset`."""


class MemoryBus:
    """One asyncio queue for each subscriber. Previews are kept while their turns run."""

    def __init__(self) -> None:
        self._subscribers: dict[asyncio.Queue[LiveEvent], str] = {}
        self._previews: dict[str, Preview] = {}
        self._retry_waits: dict[str, RetryWait] = {}

    def publish(self, event: LiveEvent) -> None:
        self._record(event)
        for queue, prefix in self._subscribers.items():
            if event.conversation.startswith(prefix):
                put_or_drop_oldest(queue, event)

    @asynccontextmanager
    async def subscribe(self, prefix: str) -> AsyncIterator[AsyncIterator[LiveEvent]]:
        queue: asyncio.Queue[LiveEvent] = asyncio.Queue(BACKLOG)
        self._subscribers[queue] = prefix
        try:
            yield read_queue(queue)
        finally:
            del self._subscribers[queue]

    async def get_preview(self, conversation: str) -> Preview | None:
        return self._previews.get(conversation)

    async def get_retry_wait(self, conversation: str) -> RetryWait | None:
        return self._retry_waits.get(conversation)

    def _record(self, event: LiveEvent) -> None:
        if event.kind == "retry":
            self._retry_waits[event.conversation] = RetryWait.from_event(event)
        elif event.kind in ENDS_RETRY_WAIT:
            self._retry_waits.pop(event.conversation, None)
        if event.kind == "ended":
            self._previews.pop(event.conversation, None)
        elif event.kind == "delta":
            previous = self._previews.get(event.conversation)
            self._previews[event.conversation] = Preview.extend(previous, event)


def put_or_drop_oldest(queue: asyncio.Queue[LiveEvent], event: LiveEvent) -> None:
    """Put an event into the queue without waiting. A full queue loses its oldest event."""
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(event)


async def read_queue(queue: asyncio.Queue[LiveEvent]) -> AsyncIterator[LiveEvent]:
    """Yield the events of the queue without end."""
    while True:
        yield await queue.get()
