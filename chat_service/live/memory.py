"""The live bus of a single process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chat_service.live.bus import ENDS_PAUSE, LiveEvent, Pause, Preview

BACKLOG = 1000
"""Events a slow listener may lag behind before it loses the oldest ones; it sees the gap by `offset`."""


class MemoryBus:
    """Queues in this process; the text so far is kept while a turn runs."""

    def __init__(self) -> None:
        self._listeners: dict[asyncio.Queue[LiveEvent], str] = {}
        self._previews: dict[str, Preview] = {}
        self._pauses: dict[str, Pause] = {}

    def publish(self, event: LiveEvent) -> None:
        self._remember(event)
        for queue, prefix in self._listeners.items():
            if event.conversation.startswith(prefix):
                if queue.full():
                    queue.get_nowait()
                queue.put_nowait(event)

    @asynccontextmanager
    async def subscribe(self, prefix: str) -> AsyncIterator[AsyncIterator[LiveEvent]]:
        queue: asyncio.Queue[LiveEvent] = asyncio.Queue(BACKLOG)
        self._listeners[queue] = prefix
        try:
            yield drain(queue)
        finally:
            del self._listeners[queue]

    async def so_far(self, conversation: str) -> Preview | None:
        return self._previews.get(conversation)

    async def pause(self, conversation: str) -> Pause | None:
        return self._pauses.get(conversation)

    def _remember(self, event: LiveEvent) -> None:
        if event.kind == "retry":
            self._pauses[event.conversation] = Pause.told(event)
        elif event.kind in ENDS_PAUSE:
            self._pauses.pop(event.conversation, None)
        if event.kind == "ended":
            self._previews.pop(event.conversation, None)
        elif event.kind == "delta":
            said = self._previews.get(event.conversation)
            self._previews[event.conversation] = Preview.extended(said, event)


async def drain(queue: asyncio.Queue[LiveEvent]) -> AsyncIterator[LiveEvent]:
    """The queue's events for ever, as they come."""
    while True:
        yield await queue.get()
