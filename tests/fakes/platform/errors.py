"""Errors of the control API."""

from __future__ import annotations


class ImpossibleActionError(Exception):
    """Raised for an action that the platform's own client does not offer: a missing button, an unknown command."""
