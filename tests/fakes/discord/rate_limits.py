"""Discord's rate limits: the headers of responses, and the error while a limit is exceeded."""

from __future__ import annotations

import hashlib
import time

from tests.fakes.discord.errors import ApiError

BUCKET_REQUESTS, BUCKET_SECONDS = 1000, 1.0


class RateLimits:
    """Limits are exceeded only by script. They are measured in wall time, because clients wait in real time."""

    def __init__(self) -> None:
        self._blocked_until = 0.0

    def clear(self) -> None:
        """End a global rate limit."""
        self._blocked_until = 0.0

    def block_all(self, seconds: float) -> None:
        """Refuse every request for some seconds, as a global rate limit does."""
        self._blocked_until = max(self._blocked_until, time.time() + seconds)

    def headers(self, route: str) -> dict[str, str]:
        """Return the rate limit headers of a response.

        Raises:
            ApiError: HTTP 429, during a global rate limit.
        """
        now = time.time()
        if now < self._blocked_until:
            raise rate_limited(self._blocked_until - now, "global")
        return {
            "X-RateLimit-Limit": str(BUCKET_REQUESTS),
            "X-RateLimit-Remaining": str(BUCKET_REQUESTS - 1),
            "X-RateLimit-Reset": f"{now + BUCKET_SECONDS:.3f}",
            "X-RateLimit-Reset-After": f"{BUCKET_SECONDS:.3f}",
            "X-RateLimit-Bucket": hashlib.md5(route.encode(), usedforsecurity=False).hexdigest(),
        }


def rate_limited(retry_after: float, scope: str) -> ApiError:
    """Return the HTTP 429 error. Its header `Via` tells that Discord sends it, and not the proxy in front of it."""
    body = {"retry_after": round(retry_after, 3), "global": scope == "global"}
    error = ApiError(0, status=429, message="You are being rate limited.", **body)
    error.headers = {"Retry-After": str(int(retry_after) + 1), "X-RateLimit-Scope": scope, "Via": "1.1 fake"}
    if scope == "global":
        error.headers["X-RateLimit-Global"] = "true"
    return error
