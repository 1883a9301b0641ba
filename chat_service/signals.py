"""SIGTERM and SIGINT of a process that serves, also while it is still starting: what it waits for may never come."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from restate.server import install_shutdown_hook


class Stopping:
    """Whether the process is to end."""

    def __init__(self) -> None:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None  # noqa: S101  a running loop has one
        self._task, self._asked, self._starting = task, asyncio.Event(), True
        for signum in (signal.SIGTERM, signal.SIGINT):
            # restate.app takes SIGTERM over; only a hook of its own kind is still called.
            install_shutdown_hook(loop, self._ask, signum)

    def _ask(self) -> None:
        if self._starting and not self._asked.is_set():
            self._task.cancel()
        self._asked.set()

    def settle(self, error: asyncio.CancelledError) -> None:
        """Let the task end as if nothing were, if it was a signal that ended its start.

        Raises:
            CancelledError: if it was somebody else.
        """
        if not (self._starting and self._asked.is_set()):
            raise error
        self._task.uncancel()

    async def wait(self) -> None:
        """The start is over: wait for the signal."""
        self._starting = False
        await self._asked.wait()


@contextmanager
def stoppable() -> Iterator[Stopping]:
    """The block is left, its own ends and all, when a signal comes before `wait` is called."""
    stopping = Stopping()
    try:
        yield stopping
    except asyncio.CancelledError as error:
        stopping.settle(error)
