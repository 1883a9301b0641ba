"""Write replies to Discord: the first message is a reply to the question and grows by edits, further chunks follow it.

Every post carries a nonce, by which Discord recognizes a repeat for some minutes. After that, a message is found in the
channel's history by its buttons.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Awaitable, Callable, Sequence

import discord

from bots.common.protocols import DeliveryTarget, PostedMessage, TurnOutcome
from bots.common.reactions import StatusReactions
from bots.common.split import split
from bots.discord import formatting
from bots.discord.channel_messages import read_messages
from bots.discord.client import (
    THREAD_ARCHIVED,
    UNKNOWN_MESSAGE,
    Bot,
    DiscordApiError,
    MessageableChannel,
    call_discord,
)
from bots.discord.permissions import MISSING_PERMISSION_CODES, MissingPermissions

log = logging.getLogger(__name__)

MAX_SEARCHED_MESSAGES = 500
"""Messages after the question among which a message of the reply is searched for."""
FILE_NAME = "reply.md"


class DiscordReplyWriter:
    """Implements `ReplyWriter` for one bot."""

    preview_interval = 1.3

    def __init__(self, bot: Bot, reactions: StatusReactions) -> None:
        self._bot, self._reactions, self._missing_permissions = bot, reactions, MissingPermissions(bot)

    def split(self, text: str) -> list[str]:
        return formatting.split_reply(text)

    async def find(self, target: DeliveryTarget, part: int) -> PostedMessage | None:
        question = min((int(message.id) for message in target.question if message.id), default=0)

        def matches(message: discord.Message) -> bool:
            chunk = formatting.read_turn_and_chunk(message)
            return message.author.id == self._bot.user_id and chunk == (target.turn, part)

        # The messages after the question, or without a question the newest ones.
        found = await read_messages(
            self._bot,
            self._bot.get_messageable(target.conversation),
            MAX_SEARCHED_MESSAGES,
            after=question or None,
            oldest_first=bool(question),
            until=matches,
        )
        return PostedMessage(id=str(found[-1].id)) if found and matches(found[-1]) else None

    async def open(self, target: DeliveryTarget) -> PostedMessage:
        nonce = formatting.make_nonce(target.conversation, target.turn, 0)
        buttons = formatting.reply_buttons(target.turn, 0, None)
        return await self._post(target, nonce, formatting.PLACEHOLDER, buttons)

    async def reopen(self, target: DeliveryTarget, posted: PostedMessage) -> None:
        buttons = formatting.reply_buttons(target.turn, 0, None)
        await self._edit(target, posted, formatting.PLACEHOLDER, buttons, attachments=[])

    async def update_preview(
        self, target: DeliveryTarget, posted: PostedMessage, shown: str | None, text: str
    ) -> str | None:
        await self._edit(target, posted, formatting.preview(text), formatting.reply_buttons(target.turn, 0, None))
        return text

    async def complete(
        self, target: DeliveryTarget, posted: PostedMessage, shown: str | None, part: str, outcome: TurnOutcome
    ) -> None:
        buttons = formatting.reply_buttons(target.turn, 0, outcome)
        if len(part) <= formatting.MAX_MESSAGE_LENGTH:
            await self._edit(target, posted, part, buttons, attachments=[])
            return
        file = discord.File(io.BytesIO(part.encode()), FILE_NAME)
        try:
            await self._edit(target, posted, formatting.file_excerpt(part), buttons, attachments=[file])
        except DiscordApiError as error:
            if error.code == UNKNOWN_MESSAGE:
                raise
            log.warning("no file could be attached in %s: %s", target.conversation, error)
            excerpt = split(part, formatting.FILE_EXCERPT_LENGTH)[0]
            text = f"{excerpt}\n\n_(I may not attach files here: `/history` exports the whole reply)_"
            await self._edit(target, posted, text, buttons, attachments=[])

    async def post(self, target: DeliveryTarget, number: int, part: str, outcome: TurnOutcome) -> PostedMessage:
        # The reply's number is in the nonce: a regenerated turn posts its chunks again, and Discord rejects the nonce
        # of a deleted message.
        nonce = formatting.make_nonce(target.conversation, target.turn, number, outcome.seq)
        return await self._post(target, nonce, part, formatting.reply_buttons(target.turn, number, outcome))

    async def remove(self, target: DeliveryTarget, id: str) -> None:
        try:
            await self._change(target, lambda: self._message(target, id).delete())
        except DiscordApiError as error:
            if error.code != UNKNOWN_MESSAGE:
                raise

    async def remove_duplicates(self, target: DeliveryTarget, kept: list[str]) -> None:
        """Do nothing: Discord recognizes a nonce for longer than a post can be delayed, so a repeat creates no second
        message."""

    async def clear_status(self, target: DeliveryTarget, outcome: TurnOutcome) -> None:
        await self._reactions.clear(target)

    async def _post(self, target: DeliveryTarget, nonce: str, content: str, view: discord.ui.View) -> PostedMessage:
        channel = self._bot.get_messageable(target.conversation)
        question = await self._find_question(target, channel)
        sending = channel.send(
            content,
            nonce=nonce,
            view=view,
            reference=make_reference(channel, question) if question else None,  # type: ignore[arg-type]  # the default
            mention_author=False,
            suppress_embeds=True,
        )
        try:
            message: discord.Message = await call_discord("send", sending)
        except DiscordApiError as error:
            if error.code in MISSING_PERMISSION_CODES:
                await self._missing_permissions.explain(target)
            raise
        return PostedMessage(id=str(message.id))

    async def _find_question(self, target: DeliveryTarget, channel: MessageableChannel) -> str | None:
        """Return the id of the message to reply to. The message that a thread was created from is outside the thread
        and cannot be replied to there."""
        for message in reversed(target.question):
            if message.id:
                holder = await self._bot.fetch_message_channel(target.conversation, message.id)
                if holder.id == channel.id:
                    return message.id
        return None

    async def _edit(
        self,
        target: DeliveryTarget,
        posted: PostedMessage,
        content: str,
        view: discord.ui.View,
        attachments: Sequence[discord.File] | None = None,
    ) -> None:
        """Edit a message; `attachments` None leaves its attachments as they are."""

        def edit() -> Awaitable[object]:
            for file in attachments or ():
                file.reset()
            return self._message(target, posted.id).edit(
                content=content,
                view=view,
                attachments=discord.utils.MISSING if attachments is None else attachments,
                allowed_mentions=discord.AllowedMentions.none(),
            )

        await self._change(target, edit)

    async def _change(self, target: DeliveryTarget, change: Callable[[], Awaitable[object]]) -> None:
        """Edit or delete a message. A thread that was archived meanwhile is reopened first."""
        try:
            await call_discord("change", change())
        except DiscordApiError as error:
            if error.code != THREAD_ARCHIVED:
                raise
            channel = self._bot.get_messageable(target.conversation)
            await call_discord("unarchive", self._bot.http.edit_channel(channel.id, archived=False))
            await call_discord("change", change())

    def _message(self, target: DeliveryTarget, id: str) -> discord.PartialMessage:
        return self._bot.get_messageable(target.conversation).get_partial_message(int(id))


def make_reference(channel: MessageableChannel, id: str) -> discord.MessageReference:
    """Return the reference that makes a message a reply. If the question was deleted, the message is posted without
    it."""
    return discord.MessageReference(message_id=int(id), channel_id=channel.id, fail_if_not_exists=False)
