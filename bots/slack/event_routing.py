"""Which conversation an event belongs to, told from the event alone: no call, no state, so it cannot fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chat_service import keys

PERSON_SUBTYPES = frozenset({None, "file_share", "thread_broadcast", "me_message"})
"""The subtypes that are something a person said."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where an event goes. `id` makes a repeat of it harmless; `scope` is the channel."""

    conversation: str
    scope: str
    id: str
    position: str


def route_event(raw: dict[str, Any], team: str, bot: str) -> Route | None:
    """The way of a `message` or `app_mention` event; None when it is nobody's business.

    Both events of a mention have the same way and id. A message in a channel that neither names the bot nor stands in
    a thread is none of its business.
    """
    channel, subtype = str(raw.get("channel") or ""), raw.get("subtype")
    if subtype == "message_changed":
        message, before = raw.get("message") or {}, raw.get("previous_message") or {}
        if message.get("subtype") == "tombstone":
            return _route(team, channel, before, f"{before.get('ts')}:deleted", raw)
        if not _by_person(message, bot) or _says(message) == _says(before):
            return None  # a thread begins beneath it, somebody pins it; and the bot's own messages change all the time
        return _route(team, channel, message, f"{message.get('ts')}:edited:{raw.get('event_ts')}", raw)
    if subtype == "message_deleted":
        before = raw.get("previous_message") or {}
        ts = str(raw.get("deleted_ts") or "")
        return _route(team, channel, {**before, "ts": ts}, f"{ts}:deleted", raw) if _by_person(before, bot) else None
    if subtype not in PERSON_SUBTYPES or not _by_person(raw, bot):
        return None
    if raw.get("edited") and raw.get("type") == "app_mention":
        return None  # a mention that an edit brought in: edits are not answered
    if not (is_direct_message(raw) or raw.get("thread_ts") or mentions_user(raw.get("text") or "", bot)):
        return None
    return _route(team, channel, raw, str(raw.get("ts")), raw)


def is_direct_message(raw: dict[str, Any]) -> bool:
    """Whether it was said to the bot alone."""
    return raw.get("channel_type") == "im" or str(raw.get("channel") or "").startswith("D")


def mentions_user(text: str, user: str) -> bool:
    """Whether a text names this user."""
    return f"<@{user}>" in text or f"<@{user}|" in text


def message_files(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The files of a message and of what it forwards; one that was taken off may still stand there, without a word."""
    shared = [file for one in message.get("attachments") or [] for file in one.get("files") or []]
    return [one for one in [*(message.get("files") or []), *shared] if one.get("mode") != "tombstone"]


def file_ids(message: dict[str, Any]) -> list[Any]:
    """By these it is told whether a message has other files than before."""
    return [one.get("id") for one in message_files(message)]


def _says(message: dict[str, Any]) -> tuple[Any, Any, list[Any]]:
    """What of a message the model gets to see; Slack adds the titles of links a moment later."""
    return message.get("text"), message.get("attachments") or [], file_ids(message)


def _by_person(message: dict[str, Any], bot: str) -> bool:
    return bool(message.get("user")) and not message.get("bot_id") and message["user"] not in (bot, "USLACKBOT")


def _route(team: str, channel: str, message: dict[str, Any], id: str, raw: dict[str, Any]) -> Route | None:
    thread = str(message.get("thread_ts") or message.get("ts") or "")
    try:
        conversation = keys.slack(team, channel, thread)
    except ValueError:
        return None
    # An edit of an old message stands where it happened, not where the message was.
    position = str(raw.get("event_ts") or message.get("ts"))
    return Route(conversation, f"slack:{team}:{channel}", id, position)
