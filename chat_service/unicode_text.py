"""Repair of text from models and platforms that cannot be encoded as UTF-8.

Trap: JSON may hold a lone surrogate, half of a character (`\\ud83d`). A sender that cuts text by UTF-16 units splits an
emoji into two chunks or sends only one half. Restate cannot encode a lone surrogate, and neither can Python.
"""

from __future__ import annotations


def well_formed(text: str) -> str:
    """Return the text with surrogate pairs joined and each lone surrogate replaced by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class SurrogateJoiner:
    """Joins surrogate pairs that are split between two chunks of a stream."""

    def __init__(self) -> None:
        self._half = ""

    def feed(self, chunk: str) -> str:
        """Return the well-formed text up to the end of `chunk`. A half at the end waits for the next chunk."""
        chunk, self._half = self._half + chunk, ""
        if chunk and "\ud800" <= chunk[-1] <= "\udbff":
            chunk, self._half = chunk[:-1], chunk[-1]
        return well_formed(chunk)

    def flush(self) -> str:
        """Return the rest at the end of the stream."""
        return well_formed(self._half)
