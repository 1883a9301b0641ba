"""Errors that are shown to the operator."""

from __future__ import annotations


class UserError(Exception):
    """Raised when only the operator can fix the problem. The message is one line that says what to do; it is shown
    without a traceback."""
