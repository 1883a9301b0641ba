"""Reading Slack for what was missed: channels, and the threads the bot takes part in, which a channel's history does
not list."""

from __future__ import annotations

import logging
import re
import time
from typing import Any

from bots.common.backfill import MissedEvent
from bots.common.errors import PermanentError
from bots.common.stored_messages import remembered
from bots.slack.client import PAGE_SIZE, SlackClient
from bots.slack.event_routing import route_event
from chat_service import keys
from chat_service.ingress import IngressClient
from chat_service.objects.channel_threads import Thread

log = logging.getLogger(__name__)

MAX_THREADS = 200
"""Threads of a channel that are read, the most recently used first; one call each."""
CHECKED_THREADS = 50
"""Of these, so many are read in any case, since edits and deletions show nowhere else."""
OLDER_PAGES = 2
OLDER_SECONDS = 14 * 86_400
"""How far back a channel is looked through for threads that have grown: so many pages of the channel itself, and so
long before the gap. A mention in a thread that is older, and without the bot until then, is not found."""
COMPARED_SECONDS = 30 * 86_400
"""How old a message may be that is compared with what Slack has now."""
SKEW_SECONDS = 5.0
"""How far Slack's clock and ours may be apart."""
KINDS = ("public_channel", "private_channel", "mpim", "im")
_TS = re.compile(r"\d+\.\d+")


