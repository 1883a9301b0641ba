"""The buttons below replies and history pages. Permissions are checked when a button is clicked, not when it is
shown."""

from __future__ import annotations

import logging
from functools import partial

import discord

from bots.common import texts
from bots.common.buttons import ButtonAction, ButtonKind, run_button_action
from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.discord.client import call_discord
from bots.discord.formatting import ButtonId
from bots.discord.history import HistoryView
from bots.discord.permissions import may_read, requester_of
from bots.discord.responses import respond, respond_with_text
from chat_service.ingress import IngressClient, IngressError
from chat_service.settings import Settings

log = logging.getLogger(__name__)

REPLY_BUTTONS: dict[str, ButtonKind] = {"stop": "stop", "retry": "retry", "up": "up", "down": "down"}


class Buttons:
    """Handles the buttons of one bot."""

    def __init__(self, ingress: IngressClient, history: HistoryView, settings: Settings) -> None:
        self._ingress, self._history, self._settings = ingress, history, settings

    async def handle(self, interaction: discord.Interaction, button: ButtonId) -> None:
        """Carry out a clicked button, and respond within Discord's three seconds."""
        if button.action == "older":
            page = partial(self._history.render_page, interaction, button.turn, button.seq)
            await respond(interaction, page, in_place=True)
        elif button.action == "export":
            await respond(interaction, lambda: self._history.export(interaction, button.turn))
        elif not may_read(interaction):
            await respond_with_text(interaction, texts.NOT_READABLE)
        else:
            await self._handle_reply_button(interaction, button)

    async def _handle_reply_button(self, interaction: discord.Interaction, button: ButtonId) -> None:
        try:
            await call_discord("defer", interaction.response.defer())
        except (PermanentError, OutcomeUnknownError, TransientError) as error:
            log.warning("a click on a button was not acknowledged in time: %s", error)  # it is carried out nevertheless
        kind = REPLY_BUTTONS.get(button.action)
        if kind is None:
            return
        action = ButtonAction(kind, f"press:{interaction.id}", requester_of(interaction), button.turn, button.seq)
        try:
            text = await run_button_action(self._ingress, self._settings, action)
        except (IngressError, TimeoutError):
            text = texts.UNREACHABLE
        if text:
            await respond_with_text(interaction, text)
