"""Errors that every platform's client raises, so that shared code can tell whether a request is worth repeating."""

from __future__ import annotations


class PermanentError(Exception):
    """Raised when a request can never succeed: the channel is archived, the bot was removed, the token was revoked.

    The message is one line for the operator.
    """


class OutcomeUnknownError(Exception):
    """Raised when the response was lost, so the request may or may not have taken effect."""


class TransientError(Exception):
    """Raised when a request had no effect and a later attempt may succeed."""


class RateLimitedError(TransientError):
    """Raised when the platform rejected a request and asks for a pause of `seconds`."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds
