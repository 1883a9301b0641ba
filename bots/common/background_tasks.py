"""Background tasks: they run beside the code that starts them, which does not wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager


class BackgroundTasks:
    """Keeps a reference to each running task, since the event loop itself holds only weak ones."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Future[None]] = set()

    def start(self, work: Awaitable[None]) -> asyncio.Future[None]:
        """Run `work` beside the caller."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Cancel the running tasks and wait until they have ended."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextmanager
def running_tasks(*work: Awaitable[None]) -> Iterator[None]:
    """Run tasks while the block runs, then cancel them."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
