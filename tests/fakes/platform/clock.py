"""The platform's time."""

from __future__ import annotations

import time


class Clock:
    """Wall time plus whatever the test added."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._last = 0
        self._given: set[int] = set()

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Put the clock forward."""
        self._ahead += seconds

    def unique(self, value: int, *, late: bool) -> int:
        """A value nobody has: larger than every one before it, or, for what comes `late`, near the one wanted."""
        if late:
            while value in self._given:
                value += 1
        else:
            value = self._last = max(value, self._last + 1)
        self._given.add(value)
        return value
