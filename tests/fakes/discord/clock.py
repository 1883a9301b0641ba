"""The fake Discord's clock, and the snowflake ids that are made from it."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.fakes.platform import clock

DISCORD_EPOCH = 1_420_070_400.0
"""The first second of 2015, in seconds since the Unix epoch."""


class Clock(clock.Clock):
    """The platform's clock, which also makes snowflakes."""

    def snowflake(self, age: float = 0.0) -> str:
        """Return a new id: larger than every earlier one or, with `age`, that many seconds old."""
        return str(self.unique_value(int((self.now() - age - DISCORD_EPOCH) * 1000) << 22, backdated=bool(age)))


def iso(timestamp: float) -> str:
    """Format a timestamp as Discord does."""
    return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="microseconds")
