"""Discord's time: it can be put forward, and ids are made of it."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.fakes.platform import clock

EPOCH = 1_420_070_400.0


class Clock(clock.Clock):
    """It gives the ids of everything."""

    def snowflake(self, age: float = 0.0) -> str:
        """An id nobody has: larger than every one before it, or, with `age`, that many seconds old."""
        return str(self.unique_value(int((self.now() - age - EPOCH) * 1000) << 22, backdated=bool(age)))


def made(snowflake: str) -> float:
    """When an id was made, in seconds since the Unix epoch."""
    return (int(snowflake) >> 22) / 1000 + EPOCH


def iso(at: float) -> str:
    """A time as Discord writes it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")
