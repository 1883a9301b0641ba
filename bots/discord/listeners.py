"""Listen to Discord's gateway events and send them to Restate.

Discord has no acknowledgement: an event that Restate has not accepted yet is retried from memory, and the read
position of a channel moves only past accepted events.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import discord

from bots.common.backfill import Backfill
from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.common.event_sender import EventSender
from bots.common.events import PlatformEvent
from bots.common.ordered_queue import QueueFullError
from bots.common.reactions import StatusReactions
from bots.discord.buttons import Buttons
from bots.discord.client import Bot
from bots.discord.event_filter import EventFilter
from bots.discord.formatting import ButtonId
from bots.discord.message_snapshot import MessageSnapshot, deleted_snapshot, position_of
from bots.discord.snapshot_builder import SnapshotBuilder

log = logging.getLogger(__name__)


class Listeners:
    """The event listeners of one bot."""

    def __init__(
        self,
        bot: Bot,
        sender: EventSender,
        backfill: Backfill,
        snapshots: SnapshotBuilder,
        event_filter: EventFilter,
        buttons: Buttons,
        reactions: StatusReactions,
    ) -> None:
        self._bot, self._sender, self._backfill = bot, sender, backfill
        self._snapshots, self._filter, self._buttons = snapshots, event_filter, buttons
        self._reactions = reactions
        self._last_message: dict[int, int] = {}
        """The newest message of each channel. Edits and deletions have no position of their own in Discord's order."""

    def register(self) -> None:
        """Add the listeners to the bot."""
        for listener in (
            *(self.on_shard_connect, self.on_shard_ready, self.on_shard_disconnect, self.on_shard_resumed),
            *(self.on_message, self.on_raw_message_edit, self.on_raw_message_delete, self.on_raw_bulk_message_delete),
            *(self.on_guild_join, self.on_guild_available, self.on_guild_remove, self.on_interaction),
        ):
            self._bot.event(listener)

    async def on_shard_connect(self, shard: int) -> None:
        """Start a backfill for a new session. A resumed session needs none: Discord sends the missed events."""
        self._bot.disconnected_shards.discard(shard)
        self._bot.ready_shards.discard(shard)
        self._bot.all_shards_ready.clear()
        self._bot.connected.set()
        await self._backfill.start_run()

    async def on_shard_ready(self, shard: int) -> None:
        self._bot.ready_shards.add(shard)
        if len(self._bot.ready_shards) == self._bot.shard_count:
            self._bot.all_shards_ready.set()

    async def on_shard_disconnect(self, shard: int) -> None:
        self._bot.disconnected_shards.add(shard)

    async def on_shard_resumed(self, shard: int) -> None:
        self._bot.disconnected_shards.discard(shard)

    async def on_message(self, message: discord.Message) -> None:
        """Pass on a new message, after the backfill of its channel."""
        self._last_message[message.channel.id] = max(self._last_message.get(message.channel.id, 0), message.id)
        if not self._snapshots.is_user_message(message):
            return
        guild_id = message.guild.id if message.guild else None
        scope = _scope(guild_id or getattr(message.channel, "guild_id", None), message.channel.id)
        message_position = position_of(message.id)

        async def work() -> None:
            await self._backfill.wait_for_channel(scope)
            snapshot = await self._build_snapshot(message)
            if snapshot is not None and await self._filter.accepts(snapshot):
                await self._send_snapshot(snapshot, snapshot.id)
            self._backfill.mark_processed(scope, message_position)

        self._enqueue(scope, str(message.id), message_position, work)

    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        """Pass on an edited message. Link previews and new threads cause this event as well, without an edit."""
        message = event.message
        if message.edited_at is None or not self._snapshots.is_user_message(message):
            return
        id = f"{message.id}:edited:{message.edited_at.timestamp()}"
        has_thread = self._has_thread(event.guild_id, message.id) or message.flags.has_thread

        async def work() -> None:
            snapshot = await self._build_snapshot(message, edited=True)
            if snapshot is not None and await self._filter.accepts(snapshot, has_thread=has_thread):
                await self._send_snapshot(snapshot, id)

        self._enqueue(_scope(event.guild_id, event.channel_id), id, self._position_of_change(event.channel_id), work)

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        self._pass_on_deletion(event.guild_id, event.channel_id, event.message_id)

    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        for id in sorted(event.message_ids):
            self._pass_on_deletion(event.guild_id, event.channel_id, id)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        await self._backfill.add_space(f"discord:{guild.id}")

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Discord sends this for each server of a session, also for one that was joined while the session began."""
        await self._backfill.add_space(f"discord:{guild.id}")

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        log.error("the bot was removed from the server %s (%s): replies there stay undelivered", guild.name, guild.id)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Handle a button. The command tree handles the commands."""
        if interaction.guild_id is None and interaction.channel_id is not None:
            # Discord does not list direct conversations: remember this one for the next backfill.
            self._reactions.background.start(self._backfill.wait_for_channel(_scope(None, interaction.channel_id)))
        if interaction.type is discord.InteractionType.component:
            data: Any = interaction.data or {}
            if (button := ButtonId.parse(data.get("custom_id"))) is not None:
                await self._buttons.handle(interaction, button)

    def _pass_on_deletion(self, guild_id: int | None, channel_id: int, id: int) -> None:
        snapshot = deleted_snapshot(id, channel_id, guild_id)
        event_id = f"{id}:deleted"
        has_thread = self._has_thread(guild_id, id)

        async def work() -> None:
            if await self._filter.accepts(snapshot, has_thread=has_thread):
                await self._send_snapshot(snapshot, event_id)

        self._enqueue(_scope(guild_id, channel_id), event_id, self._position_of_change(channel_id), work)

    async def _send_snapshot(self, snapshot: MessageSnapshot, id: str) -> None:
        await self._sender.send(snapshot.conversation, id, PlatformEvent(raw=snapshot.model_dump(mode="json")))

    async def _build_snapshot(self, message: discord.Message, *, edited: bool = False) -> MessageSnapshot | None:
        try:
            return await self._snapshots.build(message, "edited" if edited else "created")
        except PermanentError as error:
            log.warning("a message in %s can no longer be read: %s", message.channel.id, error)
            return None
        except (OutcomeUnknownError, TransientError) as error:
            # The queue retries after a TimeoutError without limit.
            raise TimeoutError(str(error)) from error

    def _enqueue(self, scope: str, id: str, event_position: str, work: Callable[[], Awaitable[None]]) -> None:
        with contextlib.suppress(QueueFullError):  # the next backfill finds the event
            self._backfill.enqueue(scope, scope, id, event_position, work)

    def _position_of_change(self, channel_id: int) -> str:
        return f"{position_of(self._last_message.get(channel_id, 0))}+"

    def _has_thread(self, guild_id: int | None, id: int) -> bool:
        guild = self._bot.get_guild(guild_id) if guild_id else None
        return guild is not None and guild.get_thread(id) is not None


def _scope(guild_id: int | None, channel_id: int) -> str:
    return f"discord:{guild_id or '@me'}:{channel_id}"
