"""Hands events to Restate one at a time per conversation, in the platform's order.

An event that Restate does not accept yet is tried again from memory and holds back the later ones: Restate keeps the
order in which it accepts events, so no event may overtake another here. A repeat of an event that still waits joins it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tenacity import AsyncRetrying, before_sleep_log, retry_if_exception_type, wait_exponential_jitter

from chat_service.ingress import IngressError

log = logging.getLogger(__name__)

MAX_WAITING = 10_000
MAX_RETRY_PAUSE = 5.0

Work = Callable[[], Awaitable[None]]


class QueueFullError(Exception):
    """Raised when too many events wait in memory. The platform has to keep the event and try again."""


@dataclass(order=True)
class _Item:
    position: str
    id: str = field(compare=False)
    work: Work = field(compare=False)
    done: asyncio.Future[None] = field(compare=False)


class OrderedQueue:
    """The events of one process that Restate has not accepted yet. `scope` groups conversations for `first_waiting`."""

    def __init__(self, max_waiting: int = MAX_WAITING) -> None:
        self._max_waiting = max_waiting
        self._items: dict[str, list[_Item]] = {}
        self._scopes: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0

    def put(self, scope: str, conversation: str, id: str, position: str, work: Work) -> asyncio.Future[None]:
        """Queue `work`; return a future that ends when it is done.

        Raises:
            QueueFullError: too many events wait.
        """
        items = self._items.get(conversation)
        if items is not None and (known := next((item for item in items if item.id == id), None)):
            return known.done
        if self._count >= self._max_waiting:
            raise QueueFullError
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Mark an exception as retrieved: the caller may not wait for the future.
        done.add_done_callback(lambda future: future.cancelled() or future.exception())
        item = _Item(position, id, work, done)
        self._count += 1
        if items is None:
            self._items[conversation], self._scopes[conversation] = [item], scope
            task = asyncio.create_task(self._run(conversation))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            # The first is being sent. The rest stand in the platform's order, in whatever order they came.
            items[1:] = sorted([*items[1:], item])
        return done

    @property
    def is_empty(self) -> bool:
        """Whether no event waits."""
        return self._count == 0

    def first_waiting(self, scope: str) -> str | None:
        """Return the earliest position in a scope that still waits."""
        positions = [
            item.position
            for conversation, items in self._items.items()
            if self._scopes[conversation] == scope
            for item in items
        ]
        return min(positions, default=None)

    async def close(self) -> None:
        """Cancel all work. Waiting events were not acknowledged, so a backfill finds them."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, conversation: str) -> None:
        items = self._items[conversation]
        try:
            while items:
                item = items[0]
                try:
                    await self._retry_until_done(item.work)
                except asyncio.CancelledError:
                    raise
                except Exception as error:
                    log.exception("an event of %s could not be sent to Restate", conversation)
                    item.done.set_exception(error)
                else:
                    if not item.done.done():
                        item.done.set_result(None)
                self._count -= 1
                del items[0]
        finally:
            self._count -= len(items)
            del self._items[conversation], self._scopes[conversation]

    async def _retry_until_done(self, work: Work) -> None:
        """Try without limit while Restate cannot be reached. Any other exception is a bug and is raised."""
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type((IngressError, TimeoutError)),
            wait=wait_exponential_jitter(multiplier=0.1, max=MAX_RETRY_PAUSE),
            before_sleep=before_sleep_log(log, logging.WARNING),
        ):
            with attempt:
                await work()
