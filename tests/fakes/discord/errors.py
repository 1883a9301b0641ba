"""Discord's error responses."""

from __future__ import annotations

from typing import Any

MESSAGES = {
    10003: "Unknown Channel",
    10004: "Unknown Guild",
    10007: "Unknown Member",
    10008: "Unknown Message",
    10013: "Unknown User",
    10014: "Unknown Emoji",
    10015: "Unknown Webhook",
    10062: "Unknown interaction",
    40005: "Request entity too large",
    40060: "Interaction has already been acknowledged.",
    50001: "Missing Access",
    50003: "Cannot execute action on a DM channel",
    50005: "Cannot edit a message authored by another user",
    50006: "Cannot send an empty message",
    50008: "Cannot send messages in a non-text channel",
    50013: "Missing Permissions",
    50021: "Cannot execute action on a system message",
    50024: "Cannot execute action on this channel type",
    50027: "Invalid Webhook Token",
    50035: "Invalid Form Body",
    50083: "Thread is archived",
    50109: "The request body contains invalid JSON.",
    160002: "You do not have permission to read message history",
    160004: "A thread has already been created for this message",
    160005: "Thread is locked",
}
STATUSES = {50027: 401, 40005: 413, **dict.fromkeys((50001, 50003, 50005, 50008, 50013, 50021), 403)}


class ApiError(Exception):
    """An error response with Discord's error code. `headers` are sent with it."""

    def __init__(self, code: int, *, status: int | None = None, message: str | None = None, **more: Any) -> None:
        message = message or MESSAGES[code]
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status or STATUSES.get(code) or (404 if 10000 <= code < 20000 else 400)
        self.headers: dict[str, str] = {}
        self.body: dict[str, Any] = {"message": message, "code": code, **more}


def invalid(path: str, code: str, message: str) -> ApiError:
    """Return error 50035 with a complaint about one field. `path` is dotted: `embeds.0.title`."""
    errors: dict[str, Any] = {"_errors": [{"code": code, "message": message}]}
    for part in reversed(path.split(".")):
        errors = {part: errors}
    return ApiError(50035, errors=errors)


def too_long(path: str, limit: int) -> ApiError:
    """Return error 50035 for a field that is longer than `limit`."""
    return invalid(path, "BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length.")


def required(path: str) -> ApiError:
    """Return error 50035 for a missing field."""
    return invalid(path, "BASE_TYPE_REQUIRED", "This field is required")
