"""Conversation history for the person who asks: to them alone, in pages, and only if they may read it now."""

from __future__ import annotations

import discord

from bots.common import commands, history_view
from bots.common.access import is_shut_out
from bots.discord.formatting import Button, row
from bots.discord.permissions import may_read, pressed
from bots.discord.responses import Shown
from chat_service import keys
from chat_service.ingress import IngressClient
from chat_service.settings import Settings

PAGE, EXCERPT, ROOM = 6, 550, 4_000
"""Messages of a page and characters of each, so that the page fits into an embed of 4,096."""


class HistoryView:
    """Checks and shows."""

    def __init__(self, ingress: IngressClient, settings: Settings) -> None:
        self._ingress, self._settings = ingress, settings

    async def page(self, interaction: discord.Interaction, place: int, before: int | None = None) -> Shown:
        """A page of what a channel or thread holds. `place` is this one, or a thread opened in it."""
        if (word := await self._refusal(interaction)) is not None:
            return Shown(word)
        conversation = keys.discord(interaction.guild_id, place)
        view = await history_view.page(self._ingress, conversation, before, limit=PAGE, excerpt=EXCERPT, room=ROOM)
        buttons = [(Button("export", turn=place), "Export")]
        if view.older is not None:
            buttons.insert(0, (Button("older", turn=place, seq=view.older), "Older"))
        text = "\n\n".join(view.lines)
        return Shown(
            f"**{view.title or 'Conversation'}**"[:500],
            text if len(text) <= ROOM else text[:ROOM].rstrip() + "…",
            view=row(*buttons),
        )

    async def export(self, interaction: discord.Interaction, place: int) -> Shown:
        """The whole conversation as a file."""
        if (word := await self._refusal(interaction)) is not None:
            return Shown(word)
        text = await history_view.export(self._ingress, keys.discord(interaction.guild_id, place))
        if len(text.encode()) > interaction.filesize_limit:
            return Shown("It has grown too long for a file here. Whoever operates this bot can print it for you.")
        return Shown("The whole conversation:", file=text, name=f"conversation-{place}.md")

    async def _refusal(self, interaction: discord.Interaction) -> str | None:
        if not may_read(interaction):
            return commands.NOT_READABLE
        shut_out = await is_shut_out(self._ingress, self._settings, pressed(interaction))
        return commands.NOT_ALLOWED if shut_out else None
