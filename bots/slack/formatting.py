"""Model output as Slack shows it: Markdown blocks, defused, in parts that Slack takes, with the buttons beneath."""

from __future__ import annotations

import json
import re
from typing import Any

from bots.common.protocols import TurnOutcome
from bots.common.split import split

MAX_MESSAGE_CHARACTERS = 8_000
"""Characters of one message. A Markdown block takes 12,000; Slack folds what is long, so a little less."""
MAX_FALLBACK_CHARACTERS = 2_900
"""Characters of the plain text beside the blocks (notifications, screen readers); an update takes 4,000."""
EMPTY_PREVIEW = "…"
_BREAK = "\u200b"
_PING = re.compile(r"<(?=@[A-Z0-9]|!(?:channel|here|everyone|group|subteam)\b)", re.IGNORECASE)
_SHOUT = re.compile(r"@(?=(?:channel|here|everyone)\b)", re.IGNORECASE)

Blocks = list[dict[str, Any]]


def split_reply(text: str) -> list[str]:
    """A finished reply in parts, defused."""
    return split(neutralize_mentions(text), MAX_MESSAGE_CHARACTERS)


def neutralize_mentions(text: str) -> str:
    """The text without the power to ping anybody: an invisible space breaks the codes, in code blocks too, since Slack
    resolves mentions before it formats."""
    return _SHOUT.sub(f"@{_BREAK}", _PING.sub(f"<{_BREAK}", text))


def stable_prefix(text: str) -> str:
    """The beginning of an unfinished text that later words cannot change: a code that has only begun is held back."""
    tail = text[-60:]
    cut = max(tail.rfind("<"), tail.rfind("@"))
    if cut >= 0 and not re.search(r"[\s>]", tail[cut + 1 :]):
        return text[: len(text) - len(tail) + cut]
    return text


def plain_text_fallback(text: str) -> str:
    """The plain text beside the blocks."""
    return text if len(text) <= MAX_FALLBACK_CHARACTERS else text[: MAX_FALLBACK_CHARACTERS - 1].rstrip() + "…"


def preview_blocks(text: str, turn: int) -> Blocks:
    """An unfinished reply with its stop button."""
    shown = stable_prefix(neutralize_mentions(text))
    if len(shown) > MAX_MESSAGE_CHARACTERS:
        shown = shown[:MAX_MESSAGE_CHARACTERS].rstrip() + "…"
    stop = {"type": "button", "action_id": "stop", "text": _plain("Stop"), "value": str(turn)}
    return [markdown(shown or EMPTY_PREVIEW), {"type": "actions", "elements": [stop]}]


def reply_buttons(ending: TurnOutcome) -> Blocks:
    """What can be done about a finished reply."""
    if not ending.last:
        return []
    if ending.status == "answered":
        feedback = {
            "type": "feedback_buttons",
            "action_id": "feedback",
            "positive_button": {"text": _plain("Good"), "value": f"up|{ending.seq}"},
            "negative_button": {"text": _plain("Bad"), "value": f"down|{ending.seq}"},
        }
        return [{"type": "context_actions", "elements": [feedback]}]
    if ending.status in ("failed", "stopped"):
        value = f"{ending.turn}|{ending.seq}"
        again = {"type": "button", "action_id": "retry", "text": _plain("Try again"), "value": value}
        return [{"type": "actions", "elements": [again]}]
    return []


def markdown(text: str) -> dict[str, Any]:
    """A block of standard Markdown: code, lists, tables and links as Slack renders them itself."""
    return {"type": "markdown", "text": text}


def button(action: str, label: str, value: dict[str, Any]) -> dict[str, Any]:
    """A button that carries a value."""
    return {"type": "button", "action_id": action, "text": _plain(label), "value": json.dumps(value)}


def option(label: str, value: str) -> dict[str, Any]:
    """One choice of a menu."""
    return {"text": _plain(label[:75] or "—"), "value": value}


def _plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


plain = _plain
