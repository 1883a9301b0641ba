"""The signs beside a question in Discord: reactions, or typing where the bot may not react."""

from __future__ import annotations

import logging

import discord

from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.common.reactions import StatusReactions
from bots.discord.client import Bot, call_discord
from chat_service.ingress import IngressClient

log = logging.getLogger(__name__)

EYES = "👀"
PLACES = [*(f"{number}\ufe0f\u20e3" for number in range(1, 10)), "🔟"]
BEHIND = "⏳"
"""Ten or more wait before it."""


def discord_status_reactions(bot: Bot, ingress: IngressClient) -> StatusReactions:
    """The signs of one bot."""

    async def react(conversation: str, id: str, sign: str, off: bool) -> None:
        message = (await bot.around(conversation, id)).get_partial_message(int(id))
        if off:
            await call_discord("remove_reaction", message.remove_reaction(sign, discord.Object(bot.me)))
            return
        try:
            await call_discord("add_reaction", message.add_reaction(sign))
        except PermanentError:
            if sign == EYES:  # no permission for reactions
                await show_typing(bot, conversation)
            raise

    async def look(conversation: str, id: str) -> list[str]:
        place = await bot.around(conversation, id)
        message: discord.Message = await call_discord("fetch_message", place.fetch_message(int(id)))
        return [str(one.emoji) for one in message.reactions if one.me]

    return StatusReactions(ingress, react, look, EYES, PLACES, BEHIND)


async def show_typing(bot: Bot, conversation: str) -> None:
    """For some seconds the bot is seen typing. Never raises."""
    try:
        await call_discord("typing", bot.http.send_typing(bot.place(conversation).id))
    except (PermanentError, OutcomeUnknownError, TransientError) as error:
        log.debug("no sign in %s: %s", conversation, error)
