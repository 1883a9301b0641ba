"""Read Slack for events that the bot missed: channels, and threads in which the bot takes part.

A channel's history does not list replies in threads, so each thread is read by a call of its own.
"""

from __future__ import annotations

import logging
import re
import time

from bots.common.backfill import MissedEvent
from bots.common.errors import PermanentError
from bots.common.history_view import read_user_messages
from bots.slack.client import PAGE_SIZE, Payload, SlackClient, next_cursor
from bots.slack.events import route_event
from chat_service import keys
from chat_service.contracts.channel import ChannelThread
from chat_service.ingress import IngressClient

log = logging.getLogger(__name__)

MAX_THREADS = 200
"""Threads read per channel, most recently used first; each costs one call."""
CHECKED_THREADS = 50
"""Threads that are read even without new replies, since edits and deletions are visible nowhere else."""
OLDER_PAGES = 2
OLDER_SECONDS = 14 * 86_400
"""How far before the gap a channel's history is searched for threads with new replies: at most 2 pages and 14 days. A
mention in an older thread in which the bot took no part yet is not found."""
COMPARED_SECONDS = 30 * 86_400
"""Maximum age of stored messages that are compared with Slack."""
CLOCK_SKEW_SECONDS = 5.0
"""Assumed maximum difference between Slack's clock and the bot's clock."""
CHANNEL_TYPES = ("public_channel", "private_channel", "mpim", "im")
_TIMESTAMP = re.compile(r"\d+\.\d+")


