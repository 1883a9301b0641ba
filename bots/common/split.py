"""Splits a long Markdown text at paragraphs, lines or words. A code block that is cut is closed and reopened."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_FENCE = 60
MAX_INFO = 40
"""Characters of the info string (the language) that are repeated where a cut code block is reopened."""
MAX_PREFIX = 30
"""Characters of lists and quotes in front of a fence."""
MAX_CLOSING = MAX_PREFIX + MAX_FENCE
_FENCE = re.compile(
    r"^((?:[ \t>]|[-*+] |\d{1,3}[.)] )*)"
    rf"(`{{3,{MAX_FENCE}}}(?!`)|~{{3,{MAX_FENCE}}}(?!~))(.*)$"
)
_MARKS = re.compile(r"`{3,}|~{3,}")
_ITEM = re.compile(r"[^ \t>]")
_QUOTED = re.compile(r"[ \t>]*")


@dataclass(frozen=True, slots=True)
class Fence:
    """A code fence.

    `prefix` is the beginning of a further line in the same list item or quote. `begins` is whether the fence is on the
    first line of its list item.
    """

    prefix: str
    marks: str
    info: str
    begins: bool = False

    @property
    def opening(self) -> str:
        return f"{self.prefix}{self.marks}{self.info[:MAX_INFO]}"

    @property
    def closing(self) -> str:
        return f"{self.prefix}{self.marks}"

    @property
    def depth(self) -> int:
        """How many quotes contain the fence."""
        return self.prefix.count(">")

    def closes(self, other: Fence) -> bool:
        """Return whether this line ends the code block that `other` has opened."""
        deeper = len(self.prefix) > len(other.prefix) + 3
        same = self.marks[0] == other.marks[0] and len(self.marks) >= len(other.marks)
        return same and not (self.info or self.begins or deeper) and self.depth == other.depth


def split(text: str, limit: int) -> list[str]:
    """Return `text` in parts of at most `limit` characters.

    A code block that is cut is closed and reopened with its language, in its quote or list item. Joined, the parts
    contain the whole text, except empty lines where a part would be blank.
    """
    parts: list[str] = []
    rest, reopen = text, ""
    marks = max(map(len, _MARKS.findall(text)), default=0)
    # A cut can make a fence of marks anywhere in a line.
    closing = 1 + (MAX_PREFIX + min(marks, MAX_FENCE) if marks else 0)
    while len(reopen) + len(rest) > limit:
        room = limit - len(reopen) - closing
        cut = _cut(rest, max(room, 1))
        head = reopen + rest[:cut].rstrip("\n")
        in_line = rest[cut - 1 : cut] != "\n"
        rest = rest[cut:] if in_line else rest[cut:].lstrip("\n")
        fence = open_fence(head)
        if fence is not None:
            head += "\n" + fence.closing
            reopen = f"{fence.opening}\n{fence.prefix if in_line else ''}"
        else:
            reopen = ""
        if head.strip():
            parts.append(head)
    if rest.strip() or not parts:
        parts.append(reopen + rest)
    return parts


def open_fence(text: str) -> Fence | None:
    """Return the fence of the code block in which a text ends, or None."""
    current: Fence | None = None
    for line in text.split("\n"):
        if current is not None and _depth(line) < current.depth:
            current = None  # a code block ends with its quote
        found = _read(line)
        if found is None:
            continue
        if current is None:
            current = found
        elif found.closes(current):
            current = None
    return current


def _read(line: str) -> Fence | None:
    match = _FENCE.match(line)
    if match is None or len(match.group(1)) > MAX_PREFIX:
        return None
    before, marks, info = match.groups()
    return Fence(_ITEM.sub(" ", before), marks, info.strip(), begins=bool(_ITEM.search(before)))


def _depth(line: str) -> int:
    match = _QUOTED.match(line)
    return match.group().count(">") if match else 0


def _cut(text: str, room: int) -> int:
    """Return where to cut: after the last paragraph, line or word that fits, if it uses half of the room."""
    window = text[:room]
    for mark in ("\n\n", "\n", " "):
        found = window.rfind(mark)
        if found > room // 2:
            return found + len(mark)
    return room
