"""Reading Slack for what was missed: channels, and the threads the bot takes part in, which a channel's history does
not list."""

from __future__ import annotations

import logging
import time
from typing import Any

from bots.adapter.catchup import Missed
from bots.adapter.contract import Gone
from bots.slack.client import Slack
from bots.slack.routing import route
from chat_service import keys
from chat_service.conversation.places import Thread

log = logging.getLogger(__name__)

PAGE = 200
MAX_THREADS = 200
"""Threads of a channel that are read, the most recently used first; one call each."""
SKEW_SECONDS = 5.0
"""How far Slack's clock and ours may be apart."""
KINDS = "public_channel,private_channel,mpim,im"


class SlackReader:
    """Reads one workspace. Slack's pace is kept by waiting out its 429s."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self._connected = time.time()

    def connected(self) -> None:
        """What comes from now on is told live; read here, an edit of it would look like something new."""
        self._connected = time.time()

    def now(self) -> str:
        return f"{time.time():.6f}"

    async def spaces(self) -> list[str]:
        return [f"slack:{self._slack.identity.team}"]

    async def channels(self) -> list[str]:
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = await self._slack(
                self._slack.web.users_conversations, types=KINDS, exclude_archived=True, limit=PAGE, cursor=cursor
            )
            found += [f"slack:{self._slack.identity.team}:{one['id']}" for one in page["channels"]]
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return found

    async def since(self, scope: str, position: str, threads: list[Thread]) -> list[Missed]:
        channel = scope.rsplit(":", 1)[1]
        web = self._slack.web
        top = await self._pages(web.conversations_history, channel=channel, oldest=position)
        known = {key.thread: one for one in threads if (key := keys.parse(one.conversation))}
        grown = [str(one["ts"]) for one in top if str(one.get("latest_reply") or "") > position]
        recent = [thread for thread, _ in sorted(known.items(), key=lambda item: item[1].seen, reverse=True)]
        messages = list(top)
        for thread in dict.fromkeys([*grown, *recent[:MAX_THREADS]]):
            seen = known[thread].seen if thread in known else position
            after = min(seen or position, position) if thread in known else position
            try:
                replies = await self._pages(web.conversations_replies, channel=channel, ts=thread, oldest=after)
            except Gone as gone:
                if "thread_not_found" not in str(gone):
                    raise
                continue  # deleted meanwhile
            messages += [one for one in replies if str(one["ts"]) > after]
        told = [one for one in messages if float(one["ts"]) <= self._latest(one)]
        return [missed for one in told if (missed := self._missed(channel, one)) is not None]

    def _latest(self, message: dict[str, Any]) -> float:
        """Until when a message may have been missed."""
        return self._connected + (0 if message.get("edited") else SKEW_SECONDS)

    async def _pages(self, call: Any, **args: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = await self._slack(call, limit=PAGE, cursor=cursor, **args)
            found += page["messages"]
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return found

    def _missed(self, channel: str, message: dict[str, Any]) -> Missed | None:
        raw = {**message, "type": "message", "channel": channel}
        if raw.get("thread_ts") == raw.get("ts"):
            del raw["thread_ts"]  # the first of a thread: live it came without, and only those that call the bot count
        way = route(raw, self._slack.identity.team, self._slack.identity.user)
        return Missed(way.conversation, way.id, str(raw["ts"]), raw) if way else None
