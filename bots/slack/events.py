"""Parse Slack events: route each event to a conversation without I/O, then turn it into a `MessageEvent`."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from bots.common import commands
from bots.common.events import MessageEvent
from bots.slack.client import Payload, SlackClient
from bots.slack.files import FileReader
from bots.slack.users import UserNames
from chat_service import keys
from chat_service.contracts import MAX_INLINE, MAX_TEXT, Attachment, Author, utc
from chat_service.domain.context import safe_name

PERSON_SUBTYPES = frozenset({None, "file_share", "thread_broadcast", "me_message"})
"""The subtypes of messages that a person wrote."""
_CODE = re.compile(r"<([@#!]?)[^>|]*(?:\|([^>]*))?>")
_USER_MENTION = re.compile(r"<@([UW][A-Z0-9]+)")


@dataclass(frozen=True, slots=True)
class Route:
    """The conversation of an event. `id` makes repeats of the event harmless; `scope` is the channel."""

    conversation: str
    scope: str
    id: str
    position: str


def route_event(raw: Payload, team: str, bot: str) -> Route | None:
    """Return the route of a `message` or `app_mention` event, or None if the event does not concern the bot.

    Uses the event alone, so it cannot fail. Both events of one mention have the same route. A channel message that
    neither mentions the bot nor belongs to a thread does not concern it.
    """
    channel, subtype = str(raw.get("channel") or ""), raw.get("subtype")
    if subtype == "message_changed":
        message, before = raw.get("message") or {}, raw.get("previous_message") or {}
        if message.get("subtype") == "tombstone":
            return _route(team, channel, before, f"{before.get('ts')}:deleted", raw)
        # Slack also sends this event when a thread begins below a message or someone pins it, and for each of the
        # bot's own updates.
        if not _is_from_person(message, bot) or _visible_content(message) == _visible_content(before):
            return None
        return _route(team, channel, message, f"{message.get('ts')}:edited:{raw.get('event_ts')}", raw)
    if subtype == "message_deleted":
        before = raw.get("previous_message") or {}
        ts = str(raw.get("deleted_ts") or "")
        if not _is_from_person(before, bot):
            return None
        return _route(team, channel, {**before, "ts": ts}, f"{ts}:deleted", raw)
    if subtype not in PERSON_SUBTYPES or not _is_from_person(raw, bot):
        return None
    if raw.get("edited") and raw.get("type") == "app_mention":
        return None  # an edit added the mention; edits are not answered
    if not (is_direct_message(raw) or raw.get("thread_ts") or mentions_user(raw.get("text") or "", bot)):
        return None
    return _route(team, channel, raw, str(raw.get("ts")), raw)


def is_direct_message(raw: Payload) -> bool:
    """Return whether the message was sent to the bot alone."""
    return raw.get("channel_type") == "im" or str(raw.get("channel") or "").startswith("D")


def mentions_user(text: str, user: str) -> bool:
    """Return whether a text mentions this user."""
    return f"<@{user}>" in text or f"<@{user}|" in text


def mention_pattern(user: str) -> re.Pattern[str]:
    """Return the pattern of a mention of this user."""
    return re.compile(rf"<@{user}(?:\|[^>]*)?>")


def message_files(message: Payload) -> list[Payload]:
    """Return the files of a message and of the messages it forwards, without files that were removed."""
    forwarded = [file for attachment in message.get("attachments") or [] for file in attachment.get("files") or []]
    return [file for file in [*(message.get("files") or []), *forwarded] if file.get("mode") != "tombstone"]


def _file_ids(message: Payload) -> list[object]:
    """Return the ids that tell whether an edit changed the files."""
    return [file.get("id") for file in message_files(message)]


def _visible_content(message: Payload) -> tuple[object, ...]:
    """Return what the model sees of a message. Slack adds the titles of links a moment after the message."""
    return message.get("text"), message.get("attachments") or [], _file_ids(message)


def _is_from_person(message: Payload, bot: str) -> bool:
    return bool(message.get("user")) and not message.get("bot_id") and message["user"] not in (bot, "USLACKBOT")


def _route(team: str, channel: str, message: Payload, id: str, raw: Payload) -> Route | None:
    thread = str(message.get("thread_ts") or message.get("ts") or "")
    try:
        conversation = keys.slack(team, channel, thread)
    except ValueError:
        return None
    # The position of an edit or deletion is the time of the change, not of the message.
    position = str(raw.get("event_ts") or message.get("ts"))
    return Route(conversation, f"slack:{team}:{channel}", id, position)


class EventParser:
    """Turns events into `MessageEvent`s: resolves names and reads files."""

    def __init__(self, slack: SlackClient, names: UserNames, *, images: bool) -> None:
        self._slack, self._names, self._files = slack, names, FileReader(slack, images=images)

    async def parse(self, raw: Payload, *, max_file_characters: int = MAX_INLINE) -> MessageEvent:
        """Return the message that was written, edited or deleted, with at most `max_file_characters` of file content.

        Raises:
            OutcomeUnknownError, TransientError: Slack cannot be reached.
        """
        if raw.get("subtype") == "message_changed":
            message, before = raw.get("message") or {}, raw.get("previous_message") or {}
            if message.get("subtype") == "tombstone":
                return self._deletion(raw, before)
            # Unchanged files are not read again: a failed download must not replace content that was read before.
            files_changed = _file_ids(message) != _file_ids(before)
            limit = max_file_characters if files_changed else 0
            event = await self._message({**message, "channel": raw.get("channel")}, limit)
            return event.model_copy(update={"kind": "edited", "attachments_changed": files_changed})
        if raw.get("subtype") == "message_deleted":
            return self._deletion(raw, {**(raw.get("previous_message") or {}), "ts": raw.get("deleted_ts")})
        return await self._message(raw, max_file_characters)

    def parse_without_lookups(self, raw: Payload) -> MessageEvent:
        """Return a message as far as the event alone shows it: without names and without the content of its files."""
        bare = commands.remove_bot_name(str(raw.get("text") or ""), mention_pattern(self._slack.identity.user))
        text = html.unescape(_CODE.sub(lambda code: code[2] or f"{code[1]}…", bare))
        files = [Attachment(name="a file", media_type="text/plain", text="…")] if message_files(raw) else []
        return self._build(raw, text, Author(id=str(raw.get("user") or ""), name=""), files)

    def _build(self, raw: Payload, text: str, author: Author, attachments: list[Attachment]) -> MessageEvent:
        ts, raw_text, bot = str(raw.get("ts")), str(raw.get("text") or ""), self._slack.identity.user
        return MessageEvent(
            id=ts,
            position=ts,
            text=text[:MAX_TEXT],
            author=author,
            at=utc(float(ts)),
            attachments=attachments,
            mentions_bot=mentions_user(raw_text, bot),
            mentions_others=any(user != bot for user in _USER_MENTION.findall(raw_text)),
            is_direct_message=is_direct_message(raw),
            starts_conversation=raw.get("thread_ts") in (None, ts),
        )

    def _deletion(self, raw: Payload, before: Payload) -> MessageEvent:
        ts = str(before.get("ts"))
        return MessageEvent(kind="deleted", id=ts, position=str(raw.get("event_ts") or ts), at=utc(float(ts)))

    async def _message(self, raw: Payload, max_file_characters: int) -> MessageEvent:
        bare = commands.remove_bot_name(str(raw.get("text") or ""), mention_pattern(self._slack.identity.user))
        paragraphs = [await self._names.resolve_codes(bare)]
        paragraphs += [await self._quote(attachment) for attachment in raw.get("attachments") or []]
        files = message_files(raw) if max_file_characters else []
        attachments, unreadable = await self._files.read(files, max_file_characters)
        text = "\n".join(paragraph for paragraph in paragraphs if paragraph.strip())
        event = self._build(raw, text, await self._author(raw), attachments)
        return event.model_copy(update={"unreadable_files": unreadable, "edited": "edited" in raw})

    async def _author(self, raw: Payload) -> Author:
        """Return the person, or the app whose bot posted the message."""
        if raw.get("bot_id"):
            name = raw.get("username") or (raw.get("bot_profile") or {}).get("name") or "an app"
            return Author(id=str(raw["bot_id"]), name=str(name)[:200])
        user = str(raw.get("user") or "")
        return Author(id=user, name=(await self._names.user_name(user))[:200])

    async def _quote(self, attachment: Payload) -> str:
        """Return a forwarded message with its author's name, or the title of a link."""
        text = await self._names.resolve_codes(str(attachment.get("text") or ""))
        if attachment.get("is_share") or attachment.get("is_msg_unfurl"):
            author = safe_name(str(attachment.get("author_name") or "")) or "an unknown person"
            channel = str(attachment.get("channel_id") or "")
            is_named = channel and not channel.startswith("D")
            where = f" in #{await self._names.channel_name(channel)}" if is_named else ""
            quoted = "\n".join(f"> {line}" for line in (text or attachment.get("fallback") or "").splitlines())
            return f"(forwarded from {author}{where})\n{quoted}"
        title, link = attachment.get("title"), attachment.get("from_url") or attachment.get("title_link")
        if title:
            return f"(link: {title}{f', {link}' if link else ''})" + (f"\n> {text}" if text else "")
        return text or str(attachment.get("fallback") or "")
