"""Listening in Discord, and the words beside the replies."""

from __future__ import annotations

import logging
from typing import Any

import discord

from bots.common.errors import PermanentError
from bots.common.events import MessageEvent, ThreadContext
from bots.common.reactions import StatusReactions
from bots.discord import formatting
from bots.discord.channel_history import read_messages
from bots.discord.client import THREAD_EXISTS, Bot, DiscordApiError, call_discord
from bots.discord.events import EventParser
from bots.discord.message_snapshot import MessageSnapshot, SnapshotBuilder, position
from bots.discord.permissions import may_administer
from bots.discord.reactions import show_typing
from bots.discord.reply_writer import reference
from chat_service import keys
from chat_service.contracts import MAX_INLINE

log = logging.getLogger(__name__)

READ_UP = 99
"""Messages read before a mention, at most: the newest. One page of history, but for one that shows there are more."""
ROOM = MAX_INLINE
"""Characters of the files among them, the newest first."""
TITLE = 60
HISTORY = "Use `/history`: it shows you what this conversation holds, to you alone."


class DiscordMessenger:
    """The shared layer's ears and mouth."""

    def __init__(self, bot: Bot, records: SnapshotBuilder, hearing: EventParser, marks: StatusReactions) -> None:
        self._bot, self._records, self._hearing, self._marks = bot, records, hearing, marks

    async def parse_event(self, conversation: str, raw: dict[str, Any]) -> MessageEvent | None:
        record = MessageSnapshot.model_validate(raw)
        if record.files and record.kind == "said" and record.addressed:
            self._marks.background.start(show_typing(self._bot, conversation))  # reading them takes its time
        return await self._hearing.hear(record)

    async def read_thread(self, conversation: str, heard: MessageEvent, after: str) -> ThreadContext:
        place = self._bot.place(conversation)
        since = int(after) if after else None
        found = await read_messages(self._bot, place, READ_UP + 1, before=int(heard.id), after=since)
        said: list[MessageEvent] = []
        room = ROOM
        cut = position(found[READ_UP - 1].id) if len(found) > READ_UP else ""
        for message in found[:READ_UP]:  # the newest first: what is nearest to the question is read
            # A thread begins with a notice that stands for the message it was opened from.
            if message.type is discord.MessageType.thread_starter_message and message.reference is not None:
                start = message.reference.resolved
                message = start if isinstance(start, discord.Message) else message
            if not self._records.is_persons(message):
                continue
            one = await self._hearing.hear(await self._records.said(message), room=room)
            if one is not None:
                room -= sum(len(a.text or "") + len(a.data or "") for a in one.attachments)
                said.insert(0, one)
        return ThreadContext(messages=said, truncated_before=cut)

    async def branch(self, conversation: str, heard: MessageEvent) -> str:
        """Open a thread from a question, which gets the question's id; gives its key. Run twice it is the same."""
        place = self._bot.place(conversation)
        title = heard.title_excerpt[:TITLE] or "Conversation"
        try:
            await call_discord("create_thread", place.get_partial_message(int(heard.id)).create_thread(name=title))
        except DiscordApiError as refused:
            if refused.code != THREAD_EXISTS:
                raise
        key = keys.parse(conversation)
        assert key is not None  # noqa: S101  place() has looked
        return keys.discord(int(key.space), int(heard.id))

    async def send_ephemeral(self, conversation: str, heard: MessageEvent, text: str) -> None:
        place = self._bot.place(conversation)
        await call_discord(
            "send",
            place.send(
                text if len(text) <= formatting.LIMIT else text[: formatting.LIMIT - 1] + "…",
                nonce=formatting.nonce("tell", heard.id, text),
                reference=reference(place, heard.id),
                mention_author=False,
                suppress_embeds=True,
            ),
        )

    async def post_notice(self, conversation: str, name: str, text: str) -> None:
        place = self._bot.place(conversation)
        # For some minutes Discord knows the nonce; for longer the words are looked for among the last ones.
        last = await read_messages(self._bot, place, 50)
        if not any(one.author.id == self._bot.user_id and one.content == text for one in last):
            await call_discord(
                "send", place.send(text, nonce=formatting.nonce("say", conversation, name), suppress_embeds=True)
            )

    async def add_status(self, conversation: str, heard: MessageEvent) -> None:
        await self._marks.add(conversation, heard.id)

    async def remove_status(self, conversation: str, ids: list[str], *, ours: bool = False) -> None:
        await self._marks.remove(conversation, ids, own_only=ours)

    async def show_history(self, conversation: str, heard: MessageEvent) -> None:
        await self.send_ephemeral(conversation, heard, HISTORY)

    async def may_administer(self, conversation: str, person: str) -> bool:
        try:
            return await may_administer(self._bot, conversation, person)
        except PermanentError:
            return False
