"""The buttons beneath replies. What they do is checked when they are pressed, not when they were shown."""

from __future__ import annotations

import logging
from functools import partial

import discord

from bots.common import commands
from bots.common.access import is_shut_out, try_again
from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.discord.client import call_discord
from bots.discord.formatting import Button
from bots.discord.history import HistoryView
from bots.discord.permissions import may_read, pressed
from bots.discord.responses import answer, tell
from chat_service import keys
from chat_service.contracts import FeedbackRequest, StopRequest
from chat_service.ingress import IngressClient, IngressError
from chat_service.settings import Settings

log = logging.getLogger(__name__)


class Buttons:
    """What happens when one is pressed."""

    def __init__(self, ingress: IngressClient, histories: HistoryView, settings: Settings) -> None:
        self._ingress, self._histories, self._settings = ingress, histories, settings

    async def pressed(self, interaction: discord.Interaction, button: Button) -> None:
        """Do it, and answer within Discord's three seconds."""
        match button.action:
            case "older":
                page = partial(self._histories.page, interaction, button.turn, button.seq)
                await answer(interaction, page, in_place=True)
                return
            case "export":
                await answer(interaction, lambda: self._histories.export(interaction, button.turn))
                return
        if not may_read(interaction):
            await tell(interaction, commands.NOT_READABLE)
            return
        try:
            await call_discord("defer", interaction.response.defer())
        except (PermanentError, OutcomeUnknownError, TransientError) as error:
            log.warning("a button was not answered in time: %s", error)  # and done all the same
        try:
            word = await self._do(keys.discord(interaction.guild_id, interaction.channel_id or 0), interaction, button)
        except (IngressError, TimeoutError):
            word = commands.AWAY
        if word:
            await tell(interaction, word)

    async def _do(self, conversation: str, interaction: discord.Interaction, button: Button) -> str | None:
        """Gives what the person has to be told."""
        if button.action != "retry" and await is_shut_out(self._ingress, self._settings, pressed(interaction)):
            return commands.NOT_ALLOWED
        match button.action:
            case "stop":
                await self._ingress.send("Chat", conversation, "stop", StopRequest(turn=button.turn))
            case "retry":
                press = pressed(interaction, turn=button.turn, seq=button.seq)
                return await try_again(self._ingress, self._settings, press)
            case "up" | "down":
                word = {"seq": button.seq, "person": str(interaction.user.id), "value": button.action}
                await self._ingress.send("Chat", conversation, "feedback", FeedbackRequest.model_validate(word))
                return commands.NOTED[button.action]
        return None