class SlackHistoryReader:
    """Reads one workspace. Slack's pace is kept by waiting out its 429s. `margin`: so many seconds are read again, in
    case the clocks differ."""

    def __init__(self, slack: SlackClient, ingress: IngressClient, *, margin: float = 0) -> None:
        self._slack, self._ingress, self._margin = slack, ingress, margin
        self._connected = time.time()
        self._hears = True

    def connected(self) -> None:
        """What comes from now on is told live; read here, an edit of it would look like something new."""
        self._connected = time.time()
        self._hears = True

    def disconnected(self) -> None:
        """What opens from now on is not told."""
        self._hears = False

    def now(self) -> str:
        return f"{time.time() - self._margin:.6f}"

    async def spaces(self) -> list[str]:
        return [f"slack:{self._slack.identity.team}"] if self._hears else []

    async def channels(self) -> list[str]:
        try:
            return await self._listed(",".join(KINDS))
        except PermanentError as gone:
            if "missing_scope" not in str(gone):
                raise
        found: list[str] = []
        for kind in KINDS:  # a scope that is missing for one of them leaves the others
            try:
                found += await self._listed(kind)
            except PermanentError as gone:
                log.error("there is no catching up in %s: %s", kind, gone)
        return found

    async def _listed(self, kinds: str) -> list[str]:
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = await self._slack(
                self._slack.web.users_conversations, types=kinds, exclude_archived=True, limit=PAGE_SIZE, cursor=cursor
            )
            found += [f"slack:{self._slack.identity.team}:{one['id']}" for one in page["channels"]]
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return found

    async def since(self, scope: str, position: str, threads: list[Thread]) -> list[MissedEvent]:
        channel = scope.rsplit(":", 1)[1]
        top = await self._top(channel, position)
        known = {key.thread: one for one in threads if (key := keys.parse(one.conversation))}
        latest = {str(one["ts"]): str(one["latest_reply"]) for one in top if one.get("latest_reply")}
        grown = [thread for thread, reply in latest.items() if reply > position]
        recent = [thread for thread, _ in sorted(known.items(), key=lambda item: item[1].position, reverse=True)]
        messages = [one for one in top if str(one["ts"]) > position]
        changes: list[MissedEvent] = []
        # Beyond the first of them, what Slack lists without a new reply is left out: it is one call each.
        rest = [thread for thread in recent[CHECKED_THREADS:MAX_THREADS] if thread not in latest]
        for thread in dict.fromkeys([*grown, *recent[:CHECKED_THREADS], *rest]):
            if (one := known.get(thread)) is None:
                found = await self._replies(channel, thread, position)
                messages += [reply for reply in found or [] if str(reply["ts"]) > position]
                continue
            after = min(one.position or position, position)
            told = await self._remembered(one.conversation)
            found = await self._replies(channel, thread, min([after, *told], key=float))
            changes += self._changes(channel, thread, told, found, position)
            messages += [reply for reply in found or [] if str(reply["ts"]) > after]
        said = [one for one in messages if float(one["ts"]) <= self._latest(one)]
        return changes + [missed for one in said if (missed := self._missed(channel, one)) is not None]

    async def _top(self, channel: str, position: str) -> list[dict[str, Any]]:
        """The messages of a channel itself, the newest first: all that came after `position`, and older ones as far as
        somebody may have called the bot into their threads meanwhile."""
        oldest = f"{max(float(position) - OLDER_SECONDS, 0):.6f}"
        found: list[dict[str, Any]] = []
        older = 0
        cursor: str | None = None
        while True:
            page = await self._slack(
                self._slack.web.conversations_history, channel=channel, oldest=oldest, limit=PAGE_SIZE, cursor=cursor
            )
            found += page["messages"]
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            older += all(str(one["ts"]) <= position for one in page["messages"])
            if not cursor or older >= OLDER_PAGES:
                return found

    async def _replies(self, channel: str, thread: str, after: str) -> list[dict[str, Any]] | None:
        """A thread's first message and its replies from `after` on; None when the thread is gone."""
        since = f"{max(float(after) - 0.000001, 0):.6f}"
        try:
            return [one async for one in self._slack.iter_thread(channel, thread, oldest=since)]
        except PermanentError as gone:
            if "thread_not_found" not in str(gone):
                raise
            return None

    async def _remembered(self, conversation: str) -> dict[str, str]:
        """The people whose messages a conversation remembers and that are young enough to be compared, by timestamp.
        (Beyond some weeks a workspace may hide what is still there, and that is no deletion.)"""
        oldest = time.time() - COMPARED_SECONDS
        told = await remembered(self._ingress, conversation)
        return {
            id: one.author.id
            for id, one in told.items()
            if _TS.fullmatch(id) and float(id) > oldest and one.author and one.author.id
        }

    def _changes(
        self, channel: str, thread: str, told: dict[str, str], found: list[dict[str, Any]] | None, position: str
    ) -> list[MissedEvent]:
        """What was edited or deleted, as the events that nobody sent."""
        now = f"{self._connected:.6f}"
        there = {str(one["ts"]): one for one in found or [] if one.get("subtype") != "tombstone"}
        raws: list[dict[str, Any]] = []
        for ts, person in told.items():
            before = {"ts": ts, "thread_ts": thread, "user": person}
            message = there.get(ts)
            if message is None:
                raws.append(
                    {"subtype": "message_deleted", "deleted_ts": ts, "previous_message": before, "event_ts": now}
                )
                continue
            edited = str((message.get("edited") or {}).get("ts") or "")
            if edited > position and float(edited) <= self._connected:
                change = {"subtype": "message_changed", "message": message, "previous_message": before}
                raws.append({**change, "event_ts": edited})
        events = [{**raw, "type": "message", "channel": channel} for raw in raws]
        ways = [(raw, route_event(raw, self._slack.identity.team, self._slack.identity.user)) for raw in events]
        return [MissedEvent(way.conversation, way.id, way.position, raw) for raw, way in ways if way]

    def _latest(self, message: dict[str, Any]) -> float:
        """Until when a message may have been missed."""
        return self._connected + (0 if message.get("edited") else SKEW_SECONDS)

    def _missed(self, channel: str, message: dict[str, Any]) -> MissedEvent | None:
        raw = {**message, "type": "message", "channel": channel}
        if raw.get("thread_ts") == raw.get("ts"):
            del raw["thread_ts"]  # the first of a thread: live it came without, and only those that call the bot count
        way = route_event(raw, self._slack.identity.team, self._slack.identity.user)
        return MissedEvent(way.conversation, way.id, str(raw["ts"]), raw) if way else None
