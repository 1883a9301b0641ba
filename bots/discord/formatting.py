"""Format replies for Discord: Markdown conversion, splitting into messages, buttons and custom ids."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import discord

from bots.common.protocols import TurnOutcome
from bots.common.split import MAX_CLOSING, open_fence, split

MAX_MESSAGE_LENGTH = 2_000
"""Characters of a message."""
MAX_CHUNKS = 8
"""A reply with more messages than this becomes a file."""
FILE_EXCERPT_LENGTH = 1_500
PLACEHOLDER = "…"
CUSTOM_ID_PREFIX = "tw"
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_TABLE_RULE = re.compile(r"^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)+\|?\s*$")
_SMALL_HEADING = re.compile(r"^#{4,6}\s+(.*?)\s*#*$")
_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)[^)]*\)")


@dataclass(frozen=True, slots=True)
class ButtonId:
    """The content of a button's custom id.

    Attributes:
        turn: the turn of the reply; for history pages, the channel or thread id.
        chunk: number of the message within the reply, from 0.
        seq: sequence number of the reply; for history pages, the sequence number before which the page ends.
    """

    action: str
    turn: int = 0
    chunk: int = 0
    seq: int = 0

    @property
    def custom_id(self) -> str:
        return f"{CUSTOM_ID_PREFIX}:{self.action}:{self.turn}:{self.chunk}:{self.seq}"

    @classmethod
    def parse(cls, custom_id: str | None) -> ButtonId | None:
        """Return the content of a custom id, or None if the button is not this bot's."""
        pieces = (custom_id or "").split(":")
        if len(pieces) != 5 or pieces[0] != CUSTOM_ID_PREFIX or not all(piece.isdecimal() for piece in pieces[2:]):
            return None
        return cls(pieces[1], *map(int, pieces[2:]))


def split_reply(text: str) -> list[str]:
    """Split a finished reply into one chunk per message. A reply that needs too many messages stays one chunk, for a
    file."""
    chunks = split(to_discord_markdown(text), MAX_MESSAGE_LENGTH)
    return chunks if len(chunks) <= MAX_CHUNKS else [text]


def to_discord_markdown(text: str) -> str:
    """Convert Markdown that Discord does not render: tables become code blocks, headings of level 4 to 6 bold text,
    images links."""
    converted: list[str] = []
    fence = ""
    in_table = False
    lines = text.split("\n")
    for number, line in enumerate(lines):
        marks = _FENCE.match(line)
        if fence:
            fence = "" if marks and marks.group(1).startswith(fence) else fence
            converted.append(line)
            continue
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if in_table and "|" not in line:
            converted.append("```")
            in_table = False
        if not in_table and "|" in line and _TABLE_RULE.match(following):
            converted.append("```")
            in_table = True
        fence = marks.group(1) if marks else ""
        if not in_table:
            line = _SMALL_HEADING.sub(r"**\1**", _IMAGE.sub(r"[\1](\2)", line))
        converted.append(line)
    return "\n".join([*converted, "```"] if in_table else converted)


def file_excerpt(text: str) -> str:
    """Return the text of a message whose attached file holds the whole reply."""
    return split(text, FILE_EXCERPT_LENGTH)[0] + "\n\n_(continued in the attached file)_"


def preview(text: str) -> str:
    """Format an unfinished reply; of one that is longer than a message, the end."""
    chunks = split(to_discord_markdown(text), MAX_MESSAGE_LENGTH - MAX_CLOSING - 3)
    last = chunks[-1] if len(chunks) == 1 else f"…\n{chunks[-1]}"
    fence = open_fence(last)
    return (f"{last}\n{fence.closing}" if fence else last).strip() or PLACEHOLDER


def reply_buttons(turn: int, chunk: int, outcome: TurnOutcome | None) -> discord.ui.View:
    """Return the buttons of one message of a reply; `outcome` is None while the reply is being written.

    Every message has at least one button, because the custom id identifies the message later: Discord does not return
    the nonce of a message in its history.
    """
    view = discord.ui.View(timeout=None)
    secondary, primary = discord.ButtonStyle.secondary, discord.ButtonStyle.primary

    def add(
        action: str,
        label: str | None = None,
        emoji: str | None = None,
        style: discord.ButtonStyle = secondary,
        disabled: bool = False,
    ) -> None:
        button = ButtonId(action, turn, chunk, outcome.seq if outcome else 0)
        view.add_item(
            discord.ui.Button(custom_id=button.custom_id, label=label, emoji=emoji, style=style, disabled=disabled)
        )

    if outcome is None:
        add("stop", "Stop")
    elif not outcome.last:
        add("part", f"Part {chunk + 1}", disabled=True)
    elif outcome.status == "answered":
        add("up", emoji="👍")
        add("down", emoji="👎")
    elif outcome.status in ("failed", "stopped"):
        add("retry", "Try again", style=primary)
    else:
        add("part", "End", disabled=True)
    view.stop()  # clicks are identified by their custom ids, so discord.py need not store the view
    return view


def button_row(*buttons: tuple[ButtonId, str]) -> discord.ui.View:
    """Return a row of buttons with labels."""
    view = discord.ui.View(timeout=None)
    for button, label in buttons:
        view.add_item(discord.ui.Button(custom_id=button.custom_id, label=label))
    view.stop()
    return view


def read_turn_and_chunk(message: discord.Message) -> tuple[int, int] | None:
    """Return the turn and chunk of a message of the bot from its buttons, or None if it has none of them."""
    for component in message.components:
        for child in getattr(component, "children", ()):
            button = ButtonId.parse(getattr(child, "custom_id", None))
            if button is not None:
                return button.turn, button.chunk
    return None


def make_nonce(*values: object) -> str:
    """Return the same nonce for the same values, in the 25 characters that Discord accepts."""
    return hashlib.sha256(repr(values).encode()).hexdigest()[:25]
