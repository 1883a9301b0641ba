"""Rate limits as Discord has them: a window of requests for each route and major parameter, and one for everything."""

from __future__ import annotations

import hashlib
import time

from tests.fakes.discord.errors import Refused
from tests.fakes.discord.models import Rules


class Limits:
    """The headers that tell of a bucket, and the 429 when it is empty. Wall time: a client waits real seconds."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._windows: dict[tuple[str, str], tuple[float, int]] = {}
        self._global: tuple[float, int] = (0.0, 0)
        self._stopped_until = 0.0

    def clear(self) -> None:
        """Start with full buckets."""
        self._windows.clear()
        self._global, self._stopped_until = (0.0, 0), 0.0

    def stop(self, seconds: float) -> None:
        """Refuse everything for a while, as a global rate limit does."""
        self._stopped_until = max(self._stopped_until, time.time() + seconds)

    def take(self, route: str, major: str) -> dict[str, str]:
        """Count one request.

        Raises:
            Refused: 429, with the headers that say how long to wait.
        """
        now = time.time()
        if now < self._stopped_until:
            raise ratelimited(self._stopped_until - now, "global")
        self._count_globally(now)
        limit, seconds = self._rules.buckets.get(route, self._rules.default_bucket)
        ends, used = self._windows.get((route, major), (0.0, 0))
        if now >= ends:
            ends, used = now + seconds, 0
        full = used >= limit
        self._windows[route, major] = (ends, used if full else used + 1)
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(0 if full else limit - used - 1),
            "X-RateLimit-Reset": f"{ends:.3f}",
            "X-RateLimit-Reset-After": f"{ends - now:.3f}",
            "X-RateLimit-Bucket": hashlib.md5(route.encode(), usedforsecurity=False).hexdigest(),
        }
        if full:
            raise ratelimited(ends - now, "user", headers)
        return headers

    def _count_globally(self, now: float) -> None:
        most = self._rules.global_per_second
        if most is None:
            return
        ends, used = self._global
        if now >= ends:
            ends, used = now + 1.0, 0
        if used >= most:
            raise ratelimited(ends - now, "global")
        self._global = (ends, used + 1)


def ratelimited(
    retry_after: float, scope: str = "user", headers: dict[str, str] | None = None, *, via: bool = True
) -> Refused:
    """HTTP 429. With `Via` it is Discord that says so; without, the proxy in front of it has banned the address."""
    told = {"retry_after": round(retry_after, 3), "global": scope == "global"}
    refused = Refused(0, status=429, message="You are being rate limited.", **told)
    refused.headers = {**(headers or {}), "Retry-After": str(int(retry_after) + 1), "X-RateLimit-Scope": scope}
    if scope == "global":
        refused.headers["X-RateLimit-Global"] = "true"
    if via:
        refused.headers["Via"] = "1.1 fake"
    return refused
