"""Waiting until something happens, instead of for seconds."""

from __future__ import annotations

import asyncio
import contextlib


class Changes:
    """Counts what happens, and wakes whoever waits for it."""

    def __init__(self) -> None:
        self.changes = 0
        self._changed = asyncio.Event()

    def touch(self) -> None:
        """Wake whoever waits for a change."""
        self.changes += 1
        self._changed.set()

    async def changed(self, since: int, timeout: float) -> int:
        """Wait until there were more than `since` changes, or for `timeout` seconds; how many there were."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self.changes <= since:
                    self._changed.clear()
                    await self._changed.wait()
        return self.changes
