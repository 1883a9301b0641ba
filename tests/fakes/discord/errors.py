"""How Discord says no."""

from __future__ import annotations

from typing import Any

MESSAGES = {
    10003: "Unknown Channel",
    10004: "Unknown Guild",
    10007: "Unknown Member",
    10008: "Unknown Message",
    10011: "Unknown Role",
    10013: "Unknown User",
    10014: "Unknown Emoji",
    10015: "Unknown Webhook",
    10062: "Unknown interaction",
    10063: "Unknown application command",
    40005: "Request entity too large",
    40060: "Interaction has already been acknowledged.",
    50001: "Missing Access",
    50003: "Cannot execute action on a DM channel",
    50005: "Cannot edit a message authored by another user",
    50006: "Cannot send an empty message",
    50007: "Cannot send messages to this user",
    50008: "Cannot send messages in a non-text channel",
    50013: "Missing Permissions",
    50021: "Cannot execute action on a system message",
    50024: "Cannot execute action on this channel type",
    50027: "Invalid Webhook Token",
    50034: "You can only bulk delete messages that are under 14 days old.",
    50035: "Invalid Form Body",
    50083: "Thread is archived",
    50109: "The request body contains invalid JSON.",
    160002: "You do not have permission to read message history",
    160004: "A thread has already been created for this message",
    160005: "Thread is locked",
}
FORBIDDEN = frozenset([50001, 50003, 50005, 50007, 50008, 50013, 50021])


class Refused(Exception):
    """An HTTP error with Discord's own code."""

    def __init__(self, code: int, *, status: int | None = None, message: str | None = None, **more: Any) -> None:
        said = message or MESSAGES[code]
        super().__init__(f"{code}: {said}")
        self.code = code
        self.status = status or _status(code)
        self.headers: dict[str, str] = {}
        self.body: dict[str, Any] = {"message": said, "code": code, **more}


def invalid(path: str, code: str, message: str) -> Refused:
    """50035, with the complaint at its place: `path` is dotted (`embeds.0.title`)."""
    errors: dict[str, Any] = {"_errors": [{"code": code, "message": message}]}
    for part in reversed(path.split(".")):
        errors = {part: errors}
    return Refused(50035, errors=errors)


def too_long(path: str, most: int) -> Refused:
    """50035: a text that is longer than Discord takes."""
    return invalid(path, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")


def required(path: str) -> Refused:
    """50035: something is missing."""
    return invalid(path, "BASE_TYPE_REQUIRED", "This field is required")


def unauthorized() -> Refused:
    """401: no token, or a wrong one."""
    return Refused(0, status=401, message="401: Unauthorized")


def _status(code: int) -> int:
    if code in FORBIDDEN:
        return 403
    if 10000 <= code < 20000:
        return 404
    return {40005: 413, 50027: 401}.get(code, 400)
