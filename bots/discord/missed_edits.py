"""What was edited or deleted while nobody listened: what Discord shows now, beside what is remembered."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import discord

from bots.common.backfill import MissedEvent
from bots.common.stored_messages import remembered
from bots.discord.channel_history import read_messages
from bots.discord.client import UNKNOWN_MESSAGE, Bot, DiscordApiError, call_discord
from bots.discord.message_snapshot import MessageSnapshot, SnapshotBuilder, position
from chat_service.ingress import IngressClient

log = logging.getLogger(__name__)

MOST = 100
"""Messages of a conversation that are looked at: the newest it holds."""
READ = 200
"""Messages that are read for it."""
YOUNG = timedelta(days=14)
"""What is older is not looked at: people edit and delete what they have just said."""
SKEW = timedelta(minutes=1)


class MissedEdits:
    """Compares. What was told at the time is found once more, which changes nothing."""

    def __init__(self, bot: Bot, ingress: IngressClient, records: SnapshotBuilder) -> None:
        self._bot, self._ingress, self._records = bot, ingress, records

    async def since(self, scope: str, position_: str) -> list[MissedEvent]:
        """The changes of a channel's messages after a position.

        Raises:
            Gone, Unclear, Later: Discord cannot be read.
            IngressError, TimeoutError: what is remembered cannot be read.
        """
        told = await self._told(scope)
        place = self._bot.place(scope)
        start = await self._bot.around(scope, str(place.id)) if place.id in told else place
        inside = [one for one in told if one != place.id or start.id == place.id]
        changed: list[MissedEvent] = []
        if inside:
            shown = await self._shown(place, min(inside))
            # As far back as was read, what is not there may be gone: it is asked for by name, since Discord also shows
            # nothing to whoever may not read.
            reached = min(shown) if len(shown) == READ else 0
            gone = [one for one in inside if one not in shown and one > reached]
            for one in gone[-MOST:]:
                changed += await self._looked_up(place, one, position_)
            for id in inside:
                if id in shown:
                    changed += await self._edited(shown[id], position_)
        if start.id != place.id:  # the question that a thread was opened from stands outside it
            changed += await self._looked_up(start, place.id, position_)
        return changed

    async def _told(self, conversation: str) -> list[int]:
        young = discord.utils.time_snowflake(datetime.now(UTC) - YOUNG)
        ids = sorted(int(one) for one in await remembered(self._ingress, conversation) if one.isdecimal())
        return [one for one in ids if one > young][-MOST:]

    async def _shown(self, place: Any, oldest: int) -> dict[int, discord.Message]:
        """What Discord shows now, as far back as the oldest, or as it is read."""
        return {one.id: one for one in await read_messages(self._bot, place, READ, after=oldest - 1)}

    async def _looked_up(self, place: Any, id: int, position_: str) -> list[MissedEvent]:
        try:
            return await self._edited(await call_discord("fetch_message", place.fetch_message(id)), position_)
        except DiscordApiError as refused:
            if refused.code != UNKNOWN_MESSAGE:
                return []
        server = getattr(getattr(place, "guild", None), "id", None)
        at = discord.utils.snowflake_time(id)
        record = MessageSnapshot(kind="deleted", id=str(id), channel=str(place.id), guild=str(server or ""), at=at)
        return [_missed(record, f"{id}:deleted")]

    async def _edited(self, message: discord.Message, position_: str) -> list[MissedEvent]:
        heard_until = discord.utils.snowflake_time(int(position_)) - SKEW
        if message.edited_at is None or message.edited_at < heard_until or not self._records.is_persons(message):
            return []
        record = await self._records.said(message, "edited")
        return [_missed(record, f"{message.id}:edited:{message.edited_at.timestamp()}")]


def _missed(record: MessageSnapshot, id: str) -> MissedEvent:
    return MissedEvent(record.conversation, id, f"{position(record.id)}+", record.model_dump(mode="json"))
