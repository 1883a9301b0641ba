"""The buttons beneath replies. What they do is checked when they are pressed, not when they were shown."""

from __future__ import annotations

import logging
from functools import partial

import discord

from bots.adapter import commands
from bots.adapter.contract import Gone, Later, Unclear
from bots.discord.answers import answer, tell
from bots.discord.client import called
from bots.discord.histories import Histories
from bots.discord.markup import Button
from bots.discord.permissions import may_read
from chat_service import keys
from chat_service.contracts import FeedbackRequest, StopRequest, TurnRequest
from chat_service.ingress import IngressClient, IngressError

log = logging.getLogger(__name__)


class Buttons:
    """What happens when one is pressed."""

    def __init__(self, ingress: IngressClient, histories: Histories) -> None:
        self._ingress, self._histories = ingress, histories

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
            await called("defer", interaction.response.defer())
        except (Gone, Unclear, Later) as error:
            log.warning("a button was not answered in time: %s", error)  # and done all the same
        try:
            await self._do(keys.discord(interaction.guild_id, interaction.channel_id or 0), interaction, button)
        except (IngressError, TimeoutError):
            await tell(interaction, commands.AWAY)

    async def _do(self, conversation: str, interaction: discord.Interaction, button: Button) -> None:
        match button.action:
            case "stop":
                await self._ingress.send("Chat", conversation, "stop", StopRequest(turn=button.turn))
            case "retry":
                # Pressed twice, also by two people, it is one retry of that reply.
                once, request = f"retry:{button.seq}", TurnRequest(turn=button.turn)
                await self._ingress.send("Chat", conversation, "regenerate", request, idempotency_key=once)
            case "up" | "down":
                word = {"seq": button.seq, "person": str(interaction.user.id), "value": button.action}
                await self._ingress.send("Chat", conversation, "feedback", FeedbackRequest.model_validate(word))
