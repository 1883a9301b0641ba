"""Waiting for changes in a fake instead of sleeping."""

from __future__ import annotations

import asyncio
import contextlib

BATCH_SECONDS = 0.02
"""How long further changes are waited for: the caller reads the state after each return, which costs more."""


class ChangeCounter:
    """Counts changes and wakes the waiting calls."""

    def __init__(self) -> None:
        self.change_count = 0
        self._changed = asyncio.Event()

    def record_change(self) -> None:
        """Count a change and wake the waiting calls."""
        self.change_count += 1
        self._changed.set()

    async def wait_for_change(self, since: int, timeout: float) -> int:
        """Wait until there were more than `since` changes, or for `timeout` seconds; return the number of changes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self.change_count <= since:
                    self._changed.clear()
                    await self._changed.wait()
                    await asyncio.sleep(BATCH_SECONDS)
        return self.change_count
