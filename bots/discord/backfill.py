"""Read the messages, edits and deletions that the bot missed, in every channel and thread."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import discord

from bots.common.backfill import MissedEvent
from bots.common.errors import PermanentError
from bots.common.history_view import read_user_messages
from bots.discord.channel_messages import read_messages
from bots.discord.client import UNKNOWN_MESSAGE, Bot, DiscordApiError, MessageableChannel, call_discord
from bots.discord.event_filter import EventFilter
from bots.discord.message_snapshot import MessageSnapshot, deleted_snapshot, position_of
from bots.discord.snapshot_builder import SnapshotBuilder
from chat_service import handlers
from chat_service.contracts import DirectoryRequest
from chat_service.contracts.channel import ChannelThread, ChannelView, ChannelViewRequest
from chat_service.ingress import IngressClient

log = logging.getLogger(__name__)

MAX_MESSAGES = 1_000
"""Messages that are read per channel: the newest, 100 per call, at the pace that Discord allows."""
MAX_RECENT_CONVERSATIONS = 50
"""Conversations of a server that are read in addition to its channels, the most recently used first: threads that may
be archived by now, which Discord does not list."""
MAX_DIRECT_CONVERSATIONS = 200
"""Direct conversations that are read, the most recently used first. Discord does not list them."""
MAX_ARCHIVED_THREADS = 100
"""Threads of a channel that were archived since its last reading, at most."""
SHORTEST_AUTO_ARCHIVE = timedelta(hours=1)
"""Discord archives no thread automatically before that. Forum posts are closed by hand."""
MAX_CHECKED_MESSAGES = 100
"""Messages of a conversation that are checked for edits and deletions: the newest that it holds."""
MAX_READ_FOR_CHECK = 200
MAX_CHECKED_AGE = timedelta(days=14)
"""Older messages are not checked for edits and deletions."""
CLOCK_TOLERANCE = timedelta(minutes=1)
POSITION_MARGIN = timedelta(minutes=2)
"""The current position is set back by this much, for a clock that is fast, and for events that were lost before a dead
connection was noticed."""


class DiscordHistoryReader:
    """Reads the history of all channels that one bot can see."""

    def __init__(self, bot: Bot, ingress: IngressClient, snapshots: SnapshotBuilder, event_filter: EventFilter) -> None:
        self._bot, self._ingress, self._snapshots, self._filter = bot, ingress, snapshots, event_filter
        self._missed_edits = MissedEdits(bot, ingress, snapshots)

    def current_position(self) -> str:
        return position_of(max(discord.utils.time_snowflake(datetime.now(UTC) - POSITION_MARGIN), 0))

    async def list_spaces(self) -> list[str]:
        await self._bot.all_shards_ready.wait()
        if self._bot.disconnected_shards:
            return []  # new channels are not reported meanwhile
        # Discord lists no direct conversations, so an unknown one may have begun at any time since the bot's first
        # start. It is read from there on as soon as its person writes in it.
        direct = await self._read_channel_view("discord:@me")
        return [*(f"discord:{guild.id}" for guild in self._bot.guilds), *([] if direct.position else ["discord:@me"])]

    async def list_channels(self) -> list[str]:
        await self._bot.all_shards_ready.wait()
        found: list[str] = []
        for guild in self._bot.guilds:
            channels: list[discord.abc.GuildChannel | discord.Thread] = [*guild.text_channels, *guild.voice_channels]
            channels += [*guild.stage_channels, *guild.threads]
            found += [f"discord:{guild.id}:{channel.id}" for channel in channels if _is_readable(channel, guild.me)]
            found += await self._recent_conversations(str(guild.id), MAX_RECENT_CONVERSATIONS)
            found += await self._archived_threads(guild)
        found += await self._recent_conversations("@me", MAX_DIRECT_CONVERSATIONS)
        return list(dict.fromkeys(found))

    async def _recent_conversations(self, space: str, limit: int) -> list[str]:
        owner, request = f"workspace:discord:{space}", DirectoryRequest(limit=limit)
        page = await self._ingress.call(handlers.DIRECTORY_LIST, owner, request, timeout=30)
        return [entry.conversation for entry in page.entries]

    async def _archived_threads(self, guild: discord.Guild) -> list[str]:
        """Return the threads and posts that were archived while the bot was offline. Discord lists open ones only, and
        someone may have asked a first question there."""
        view = await self._read_channel_view(f"discord:{guild.id}")
        if not view.position:
            return []
        since = discord.utils.snowflake_time(int(view.position))
        parents: list[discord.ForumChannel | discord.TextChannel] = [*guild.forums]
        if discord.utils.utcnow() - since > SHORTEST_AUTO_ARCHIVE:
            parents += guild.text_channels
        found: list[str] = []
        for parent in parents:
            if _is_readable(parent, guild.me):
                try:
                    threads = await call_discord("archived_threads", _read_archived_threads(parent, since))
                    found += [f"discord:{guild.id}:{thread}" for thread in threads]
                except PermanentError as error:
                    log.warning("the archived threads of %s cannot be read: %s", parent.id, error)
        return found

    async def _read_channel_view(self, scope: str) -> ChannelView:
        return await self._ingress.call(handlers.CHANNEL_GET, scope, ChannelViewRequest(), timeout=10)

    async def read_since(self, scope: str, position: str, threads: list[ChannelThread]) -> list[MissedEvent]:
        try:
            missed = await self._missed_messages(scope, position)
            takes_part = any(thread.conversation == scope for thread in threads)
            return [*missed, *(await self._missed_edits.since(scope, position) if takes_part else [])]
        except PermanentError as error:
            raise PermanentError(f"{scope}: {error}") from error

    async def _missed_messages(self, scope: str, position: str) -> list[MissedEvent]:
        channel = self._bot.get_messageable(scope)
        # Discord sends the id of each channel's last message at connect.
        is_cached = isinstance(channel, discord.abc.GuildChannel | discord.Thread)
        if is_cached and position_of(getattr(channel, "last_message_id", None) or 0) <= position:
            return []
        missed: list[MissedEvent] = []
        for message in reversed(await read_messages(self._bot, channel, MAX_MESSAGES, after=int(position))):
            if not self._snapshots.is_user_message(message):
                continue
            snapshot = await self._snapshots.build(message)
            if await self._filter.accepts(snapshot):
                missed.append(_missed_event(snapshot, snapshot.id, position_of(snapshot.id)))
        return missed


class MissedEdits:
    """Finds edits and deletions by comparing the stored messages with Discord's. An edit that was processed already is
    found again, which changes nothing."""

    def __init__(self, bot: Bot, ingress: IngressClient, snapshots: SnapshotBuilder) -> None:
        self._bot, self._ingress, self._snapshots = bot, ingress, snapshots

    async def since(self, scope: str, position: str) -> list[MissedEvent]:
        """Return the edits and deletions in a conversation after a position.

        Raises:
            PermanentError, OutcomeUnknownError, TransientError: Discord cannot be read.
            IngressError, TimeoutError: the stored messages cannot be read.
        """
        stored = await self._stored_ids(scope)
        channel = self._bot.get_messageable(scope)
        # The message that a thread was created from has the thread's id and is outside it.
        outer = await self._bot.fetch_message_channel(scope, str(channel.id)) if channel.id in stored else channel
        inside = [id for id in stored if id != channel.id or outer.id == channel.id]
        missed: list[MissedEvent] = []
        if inside:
            messages = await read_messages(self._bot, channel, MAX_READ_FOR_CHECK, after=min(inside) - 1)
            current = {message.id: message for message in messages}
            # A message that is not among those read may be deleted. It is fetched by its id, because Discord also
            # returns nothing to a bot that may not read.
            oldest_read = min(current) if len(current) == MAX_READ_FOR_CHECK else 0
            absent = [id for id in inside if id not in current and id > oldest_read]
            for id in absent[-MAX_CHECKED_MESSAGES:]:
                missed += await self._check_message(channel, id, position)
            for id in inside:
                if id in current:
                    missed += await self._check_edit(current[id], position)
        if outer.id != channel.id:
            missed += await self._check_message(outer, channel.id, position)
        return missed

    async def _stored_ids(self, conversation: str) -> list[int]:
        oldest = discord.utils.time_snowflake(datetime.now(UTC) - MAX_CHECKED_AGE)
        ids = sorted(int(id) for id in await read_user_messages(self._ingress, conversation) if id.isdecimal())
        return [id for id in ids if id > oldest][-MAX_CHECKED_MESSAGES:]

    async def _check_message(self, channel: MessageableChannel, id: int, position: str) -> list[MissedEvent]:
        try:
            return await self._check_edit(await call_discord("fetch_message", channel.fetch_message(id)), position)
        except DiscordApiError as error:
            if error.code != UNKNOWN_MESSAGE:
                return []
        snapshot = deleted_snapshot(id, channel.id, getattr(getattr(channel, "guild", None), "id", None))
        return [_missed_event(snapshot, f"{id}:deleted", _position_of_change(snapshot))]

    async def _check_edit(self, message: discord.Message, position: str) -> list[MissedEvent]:
        since = discord.utils.snowflake_time(int(position)) - CLOCK_TOLERANCE
        if message.edited_at is None or message.edited_at < since or not self._snapshots.is_user_message(message):
            return []
        snapshot = await self._snapshots.build(message, "edited")
        id = f"{message.id}:edited:{message.edited_at.timestamp()}"
        return [_missed_event(snapshot, id, _position_of_change(snapshot))]


def _missed_event(snapshot: MessageSnapshot, id: str, event_position: str) -> MissedEvent:
    return MissedEvent(snapshot.conversation, id, event_position, snapshot.model_dump(mode="json"))


def _position_of_change(snapshot: MessageSnapshot) -> str:
    return f"{position_of(snapshot.id)}+"


async def _read_archived_threads(parent: discord.ForumChannel | discord.TextChannel, since: datetime) -> list[int]:
    """Return the ids of the threads that were archived after a time. Discord lists the last archived thread first."""
    found: list[int] = []
    async for thread in parent.archived_threads(limit=MAX_ARCHIVED_THREADS):
        if thread.archive_timestamp <= since:
            break
        found.append(thread.id)
    return found


def _is_readable(channel: discord.abc.GuildChannel | discord.Thread, me: discord.Member) -> bool:
    try:
        permissions = channel.permissions_for(me)
    except discord.ClientException:  # a thread in a channel that the bot cannot see
        return False
    return permissions.read_messages and permissions.read_message_history
