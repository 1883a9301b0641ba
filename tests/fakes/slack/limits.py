"""Slack's rate limits."""

from __future__ import annotations

import math
import time
from collections import defaultdict

from tests.fakes.slack.errors import Refused
from tests.fakes.slack.models import Rules

POSTING = frozenset({"chat.postMessage", "chat.startStream", "files.completeUploadExternal"})


class Limits:
    """Token buckets: one a method and workspace, and one a channel for what posts."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._levels: dict[tuple[str, str], tuple[float, float]] = defaultdict(lambda: (-1.0, 0.0))

    def clear(self) -> None:
        """Start with full buckets."""
        self._levels.clear()

    def check(self, team: str, method: str, channel: str | None) -> None:
        """Take one from each bucket that counts this call.

        Raises:
            Refused: 429 with `Retry-After` when one is empty.
        """
        per_minute = self.rules.per_minute.get(method)
        if per_minute is not None:
            self._take((team, method), per_minute / 60, per_minute)
        if self.rules.posts_per_second is not None and method in POSTING and channel:
            self._take((team, channel), self.rules.posts_per_second, self.rules.post_burst)

    def _take(self, bucket: tuple[str, str], rate: float, burst: float) -> None:
        now = time.monotonic()
        level, at = self._levels[bucket]
        level = burst if level < 0 else min(burst, level + (now - at) * rate)
        if level < 1:
            self._levels[bucket] = (level, now)
            raise ratelimited(math.ceil((1 - level) / rate))
        self._levels[bucket] = (level - 1, now)


def ratelimited(retry_after: int) -> Refused:
    """HTTP 429, as Slack says it."""
    return Refused("ratelimited", status=429, headers={"Retry-After": str(retry_after)})
