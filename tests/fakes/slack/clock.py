"""Slack's time: it can be put forward, and no two messages share a timestamp."""

from __future__ import annotations

from tests.fakes.platform import clock


class Clock(clock.Clock):
    """It gives the timestamps that name messages."""

    def ts(self, age: float = 0.0) -> str:
        """A timestamp nobody has: later than every one before it, or, with `age`, that many seconds old."""
        micros = self.unique_value(int((self.now() - age) * 1_000_000), backdated=bool(age))
        return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def seconds_of(ts: str) -> tuple[int, int]:
    """A timestamp as something to compare: text comparison fails when the lengths differ."""
    whole, _, rest = ts.partition(".")
    return int(whole or 0), int((rest or "0")[:6].ljust(6, "0"))
