"""Errors of the fake Web API."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """Raised to answer `ok: false` with an error code and more fields."""

    def __init__(self, error: str, *, status: int = 200, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.status = status
        self.headers = headers or {}
        self.body: dict[str, Any] = {"ok": False, "error": error, **more}


def argument_error(error: str, *reasons: str) -> ApiError:
    """Return an error that lists, as Slack does, its reasons in `response_metadata.messages`."""
    return ApiError(error, response_metadata={"messages": [f"[ERROR] {reason}" for reason in reasons]})


def ratelimited(retry_after: int) -> ApiError:
    """Return HTTP 429 with `Retry-After`."""
    return ApiError("ratelimited", status=429, headers={"Retry-After": str(retry_after)})
