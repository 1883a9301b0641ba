"""Slack's clock and message timestamps."""

from __future__ import annotations

from tests.fakes.platform import clock


class Clock(clock.Clock):
    """A clock that creates message timestamps."""

    def ts(self) -> str:
        """Return a timestamp later than all earlier ones."""
        micros = self.unique_value(int(self.now() * 1_000_000), backdated=False)
        return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def parse_ts(ts: str) -> tuple[int, int]:
    """Return a timestamp in a form to compare: strings of different lengths compare wrongly."""
    whole, _, fraction = ts.partition(".")
    return int(whole or 0), int((fraction or "0")[:6].ljust(6, "0"))
