"""Slack's time: it can be put forward, and no two messages share a timestamp."""

from __future__ import annotations

import time


class Clock:
    """Wall time plus whatever the test added."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._last = 0
        self._given: set[int] = set()

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Put the clock forward."""
        self._ahead += seconds

    def ts(self, age: float = 0.0) -> str:
        """A timestamp nobody has: later than every one before it, or, with `age`, that many seconds old."""
        micros = int((self.now() - age) * 1_000_000)
        if age:
            while micros in self._given:
                micros += 1
        else:
            micros = self._last = max(micros, self._last + 1)
        self._given.add(micros)
        return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def seconds_of(ts: str) -> tuple[int, int]:
    """A timestamp as something to compare: text comparison fails when the lengths differ."""
    whole, _, rest = ts.partition(".")
    return int(whole or 0), int((rest or "0")[:6].ljust(6, "0"))
