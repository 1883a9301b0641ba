"""Model output as Discord shows it: text in parts that fit, and the buttons, by which a message is found again."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import discord

from bots.common.protocols import TurnOutcome
from bots.common.split import LONGEST_CLOSING, open_fence, split

LIMIT = 2_000
"""Characters of a message."""
PARTS = 8
"""More messages than that are one file."""
EXCERPT = 1_500
THINKING = "…"
MARK = "tw"
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_RULE = re.compile(r"^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)+\|?\s*$")
_HEADING = re.compile(r"^#{4,6}\s+(.*?)\s*#*$")
_PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)[^)]*\)")


@dataclass(frozen=True, slots=True)
class Button:
    """What a custom id says. `seq` is the reply's number; for pages of history, where the older ones begin."""

    action: str
    turn: int = 0
    part: int = 0
    seq: int = 0

    @property
    def custom_id(self) -> str:
        return f"{MARK}:{self.action}:{self.turn}:{self.part}:{self.seq}"

    @classmethod
    def read(cls, custom_id: str | None) -> Button | None:
        """The button of a custom id; None when it is none of ours."""
        pieces = (custom_id or "").split(":")
        if len(pieces) != 5 or pieces[0] != MARK or not all(one.isdecimal() for one in pieces[2:]):
            return None
        return cls(pieces[1], *map(int, pieces[2:]))


def split_reply(text: str) -> list[str]:
    """A finished reply in parts of a message each; a very long one stays whole, as a file."""
    parts = split(shown(text), LIMIT)
    return parts if len(parts) <= PARTS else [text]


def shown(text: str) -> str:
    """Markdown as Discord shows it: what it does not know (tables, small headings, pictures) in what it does."""
    lines: list[str] = []
    fence = ""
    table = False
    given = text.split("\n")
    for number, line in enumerate(given):
        marks = _FENCE.match(line)
        if fence:
            fence = "" if marks and marks.group(1).startswith(fence) else fence
            lines.append(line)
            continue
        following = given[number + 1] if number + 1 < len(given) else ""
        if table and "|" not in line:
            lines.append("```")
            table = False
        if not table and "|" in line and _RULE.match(following):
            lines.append("```")
            table = True
        fence = marks.group(1) if marks else ""
        if not table:
            line = _HEADING.sub(r"**\1**", _PICTURE.sub(r"[\1](\2)", line))
        lines.append(line)
    return "\n".join([*lines, "```"] if table else lines)


def excerpt(text: str) -> str:
    """What is read beside the file that holds the whole."""
    return split(text, EXCERPT)[0] + "\n\n_(goes on in the attached file)_"


def preview(text: str) -> str:
    """An unfinished reply: where it is being written, once it is longer than a message."""
    parts = split(shown(text), LIMIT - LONGEST_CLOSING - 3)
    last = parts[-1] if len(parts) == 1 else f"…\n{parts[-1]}"
    fence = open_fence(last)
    return (f"{last}\n{fence.closing}" if fence else last).strip() or THINKING


def buttons(turn: int, number: int, ending: TurnOutcome | None) -> discord.ui.View:
    """What can be done about a message of a reply; `ending` None: it is still being written.

    Every message has at least one, since it is by them that a message is found again: what history tells of a message
    does not name its nonce.
    """
    view = discord.ui.View(timeout=None)

    def add(action: str, label: str | None = None, emoji: str | None = None, **more: Any) -> None:
        button = Button(action, turn, number, ending.seq if ending else 0)
        view.add_item(discord.ui.Button(custom_id=button.custom_id, label=label, emoji=emoji, **more))

    if ending is None:
        add("stop", "Stop", style=discord.ButtonStyle.secondary)
    elif not ending.last:
        add("part", f"Part {number + 1}", disabled=True)
    elif ending.status == "answered":
        add("up", emoji="👍")
        add("down", emoji="👎")
    elif ending.status in ("failed", "stopped"):
        add("retry", "Try again", style=discord.ButtonStyle.primary)
    else:
        add("part", "End", disabled=True)
    view.stop()  # presses are told by their custom ids: discord.py need not remember every message
    return view


def row(*given: tuple[Button, str]) -> discord.ui.View:
    """Plain buttons with labels."""
    view = discord.ui.View(timeout=None)
    for button, label in given:
        view.add_item(discord.ui.Button(custom_id=button.custom_id, label=label))
    view.stop()
    return view


def read_turn_and_chunk(message: discord.Message) -> tuple[int, int] | None:
    """Which part of which turn a message of the bot's is."""
    for component in message.components:
        for child in getattr(component, "children", ()):
            button = Button.read(getattr(child, "custom_id", None))
            if button is not None:
                return button.turn, button.part
    return None


def nonce(*what: object) -> str:
    """The same for the same thing, in the 25 characters that Discord takes."""
    return hashlib.sha256(repr(what).encode()).hexdigest()[:25]
