"""How a reply gets into a Discord channel: a reply to its question that grows by edits, and what does not fit below it.

A post carries a nonce, by which Discord knows a repeat for some minutes; for longer, the message is found again in the
channel's history by the buttons it has.
"""

from __future__ import annotations

import io
import logging
from typing import Any

import discord

from bots.common.protocols import DeliveryTarget, PostedMessage, TurnOutcome
from bots.common.reactions import StatusReactions
from bots.common.split import split
from bots.discord import formatting
from bots.discord.channel_history import read_messages
from bots.discord.client import ARCHIVED, UNKNOWN_MESSAGE, Bot, DiscordApiError, call_discord
from bots.discord.missing_permissions import CODES, MissingPermissions

log = logging.getLogger(__name__)

LOOK_BACK = 500
"""Messages after the question among which one of ours is looked for."""
FILE = "reply.md"


class DiscordReplyWriter:
    """Posts as one bot."""

    preview_interval = 1.3

    def __init__(self, bot: Bot, marks: StatusReactions) -> None:
        self._bot, self._marks, self._lacking = bot, marks, MissingPermissions(bot)

    def split(self, text: str) -> list[str]:
        return formatting.split_reply(text)

    async def find(self, spot: DeliveryTarget, part: int) -> PostedMessage | None:
        since = min((int(one.id) for one in spot.question if one.id), default=0)
        place = self._bot.place(spot.conversation)

        def is_it(message: discord.Message) -> bool:
            return message.author.id == self._bot.user_id and formatting.read_turn_and_chunk(message) == (
                spot.turn,
                part,
            )

        # Since the question, or without one among the last ones.
        found = await read_messages(
            self._bot, place, LOOK_BACK, after=since or None, oldest_first=bool(since), until=is_it
        )
        return PostedMessage(id=str(found[-1].id)) if found and is_it(found[-1]) else None

    async def open(self, spot: DeliveryTarget) -> PostedMessage:
        nonce = formatting.nonce(spot.conversation, spot.turn, 0)
        return await self._post(spot, nonce, content=formatting.THINKING, view=formatting.buttons(spot.turn, 0, None))

    async def reopen(self, spot: DeliveryTarget, opened: PostedMessage) -> None:
        await self._edit(
            spot, opened, content=formatting.THINKING, view=formatting.buttons(spot.turn, 0, None), attachments=[]
        )

    async def update_preview(
        self, spot: DeliveryTarget, opened: PostedMessage, shown: str | None, text: str
    ) -> str | None:
        await self._edit(spot, opened, content=formatting.preview(text), view=formatting.buttons(spot.turn, 0, None))
        return text

    async def complete(
        self, spot: DeliveryTarget, opened: PostedMessage, shown: str | None, part: str, ending: TurnOutcome
    ) -> None:
        view = formatting.buttons(spot.turn, 0, ending)
        if len(part) <= formatting.LIMIT:
            await self._edit(spot, opened, content=part, view=view, attachments=[])
            return
        file = discord.File(io.BytesIO(part.encode()), FILE)
        try:
            await self._edit(spot, opened, content=formatting.excerpt(part), view=view, attachments=[file])
        except DiscordApiError as refused:
            if refused.code == UNKNOWN_MESSAGE:
                raise
            log.warning("no file in %s: %s", spot.conversation, refused)
            text = f"{split(part, formatting.EXCERPT)[0]}\n\n_(I may not attach files here: `/history` exports it all)_"
            await self._edit(spot, opened, content=text, view=view, attachments=[])

    async def post(self, spot: DeliveryTarget, number: int, part: str, ending: TurnOutcome) -> PostedMessage:
        # The reply's number is in the nonce: a turn that is answered anew posts its parts again, and Discord refuses
        # the nonce of a message that was deleted.
        nonce = formatting.nonce(spot.conversation, spot.turn, number, ending.seq)
        return await self._post(spot, nonce, content=part, view=formatting.buttons(spot.turn, number, ending))

    async def remove(self, spot: DeliveryTarget, id: str) -> None:
        try:
            await self._within(spot, lambda: self._message(spot, id).delete())
        except DiscordApiError as refused:
            if refused.code != UNKNOWN_MESSAGE:
                raise

    async def remove_duplicates(self, spot: DeliveryTarget, kept: list[str]) -> None:
        """Nothing: Discord knows the nonce for longer than a commit can be late, so a second try made no second
        message."""

    async def clear_status(self, spot: DeliveryTarget, ending: TurnOutcome) -> None:
        await self._marks.clear(spot)

    async def _post(self, spot: DeliveryTarget, nonce: str, **what: Any) -> PostedMessage:
        sending = self._bot.place(spot.conversation).send(
            nonce=nonce, reference=await self._question(spot), mention_author=False, suppress_embeds=True, **what
        )
        try:
            message: discord.Message = await call_discord("send", sending)
        except DiscordApiError as refused:
            if refused.code in CODES:
                await self._lacking.explain(spot)
            raise
        return PostedMessage(id=str(message.id))

    async def _question(self, spot: DeliveryTarget) -> Any:
        """What is answered; the question that a thread was opened from stands outside it, and cannot be named."""
        place = self._bot.place(spot.conversation)
        for one in reversed(spot.question):
            if one.id and (await self._bot.around(spot.conversation, one.id)).id == place.id:
                return reference(place, one.id)
        return None

    async def _edit(self, spot: DeliveryTarget, opened: PostedMessage, **what: Any) -> None:
        mentions = discord.AllowedMentions.none()
        files = [one for one in what.get("attachments", ()) if isinstance(one, discord.File)]

        def edit() -> Any:
            for file in files:
                file.reset()
            return self._message(spot, opened.id).edit(allowed_mentions=mentions, **what)

        await self._within(spot, edit)

    async def _within(self, spot: DeliveryTarget, work: Any) -> None:
        """Change something; a thread that was archived meanwhile is opened first."""
        try:
            await call_discord("change", work())
        except DiscordApiError as refused:
            if refused.code != ARCHIVED:
                raise
            place = self._bot.place(spot.conversation)
            await call_discord("open the thread", self._bot.http.edit_channel(place.id, archived=False))
            await call_discord("change", work())

    def _message(self, spot: DeliveryTarget, id: str) -> Any:
        return self._bot.place(spot.conversation).get_partial_message(int(id))


def reference(place: Any, id: str) -> discord.MessageReference:
    """What makes a message a reply; one whose question is gone is posted all the same."""
    return discord.MessageReference(message_id=int(id), channel_id=place.id, fail_if_not_exists=False)
