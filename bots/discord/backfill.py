"""Reading Discord for what was missed: every channel and thread from where it was read last."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import discord

from bots.common.backfill import MissedEvent
from bots.common.errors import PermanentError
from bots.discord.channel_history import read_messages
from bots.discord.client import Bot, call_discord
from bots.discord.event_filter import EventFilter
from bots.discord.listeners import now
from bots.discord.message_snapshot import SnapshotBuilder, position
from bots.discord.missed_edits import MissedEdits
from chat_service.contracts import DirectoryPage, DirectoryRequest
from chat_service.ingress import IngressClient
from chat_service.objects.channel_threads import Place, PlaceRequest, Thread

log = logging.getLogger(__name__)

MOST = 1_000
"""Messages of a channel that are read: the newest, a hundred a call, at the pace that Discord allows."""
ARCHIVED = 50
"""Conversations of a server that are read beside its channels: threads may be archived by now, and are listed by
nobody. The most recently used first."""
CLOSED = 100
"""Threads of a channel that were archived since it was read last, at most."""
SHORTEST = timedelta(hours=1)
"""Sooner no thread is archived by itself; posts in forums are closed by hand."""
DIRECT = 200
"""Direct conversations that are read, the most recently used first: Discord does not list them."""


class DiscordHistoryReader:
    """Reads what one bot can see."""

    def __init__(self, bot: Bot, ingress: IngressClient, records: SnapshotBuilder, watch: EventFilter) -> None:
        self._bot, self._ingress, self._records, self._watch = bot, ingress, records, watch
        self._revisions = MissedEdits(bot, ingress, records)

    def now(self) -> str:
        return now()

    async def spaces(self) -> list[str]:
        await self._bot.filled.wait()
        if self._bot.lost:
            return []  # what opens meanwhile is not told
        # Discord lists no direct conversations, so one that is new to us may have begun at any time since the bot was
        # started first: it is read from there, as soon as somebody writes in it.
        direct = await self._place("discord:@me")
        return [*(f"discord:{guild.id}" for guild in self._bot.guilds), *([] if direct.position else ["discord:@me"])]

    async def channels(self) -> list[str]:
        await self._bot.filled.wait()
        found: list[str] = []
        for guild in self._bot.guilds:
            places: list[Any] = [*guild.text_channels, *guild.voice_channels, *guild.stage_channels, *guild.threads]
            found += [f"discord:{guild.id}:{one.id}" for one in places if _is_readable(one, guild.me)]
            found += await self._recent(str(guild.id), ARCHIVED)
            found += await self._closed(guild)
        found += await self._recent("@me", DIRECT)
        return list(dict.fromkeys(found))

    async def _recent(self, space: str, limit: int) -> list[str]:
        """The conversations of a server that were active last."""
        owner, request = f"workspace:discord:{space}", DirectoryRequest(limit=limit)
        listed = await self._ingress.call("Directory", owner, "list", request, DirectoryPage, timeout=30)
        return [one.conversation for one in listed.entries]

    async def _closed(self, guild: discord.Guild) -> list[str]:
        """Threads and posts that were archived while nobody listened: somebody may have asked there for the first time,
        and Discord lists only open ones by itself."""
        wide = await self._place(f"discord:{guild.id}")
        if not wide.position:
            return []
        since = discord.utils.snowflake_time(int(wide.position))
        long = discord.utils.utcnow() - since > SHORTEST
        found: list[str] = []
        parents: list[discord.ForumChannel | discord.TextChannel] = [*guild.forums]
        for parent in [*parents, *(guild.text_channels if long else [])]:
            if _is_readable(parent, guild.me):
                try:
                    found += [
                        f"discord:{guild.id}:{one}" for one in await call_discord("archived", _archived(parent, since))
                    ]
                except PermanentError as gone:
                    log.warning("closed threads of %s are not looked at: %s", parent.id, gone)
        return found

    async def _place(self, scope: str) -> Place:
        return await self._ingress.call("Channel", scope, "look", PlaceRequest(), Place, timeout=10)

    async def since(self, scope: str, position_: str, threads: list[Thread]) -> list[MissedEvent]:
        try:
            missed = await self._said(scope, position_)
            takes_part = any(one.conversation == scope for one in threads)
            return [*missed, *(await self._revisions.since(scope, position_) if takes_part else [])]
        except PermanentError as gone:
            raise PermanentError(f"{scope}: {gone}") from gone

    async def _said(self, scope: str, position_: str) -> list[MissedEvent]:
        place = self._bot.place(scope)
        known: Any = self._bot.get_channel(place.id)
        last = getattr(known, "last_message_id", None)
        if isinstance(known, discord.abc.GuildChannel | discord.Thread) and position(last or 0) <= position_:
            return []  # told at the connection: nothing was said there since
        missed: list[MissedEvent] = []
        for message in reversed(await read_messages(self._bot, place, MOST, after=int(position_))):
            if not self._records.is_persons(message):
                continue
            record = await self._records.said(message)
            if await self._watch.accepts(record):
                raw = record.model_dump(mode="json")
                missed.append(MissedEvent(record.conversation, record.id, position(record.id), raw))
        return missed


async def _archived(parent: discord.ForumChannel | discord.TextChannel, since: datetime) -> list[int]:
    """Those that were archived last come first."""
    found: list[int] = []
    async for thread in parent.archived_threads(limit=CLOSED):
        if thread.archive_timestamp <= since:
            break
        found.append(thread.id)
    return found


def _is_readable(place: Any, me: discord.Member) -> bool:
    try:
        given: discord.Permissions = place.permissions_for(me)
    except discord.ClientException:  # a thread whose channel is not ours to see
        return False
    return given.read_messages and given.read_message_history
