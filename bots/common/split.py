"""Long texts in parts: at paragraphs, lines or words, and never through a code fence."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST_FENCE = 60
LONGEST_INFO = 40
"""Of what stands behind a fence, the language, so much is said again where a cut fence is opened again."""
LONGEST_PREFIX = 30
"""The deepest that a fence may stand in lists and quotes."""
LONGEST_CLOSING = LONGEST_PREFIX + LONGEST_FENCE
_FENCE = re.compile(
    r"^((?:[ \t>]|[-*+] |\d{1,3}[.)] )*)"
    rf"(`{{3,{LONGEST_FENCE}}}(?!`)|~{{3,{LONGEST_FENCE}}}(?!~))(.*)$"
)
_MARKS = re.compile(r"`{3,}|~{3,}")
_ITEM = re.compile(r"[^ \t>]")
_QUOTED = re.compile(r"[ \t>]*")


@dataclass(frozen=True, slots=True)
class Fence:
    """A line of fence marks. `prefix` is what a further line of the same list item or quote begins with; `begins` is
    whether it is the first line of its item."""

    prefix: str
    marks: str
    info: str
    begins: bool = False

    @property
    def opening(self) -> str:
        return f"{self.prefix}{self.marks}{self.info[:LONGEST_INFO]}"

    @property
    def closing(self) -> str:
        return f"{self.prefix}{self.marks}"

    @property
    def depth(self) -> int:
        """How many quotes it stands in."""
        return self.prefix.count(">")

    def closes(self, other: Fence) -> bool:
        """Whether this line is the end of `other`."""
        deeper = len(self.prefix) > len(other.prefix) + 3
        same = self.marks[0] == other.marks[0] and len(self.marks) >= len(other.marks)
        return same and not (self.info or self.begins or deeper) and self.depth == other.depth


def split(text: str, limit: int) -> list[str]:
    """`text` in parts of at most `limit` characters. A fence that is cut is closed and opened again, with its language,
    in the quote or list item that it stands in.

    Joined, the parts say what the text said; nothing is left out but empty lines where a part would be blank.
    """
    parts: list[str] = []
    rest, reopen = text, ""
    marks = max(map(len, _MARKS.findall(text)), default=0)
    # Wherever marks stand now, a cut may make a fence of them.
    closing = 1 + (LONGEST_PREFIX + min(marks, LONGEST_FENCE) if marks else 0)
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
    """The fence a text ends inside of."""
    current: Fence | None = None
    for line in text.split("\n"):
        if current is not None and _depth(line) < current.depth:
            current = None  # with its quote
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
    if match is None or len(match.group(1)) > LONGEST_PREFIX:
        return None
    before, marks, info = match.groups()
    return Fence(_ITEM.sub(" ", before), marks, info.strip(), begins=bool(_ITEM.search(before)))


def _depth(line: str) -> int:
    match = _QUOTED.match(line)
    return match.group().count(">") if match else 0


def _cut(text: str, room: int) -> int:
    """Where to cut: after the last paragraph, line or word that fits, unless that wastes more than half the room."""
    window = text[:room]
    for mark in ("\n\n", "\n", " "):
        found = window.rfind(mark)
        if found > room // 2:
            return found + len(mark)
    return room
