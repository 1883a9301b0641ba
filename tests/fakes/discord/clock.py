"""Discord's time: it can be put forward, and ids are made of it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

EPOCH = 1_420_070_400.0


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

    def snowflake(self, age: float = 0.0) -> str:
        """An id nobody has: larger than every one before it, or, with `age`, that many seconds old."""
        value = int((self.now() - age - EPOCH) * 1000) << 22
        if age:
            while value in self._given:
                value += 1
        else:
            value = self._last = max(value, self._last + 1)
        self._given.add(value)
        return str(value)


def made(snowflake: str) -> float:
    """When an id was made, in seconds since the Unix epoch."""
    return (int(snowflake) >> 22) / 1000 + EPOCH


def iso(at: float) -> str:
    """A time as Discord writes it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")
