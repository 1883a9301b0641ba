"""Read messages from Discord, and post the messages that are not replies."""

from __future__ import annotations

from typing import Any

import discord

from bots.common.errors import PermanentError
from bots.common.events import MessageEvent, ThreadContext
from bots.common.reactions import StatusReactions
from bots.common.thread_context import parse_newest_first
from bots.discord import formatting
from bots.discord.channel_messages import read_messages
from bots.discord.client import THREAD_EXISTS, Bot, DiscordApiError, call_discord
from bots.discord.events import EventParser
from bots.discord.message_snapshot import MessageSnapshot, position_of
from bots.discord.permissions import may_administer
from bots.discord.reactions import show_typing
from bots.discord.reply_writer import make_reference
from bots.discord.snapshot_builder import SnapshotBuilder
from chat_service import keys

MAX_CONTEXT_MESSAGES = 99
"""Messages that are read before a mention, the newest first. One more fits into a page of Discord's history, which
shows that there are more."""
MAX_SEARCHED_NOTICES = 50
"""Messages among which an earlier notice is searched for."""
MAX_THREAD_NAME = 60
HISTORY_HINT = "Use `/history`: it shows this conversation to you only."


class DiscordMessenger:
    """Implements `Messenger` for one bot."""

    def __init__(self, bot: Bot, snapshots: SnapshotBuilder, parser: EventParser, reactions: StatusReactions) -> None:
        self._bot, self._snapshots, self._parser, self._reactions = bot, snapshots, parser, reactions

    async def parse_event(self, conversation: str, raw: dict[str, Any]) -> MessageEvent | None:
        snapshot = MessageSnapshot.model_validate(raw)
        if snapshot.files and snapshot.kind == "created" and snapshot.is_for_bot:
            self._reactions.background.start(show_typing(self._bot, conversation))  # while the files are downloaded
        return await self._parser.parse(snapshot)

    async def read_thread(self, conversation: str, event: MessageEvent, after: str) -> ThreadContext:
        channel = self._bot.get_messageable(conversation)
        since = int(after) if after else None
        found = await read_messages(self._bot, channel, MAX_CONTEXT_MESSAGES + 1, before=int(event.id), after=since)
        is_truncated = len(found) > MAX_CONTEXT_MESSAGES

        async def parse(message: discord.Message, room: int) -> MessageEvent | None:
            message = _starter_message(message) or message
            if not self._snapshots.is_user_message(message):
                return None
            return await self._parser.parse(await self._snapshots.build(message), room=room)

        events = await parse_newest_first(found[:MAX_CONTEXT_MESSAGES], parse)
        return ThreadContext(
            messages=events, truncated_before=position_of(found[MAX_CONTEXT_MESSAGES - 1].id) if is_truncated else ""
        )

    async def create_thread(self, conversation: str, event: MessageEvent) -> str:
        """Create a thread from a question and return its conversation key. A thread has the id of the message it was
        created from, so a repeat returns the same key."""
        channel = self._bot.get_messageable(conversation)
        name = event.title_excerpt[:MAX_THREAD_NAME] or "Conversation"
        try:
            await call_discord("create_thread", channel.get_partial_message(int(event.id)).create_thread(name=name))
        except DiscordApiError as error:
            if error.code != THREAD_EXISTS:
                raise
        key = keys.parse(conversation)
        assert key is not None  # noqa: S101  get_messageable() has checked it
        return keys.discord(int(key.space), int(event.id))

    async def send_ephemeral(self, conversation: str, event: MessageEvent, text: str) -> None:
        """Reply in the channel: Discord has ephemeral messages for interactions only."""
        channel = self._bot.get_messageable(conversation)
        limit = formatting.MAX_MESSAGE_LENGTH
        await call_discord(
            "send",
            channel.send(
                text if len(text) <= limit else text[: limit - 1] + "…",
                nonce=formatting.make_nonce("ephemeral", event.id, text),
                reference=make_reference(channel, event.id),
                mention_author=False,
                suppress_embeds=True,
            ),
        )

    async def post_notice(self, conversation: str, name: str, text: str) -> None:
        channel = self._bot.get_messageable(conversation)
        # Discord recognizes a nonce for some minutes only; after that the notice is searched for by its text.
        recent = await read_messages(self._bot, channel, MAX_SEARCHED_NOTICES)
        if not any(message.author.id == self._bot.user_id and message.content == text for message in recent):
            nonce = formatting.make_nonce("notice", conversation, name)
            await call_discord("send", channel.send(text, nonce=nonce, suppress_embeds=True))

    async def add_status(self, conversation: str, event: MessageEvent) -> None:
        await self._reactions.add(conversation, event.id)

    async def remove_status(self, conversation: str, ids: list[str], *, own_only: bool = False) -> None:
        await self._reactions.remove(conversation, ids, own_only=own_only)

    async def show_history(self, conversation: str, event: MessageEvent) -> None:
        await self.send_ephemeral(conversation, event, HISTORY_HINT)

    async def may_administer(self, conversation: str, person: str) -> bool:
        try:
            return await may_administer(self._bot, conversation, person)
        except PermanentError:
            return False


def _starter_message(message: discord.Message) -> discord.Message | None:
    """Return the message that a thread was created from, if `message` is Discord's copy of it at the thread's start."""
    if message.type is not discord.MessageType.thread_starter_message or message.reference is None:
        return None
    resolved = message.reference.resolved
    return resolved if isinstance(resolved, discord.Message) else None
