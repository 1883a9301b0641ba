"""Convert replies to Slack messages: Markdown blocks without mentions, split to Slack's limits, with buttons."""

from __future__ import annotations

import json
import re

from bots.common.protocols import TurnOutcome
from bots.common.split import split

MAX_MESSAGE_CHARACTERS = 8_000
"""A Markdown block holds 12,000 characters, but Slack folds long messages, so a message is kept shorter."""
MAX_FALLBACK_CHARACTERS = 2_900
"""Length of the plain text beside the blocks (notifications, screen readers). `chat.update` takes 4,000."""
MAX_OPTION_CHARACTERS = 75
EMPTY_PREVIEW = "…"
_ZERO_WIDTH_SPACE = "\u200b"
_MENTION_CODE = re.compile(r"<(?=@[A-Z0-9]|!(?:channel|here|everyone|group|subteam)\b)", re.IGNORECASE)
_BROADCAST_MENTION = re.compile(r"@(?=(?:channel|here|everyone)\b)", re.IGNORECASE)

Block = dict[str, object]
Blocks = list[Block]


def split_reply(text: str) -> list[str]:
    """Return a finished reply as the texts of one or more messages, without mentions."""
    return split(neutralize_mentions(text), MAX_MESSAGE_CHARACTERS)


def neutralize_mentions(text: str) -> str:
    """Return the text with a zero-width space in every mention, so that it notifies no one.

    Code blocks are changed too: Slack resolves mentions before it formats.
    """
    without_codes = _MENTION_CODE.sub(f"<{_ZERO_WIDTH_SPACE}", text)
    return _BROADCAST_MENTION.sub(f"@{_ZERO_WIDTH_SPACE}", without_codes)


def stable_prefix(text: str) -> str:
    """Return the part of an unfinished text that later characters cannot change: an incomplete mention is cut off."""
    tail = text[-60:]
    start = max(tail.rfind("<"), tail.rfind("@"))
    if start >= 0 and not re.search(r"[\s>]", tail[start + 1 :]):
        return text[: len(text) - len(tail) + start]
    return text


def plain_text_fallback(text: str) -> str:
    """Return the plain text that accompanies the blocks."""
    if len(text) <= MAX_FALLBACK_CHARACTERS:
        return text
    return text[: MAX_FALLBACK_CHARACTERS - 1].rstrip() + "…"


def preview_blocks(text: str, turn: int) -> Blocks:
    """Return an unfinished reply with its stop button."""
    visible = stable_prefix(neutralize_mentions(text))
    if len(visible) > MAX_MESSAGE_CHARACTERS:
        visible = visible[:MAX_MESSAGE_CHARACTERS].rstrip() + "…"
    stop = {"type": "button", "action_id": "stop", "text": plain_text("Stop"), "value": str(turn)}
    return [markdown(visible or EMPTY_PREVIEW), {"type": "actions", "elements": [stop]}]


def reply_buttons(outcome: TurnOutcome) -> Blocks:
    """Return the buttons below a finished reply: feedback, or "Try again"."""
    if not outcome.last:
        return []
    if outcome.status == "answered":
        feedback = {
            "type": "feedback_buttons",
            "action_id": "feedback",
            "positive_button": {"text": plain_text("Good"), "value": f"up|{outcome.seq}"},
            "negative_button": {"text": plain_text("Bad"), "value": f"down|{outcome.seq}"},
        }
        return [{"type": "context_actions", "elements": [feedback]}]
    if outcome.status in ("failed", "stopped"):
        value = f"{outcome.turn}|{outcome.seq}"
        retry = {"type": "button", "action_id": "retry", "text": plain_text("Try again"), "value": value}
        return [{"type": "actions", "elements": [retry]}]
    return []


def markdown(text: str) -> Block:
    """Return a block of standard Markdown: Slack renders code, lists, tables and links itself."""
    return {"type": "markdown", "text": text}


def button(action_id: str, label: str, value: dict[str, str | int]) -> Block:
    """Return a button that carries `value` as JSON."""
    return {"type": "button", "action_id": action_id, "text": plain_text(label), "value": json.dumps(value)}


def option(label: str, value: str) -> Block:
    """Return one choice of a menu."""
    return {"text": plain_text(label[:MAX_OPTION_CHARACTERS] or "—"), "value": value}


def plain_text(text: str) -> Block:
    """Return a plain-text object."""
    return {"type": "plain_text", "text": text}
