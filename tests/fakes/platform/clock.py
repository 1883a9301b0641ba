"""The platform's clock, which a test can put forward."""

from __future__ import annotations

import time


class Clock:
    """Wall time plus what the test added."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._last = 0
        self._used: set[int] = set()

    def now(self) -> float:
        """Return the seconds since the Unix epoch."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Put the clock forward."""
        self._ahead += seconds

    def unique_value(self, value: int, *, backdated: bool) -> int:
        """Return an unused value: above all earlier ones, or, if `backdated`, the next unused one from `value` on."""
        if backdated:
            while value in self._used:
                value += 1
        else:
            value = self._last = max(value, self._last + 1)
        self._used.add(value)
        return value