class SlackHistoryReader:
    """Reads one workspace, at the rate that Slack's 429 responses allow.

    `overlap_seconds`: time before the gap that is read again, in case the clocks differ.
    """

    def __init__(self, slack: SlackClient, ingress: IngressClient, *, overlap_seconds: float = 0) -> None:
        self._slack, self._ingress, self._overlap_seconds = slack, ingress, overlap_seconds
        self._connected_at = time.time()
        self._is_connected = True

    def connected(self) -> None:
        """Record that Slack sends events live from now on. Read again here, an edit of them would look new."""
        self._connected_at = time.time()
        self._is_connected = True

    def disconnected(self) -> None:
        """Record that Slack sends no events from now on."""
        self._is_connected = False

    def current_position(self) -> str:
        return f"{time.time() - self._overlap_seconds:.6f}"

    async def list_spaces(self) -> list[str]:
        return [f"slack:{self._slack.identity.team}"] if self._is_connected else []

    async def list_channels(self) -> list[str]:
        try:
            return await self._list_channels_of_type(",".join(CHANNEL_TYPES))
        except PermanentError as error:
            if "missing_scope" not in str(error):
                raise
        scopes: list[str] = []
        for channel_type in CHANNEL_TYPES:  # a missing scope for one type does not affect the others
            try:
                scopes += await self._list_channels_of_type(channel_type)
            except PermanentError as error:
                log.error("no backfill for channels of the type %s: %s", channel_type, error)
        return scopes

    async def _list_channels_of_type(self, types: str) -> list[str]:
        scopes: list[str] = []
        cursor: str | None = None
        while True:
            page = await self._slack(
                self._slack.web.users_conversations, types=types, exclude_archived=True, limit=PAGE_SIZE, cursor=cursor
            )
            scopes += [f"slack:{self._slack.identity.team}:{channel['id']}" for channel in page["channels"]]
            if not (cursor := next_cursor(page)):
                return scopes

    async def read_since(self, scope: str, position: str, threads: list[ChannelThread]) -> list[MissedEvent]:
        channel = scope.rsplit(":", 1)[1]
        top_level = await self._read_channel(channel, position)
        followed = {key.thread: thread for thread in threads if (key := keys.parse(thread.conversation))}
        latest_replies = {
            str(message["ts"]): str(message["latest_reply"]) for message in top_level if message.get("latest_reply")
        }
        with_new_replies = [thread for thread, reply in latest_replies.items() if reply > position]
        recent = [thread for thread, _ in sorted(followed.items(), key=lambda item: item[1].position, reverse=True)]
        # Older threads that the channel's history lists without a new reply are left out: each costs one call.
        unlisted = [thread for thread in recent[CHECKED_THREADS:MAX_THREADS] if thread not in latest_replies]
        messages = [message for message in top_level if str(message["ts"]) > position]
        changes: list[MissedEvent] = []
        for thread in dict.fromkeys([*with_new_replies, *recent[:CHECKED_THREADS], *unlisted]):
            if (known := followed.get(thread)) is None:
                replies = await self._read_replies(channel, thread, position)
                messages += [reply for reply in replies or [] if str(reply["ts"]) > position]
                continue
            after = min(known.position or position, position)
            stored = await self._stored_authors(known.conversation)
            replies = await self._read_replies(channel, thread, min([after, *stored], key=float))
            changes += self._find_changes(channel, thread, stored, replies, position)
            messages += [reply for reply in replies or [] if str(reply["ts"]) > after]
        missed = [
            self._missed_message(channel, message)
            for message in messages
            if float(message["ts"]) <= self._latest_missed(message)
        ]
        return changes + [event for event in missed if event is not None]

    async def _read_channel(self, channel: str, position: str) -> list[Payload]:
        """Return a channel's top-level messages, newest first: all after `position`, and older ones (see `OLDER_PAGES`)
        whose threads may contain a mention."""
        oldest = f"{max(float(position) - OLDER_SECONDS, 0):.6f}"
        messages: list[Payload] = []
        older_pages = 0
        cursor: str | None = None
        while True:
            page = await self._slack(
                self._slack.web.conversations_history, channel=channel, oldest=oldest, limit=PAGE_SIZE, cursor=cursor
            )
            messages += page["messages"]
            older_pages += all(str(message["ts"]) <= position for message in page["messages"])
            if not (cursor := next_cursor(page)) or older_pages >= OLDER_PAGES:
                return messages

    async def _read_replies(self, channel: str, thread: str, after: str) -> list[Payload] | None:
        """Return a thread's first message and its replies from `after` on; None when the thread was deleted."""
        oldest = f"{max(float(after) - 0.000001, 0):.6f}"
        try:
            return [message async for message in self._slack.iter_thread(channel, thread, oldest=oldest)]
        except PermanentError as error:
            if "thread_not_found" not in str(error):
                raise
            return None

    async def _stored_authors(self, conversation: str) -> dict[str, str]:
        """Return the authors' ids of the conversation's stored messages by timestamp, without those too old to compare.

        After some weeks a workspace may hide messages that still exist; that is not a deletion.
        """
        oldest = time.time() - COMPARED_SECONDS
        stored = await read_user_messages(self._ingress, conversation)
        return {
            id: message.author.id
            for id, message in stored.items()
            if _TIMESTAMP.fullmatch(id) and float(id) > oldest and message.author and message.author.id
        }

    def _find_changes(
        self, channel: str, thread: str, authors: dict[str, str], replies: list[Payload] | None, position: str
    ) -> list[MissedEvent]:
        """Return missed edits and deletions, in the form in which Slack sends them live."""
        present = {str(reply["ts"]): reply for reply in replies or [] if reply.get("subtype") != "tombstone"}
        changes: list[Payload] = []
        for ts, author in authors.items():
            before = {"ts": ts, "thread_ts": thread, "user": author}
            message = present.get(ts)
            if message is None:
                deletion = {"subtype": "message_deleted", "deleted_ts": ts, "previous_message": before}
                changes.append({**deletion, "event_ts": f"{self._connected_at:.6f}"})
                continue
            edited = str((message.get("edited") or {}).get("ts") or "")
            if edited > position and float(edited) <= self._connected_at:
                change = {"subtype": "message_changed", "message": message, "previous_message": before}
                changes.append({**change, "event_ts": edited})
        raws = [{**change, "type": "message", "channel": channel} for change in changes]
        routes = [(raw, route_event(raw, self._slack.identity.team, self._slack.identity.user)) for raw in raws]
        return [MissedEvent(route.conversation, route.id, route.position, raw) for raw, route in routes if route]

    def _latest_missed(self, message: Payload) -> float:
        """Return the time until which a message may have been missed."""
        return self._connected_at + (0 if message.get("edited") else CLOCK_SKEW_SECONDS)

    def _missed_message(self, channel: str, message: Payload) -> MissedEvent | None:
        raw = {**message, "type": "message", "channel": channel}
        if raw.get("thread_ts") == raw.get("ts"):
            # Live, the first message of a thread has no thread_ts, and only a mention concerns the bot.
            del raw["thread_ts"]
        route = route_event(raw, self._slack.identity.team, self._slack.identity.user)
        return MissedEvent(route.conversation, route.id, str(raw["ts"]), raw) if route else None
