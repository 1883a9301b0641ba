"""Where Discord's events enter. Discord has no acknowledgement: what Restate has not taken yet is tried again from
memory, and the durable cursor of a channel moves only past what it has."""

from __future__ import annotations

import contextlib
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import discord

from bots.common.backfill import Backfill
from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.common.events import PlatformEvent
from bots.common.ordered_queue import QueueFullError
from bots.common.reactions import StatusReactions
from bots.discord.buttons import Buttons
from bots.discord.client import Bot
from bots.discord.event_filter import EventFilter
from bots.discord.formatting import Button
from bots.discord.message_snapshot import MessageSnapshot, SnapshotBuilder, position
from chat_service.ingress import IngressClient
from chat_service.settings import Settings

log = logging.getLogger(__name__)

BACK = timedelta(minutes=2)


class Listeners:
    """The listeners of one bot."""

    def __init__(
        self,
        bot: Bot,
        ingress: IngressClient,
        catch_up: Backfill,
        records: SnapshotBuilder,
        watch: EventFilter,
        buttons: Buttons,
        marks: StatusReactions,
        settings: Settings,
    ) -> None:
        self._bot, self._ingress, self._catch_up = bot, ingress, catch_up
        self._records, self._watch, self._buttons = records, watch, buttons
        self._marks, self._settings = marks, settings
        self._latest: dict[int, int] = {}
        """The newest message heard of in a channel: edits and deletions have no place of their own in the order."""

    def register(self) -> None:
        """Hear from now on."""
        for listener in (
            *(self.on_shard_connect, self.on_shard_ready, self.on_shard_disconnect, self.on_shard_resumed),
            *(self.on_message, self.on_raw_message_edit, self.on_raw_message_delete, self.on_raw_bulk_message_delete),
            *(self.on_guild_join, self.on_guild_available, self.on_guild_remove, self.on_interaction),
        ):
            self._bot.event(listener)

    async def hand_over(self, conversation: str, id: str, arrival: PlatformEvent) -> None:
        """Give a record to Restate; a repeat of it is known by its id.

        Raises:
            IngressError: when Restate did not take it.
        """
        await self._ingress.send("DiscordIntake", conversation, "event", arrival, idempotency_key=id)

    async def on_shard_connect(self, shard: int) -> None:
        """A new session: what was said between the last one and this is read first. (A resumed one misses nothing.)"""
        self._bot.lost.discard(shard)
        self._bot.ready.discard(shard)
        self._bot.filled.clear()
        self._bot.connected.set()
        await self._catch_up.begin()

    async def on_shard_ready(self, shard: int) -> None:
        """The servers of the session are known."""
        self._bot.ready.add(shard)
        if len(self._bot.ready) == self._bot.shard_count:
            self._bot.filled.set()

    async def on_shard_disconnect(self, shard: int) -> None:
        """Nothing is told any more, until the session is resumed or there is a new one."""
        self._bot.lost.add(shard)

    async def on_shard_resumed(self, shard: int) -> None:
        """What was missed has been told."""
        self._bot.lost.discard(shard)

    async def on_message(self, message: discord.Message) -> None:
        """Somebody has said something."""
        latest = max(self._latest.get(message.channel.id, 0), message.id)
        self._latest[message.channel.id] = latest
        if not self._records.is_persons(message):
            return
        guild = message.guild.id if message.guild else None
        scope = _scope(guild or getattr(message.channel, "guild_id", None), message.channel.id)
        place = position(message.id)

        async def work() -> None:
            await self._catch_up.ensure(scope)
            record = await self._recorded(message)
            if record is not None and await self._watch.accepts(record):
                await self.hand_over(record.conversation, record.id, PlatformEvent(raw=record.model_dump(mode="json")))
            self._catch_up.passed(scope, place)

        self._put(scope, str(message.id), place, work)

    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        """A message has changed; link previews and threads change it without an edit."""
        message = event.message
        if message.edited_at is None or not self._records.is_persons(message):
            return
        id = f"{message.id}:edited:{message.edited_at.timestamp()}"
        branched = self._is_branched(event.guild_id, message.id) or message.flags.has_thread

        async def work() -> None:
            record = await self._recorded(message, edited=True)
            if record is not None and await self._watch.accepts(record, branched=branched):
                await self.hand_over(record.conversation, id, PlatformEvent(raw=record.model_dump(mode="json")))

        self._put(_scope(event.guild_id, event.channel_id), id, self._after(event.channel_id), work)

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """A message is gone."""
        self._deleted(event.guild_id, event.channel_id, event.message_id)

    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        """A moderator has cleared up."""
        for id in sorted(event.message_ids):
            self._deleted(event.guild_id, event.channel_id, id)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """The bot was let into a server."""
        await self._catch_up.opened(f"discord:{guild.id}")

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Told of each server of a session, and so also of one that was joined while the session began."""
        await self._catch_up.opened(f"discord:{guild.id}")

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """The bot was removed from a server."""
        log.error("the bot was removed from the server %s (%s): replies there stay undelivered", guild.name, guild.id)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """A button was pressed; commands find their way through the command tree."""
        if interaction.guild_id is None and interaction.channel_id is not None:
            # Discord lists no direct conversations: whoever uses the bot in one is known from now on.
            self._marks.background.start(self._catch_up.ensure(_scope(None, interaction.channel_id)))
        if interaction.type is discord.InteractionType.component:
            given: Any = interaction.data or {}
            if (button := Button.read(given.get("custom_id"))) is not None:
                await self._buttons.pressed(interaction, button)

    def _deleted(self, guild: int | None, channel: int, id: int) -> None:
        at = discord.utils.snowflake_time(id)
        record = MessageSnapshot(kind="deleted", id=str(id), channel=str(channel), guild=str(guild or ""), at=at)
        branched = self._is_branched(guild, id)

        async def work() -> None:
            if await self._watch.accepts(record, branched=branched):
                arrival = PlatformEvent(raw=record.model_dump(mode="json"))
                await self.hand_over(record.conversation, f"{id}:deleted", arrival)

        self._put(_scope(guild, channel), f"{id}:deleted", self._after(channel), work)

    async def _recorded(self, message: discord.Message, *, edited: bool = False) -> MessageSnapshot | None:
        try:
            return await self._records.said(message, "edited" if edited else "said")
        except PermanentError as gone:
            log.warning("a message of %s is nobody's any more: %s", message.channel.id, gone)
            return None
        except (OutcomeUnknownError, TransientError) as error:
            # What the lanes try again for ever.
            raise TimeoutError(str(error)) from error

    def _put(self, scope: str, id: str, place: str, work: Any) -> None:
        with contextlib.suppress(QueueFullError):  # left to the next catch-up
            self._catch_up.queue(scope, scope, id, place, work)

    def _after(self, channel: int) -> str:
        return f"{position(self._latest.get(channel, 0))}+"

    def _is_branched(self, guild: int | None, id: int) -> bool:
        server = self._bot.get_guild(guild) if guild else None
        return server is not None and server.get_thread(id) is not None


def _scope(guild: int | None, channel: int) -> str:
    return f"discord:{guild or '@me'}:{channel}"


def now() -> str:
    """The present position. Some minutes back, so that neither a clock that is a little fast skips anything, nor a
    connection that has been dead for as long as it takes to see it."""
    return position(max(discord.utils.time_snowflake(datetime.now(UTC) - BACK), 0))
