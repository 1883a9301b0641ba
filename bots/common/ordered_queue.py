"""One thing at a time per conversation, in the platform's order, until Restate has it.

What cannot be handed over yet is tried again from memory and holds back what came after it: the engine keeps the
order in which it accepts, so nothing may overtake here. A repeat of something that is still waiting joins it.
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
LONGEST_PAUSE = 5.0

Work = Callable[[], Awaitable[None]]


class QueueFullError(Exception):
    """Too much waits in memory already: the platform has to keep this and try again."""


@dataclass(order=True)
class _Item:
    position: str
    id: str = field(compare=False)
    work: Work = field(compare=False)
    done: asyncio.Future[None] = field(compare=False)


class OrderedQueue:
    """The lanes of one process; `place` groups them for `floor`. At most so many things wait in them."""

    def __init__(self, most: int = MAX_WAITING) -> None:
        self._most = most
        self._waiting: dict[str, list[_Item]] = {}
        self._places: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0

    def put(self, place: str, lane: str, id: str, position: str, work: Work) -> asyncio.Future[None]:
        """Queue `work` in a lane; gives what ends when it is done.

        Raises:
            Full: when as many things wait already as may.
        """
        items = self._waiting.get(lane)
        if items is not None and (known := next((one for one in items if one.id == id), None)):
            return known.done
        if self._count >= self._most:
            raise QueueFullError
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.add_done_callback(lambda future: future.cancelled() or future.exception())  # nobody may be waiting
        item = _Item(position, id, work, done)
        self._count += 1
        if items is None:
            self._waiting[lane], self._places[lane] = [item], place
            task = asyncio.create_task(self._run(lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            # The first is being handed over; the rest stand in the platform's order, however they came.
            items[1:] = sorted([*items[1:], item])
        return done

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return self._count == 0

    def floor(self, place: str) -> str | None:
        """The earliest position in a place that still waits."""
        waiting = [i.position for lane, items in self._waiting.items() if self._places[lane] == place for i in items]
        return min(waiting, default=None)

    async def close(self) -> None:
        """Give up; what waits was not acknowledged, and is found again."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, lane: str) -> None:
        items = self._waiting[lane]
        try:
            while items:
                item = items[0]
                try:
                    await self._until_done(item.work)
                except asyncio.CancelledError:
                    raise
                except Exception as error:
                    log.exception("an event of %s could not be handed over", lane)
                    item.done.set_exception(error)
                else:
                    if not item.done.done():
                        item.done.set_result(None)
                self._count -= 1
                del items[0]
        finally:
            self._count -= len(items)
            del self._waiting[lane], self._places[lane]

    async def _until_done(self, work: Work) -> None:
        """For as long as it takes: only an absent engine is waited for, a mistake of ours is not."""
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type((IngressError, TimeoutError)),
            wait=wait_exponential_jitter(multiplier=0.1, max=LONGEST_PAUSE),
            before_sleep=before_sleep_log(log, logging.WARNING),
        ):
            with attempt:
                await work()
