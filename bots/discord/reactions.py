"""The received reaction in Discord, or the typing indicator where the bot may not react."""

from __future__ import annotations

import logging

import discord

from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.common.reactions import StatusReactions
from bots.discord.client import Bot, call_discord

log = logging.getLogger(__name__)

RECEIVED = "👀"


def discord_status_reactions(bot: Bot) -> StatusReactions:
    """Return the reactions of one bot."""

    async def add(conversation: str, id: str) -> None:
        message = (await bot.fetch_message_channel(conversation, id)).get_partial_message(int(id))
        try:
            await call_discord("add_reaction", message.add_reaction(RECEIVED))
        except PermanentError:  # no permission to add reactions
            await show_typing(bot, conversation)
            raise

    async def remove(conversation: str, id: str) -> None:
        message = (await bot.fetch_message_channel(conversation, id)).get_partial_message(int(id))
        await call_discord("remove_reaction", message.remove_reaction(RECEIVED, discord.Object(bot.user_id)))

    return StatusReactions(add, remove)


async def show_typing(bot: Bot, conversation: str) -> None:
    """Show the typing indicator for some seconds. Never raises."""
    try:
        await call_discord("typing", bot.http.send_typing(bot.get_messageable(conversation).id))
    except (PermanentError, OutcomeUnknownError, TransientError) as error:
        log.debug("no typing indicator in %s: %s", conversation, error)
