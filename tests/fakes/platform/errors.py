"""What cannot be, on no platform."""

from __future__ import annotations


class Impossible(Exception):
    """Something that no person could do there: a button that is not there, a command nobody registered."""
