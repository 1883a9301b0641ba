"""How Slack says no."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """`ok: false`, with an error code and whatever else Slack says with it."""

    def __init__(self, error: str, *, status: int = 200, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.status = status
        self.headers = headers or {}
        self.body: dict[str, Any] = {"ok": False, "error": error, **more}


def invalid(error: str, *complaints: str) -> Refused:
    """A refusal that says, as Slack does, what was wrong in `response_metadata.messages`."""
    return Refused(error, response_metadata={"messages": [f"[ERROR] {one}" for one in complaints]})
