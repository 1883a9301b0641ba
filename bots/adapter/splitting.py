"""Long texts in parts: at paragraphs, lines or words, and never through a code fence."""

from __future__ import annotations

import re

LONGEST_FENCE = 60
LONGEST_INFO = 40
"""Of what stands behind a fence, the language, so much is said again where a cut fence is opened again."""
_FENCE = re.compile(rf"^ {{0,3}}(`{{3,{LONGEST_FENCE}}}(?!`)|~{{3,{LONGEST_FENCE}}}(?!~))(.*)$")


def split(text: str, limit: int) -> list[str]:
    """`text` in parts of at most `limit` characters. A fence that is cut is closed and opened again, with its language.

    Joined, the parts say what the text said; nothing is left out but empty lines where a part would be blank.
    """
    parts: list[str] = []
    rest, reopen = text, ""
    closing = 1 + max((len(one.group(1)) for one in map(_FENCE.match, text.split("\n")) if one), default=0)
    while len(reopen) + len(rest) > limit:
        room = limit - len(reopen) - closing
        cut = _cut(rest, max(room, 1))
        head = reopen + rest[:cut].rstrip("\n")
        rest = rest[cut:].lstrip("\n") if rest[cut - 1 : cut] == "\n" else rest[cut:]
        fence = open_fence(head)
        if fence is not None:
            head += "\n" + fence[0]
            reopen = f"{fence[0]}{fence[1][:LONGEST_INFO]}\n"
        else:
            reopen = ""
        if head.strip():
            parts.append(head)
    if rest.strip() or not parts:
        parts.append(reopen + rest)
    return parts


def open_fence(text: str) -> tuple[str, str] | None:
    """The fence a text ends inside of: its marks and its language."""
    current: tuple[str, str] | None = None
    for line in text.split("\n"):
        match = _FENCE.match(line)
        if match is None:
            continue
        marks, info = match.group(1), match.group(2).strip()
        if current is None:
            current = (marks, info)
        elif marks[0] == current[0][0] and len(marks) >= len(current[0]) and not info:
            current = None
    return current


def _cut(text: str, room: int) -> int:
    """Where to cut: after the last paragraph, line or word that fits, unless that wastes more than half the room."""
    window = text[:room]
    for mark in ("\n\n", "\n", " "):
        found = window.rfind(mark)
        if found > room // 2:
            return found + len(mark)
    return room
