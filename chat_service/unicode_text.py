"""Text of others, a model's or a platform's, that can be written down.

Trap: JSON may hold half a character (`\\ud83d`): whoever cuts a text by UTF-16 units sends the halves of an emoji in
two pieces, or one alone. Half a character cannot be encoded, by the engine or by anyone.
"""

from __future__ import annotations


def well_formed(text: str) -> str:
    """The text with halves that belong together joined, and U+FFFD for one that stands alone."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Pieces:
    """The pieces of a stream, each whole: half a character at an end waits for its other half."""

    def __init__(self) -> None:
        self._half = ""

    def take(self, piece: str) -> str:
        """As much of it as can be said by now."""
        piece, self._half = self._half + piece, ""
        if piece and "\ud800" <= piece[-1] <= "\udbff":
            piece, self._half = piece[:-1], piece[-1]
        return well_formed(piece)

    def rest(self) -> str:
        """What is left at the end."""
        return well_formed(self._half)
