"""SIGTERM and SIGINT of a server process, also during its start: a dependency that it waits for may never come up."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from restate.server import install_shutdown_hook


class StopSignal:
    """Receives SIGTERM and SIGINT. During the start the signal cancels the current task; afterwards it ends `wait`."""

    def __init__(self) -> None:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None  # noqa: S101  a running loop has a current task
        self._task, self._received, self._is_starting = task, asyncio.Event(), True
        for signum in (signal.SIGTERM, signal.SIGINT):
            # Trap: restate.app replaces the handler of SIGTERM; only hooks installed this way are still called.
            install_shutdown_hook(loop, self._receive, signum)

    def _receive(self) -> None:
        if self._is_starting and not self._received.is_set():
            self._task.cancel()
        self._received.set()

    def absorb(self, error: asyncio.CancelledError) -> None:
        """Clear the cancellation if the signal caused it, so that the process ends normally.

        Raises:
            CancelledError: `error`, if something else cancelled the task.
        """
        if not (self._is_starting and self._received.is_set()):
            raise error
        self._task.uncancel()

    async def wait(self) -> None:
        """Mark the start as complete and wait for the signal."""
        self._is_starting = False
        await self._received.wait()


@contextmanager
def handling_stop_signals() -> Iterator[StopSignal]:
    """Leave the block, with its cleanup, when a signal arrives before `wait` is called."""
    stop_signal = StopSignal()
    try:
        yield stop_signal
    except asyncio.CancelledError as error:
        stop_signal.absorb(error)
