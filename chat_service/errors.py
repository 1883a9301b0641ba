"""Errors that are meant for a person."""

from __future__ import annotations


class UserError(Exception):
    """Something only a person can change. The message is one line that says what to do; no traceback is shown."""
