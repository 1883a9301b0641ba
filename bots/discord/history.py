"""Show a conversation's history to the person who asks, in pages, if they may read the channel at that moment."""

from __future__ import annotations

import discord

from bots.common import history_view, texts
from bots.common.access import is_blocked
from bots.discord.formatting import ButtonId, button_row
from bots.discord.permissions import may_read, requester_of
from bots.discord.responses import ResponseContent
from chat_service import keys
from chat_service.ingress import IngressClient
from chat_service.settings import Settings

MAX_PAGE_MESSAGES, MAX_MESSAGE_EXCERPT, MAX_PAGE_LENGTH = 6, 550, 4_000
"""Messages of a page, and characters of each and of all: an embed holds 4,096."""
MAX_TITLE = 500


class HistoryView:
    """Renders history pages and exports, after the permission check."""

    def __init__(self, ingress: IngressClient, settings: Settings) -> None:
        self._ingress, self._settings = ingress, settings

    async def render_page(
        self, interaction: discord.Interaction, channel_id: int, before: int | None = None
    ) -> ResponseContent:
        """Return a history page. `channel_id`: the channel or thread of the interaction, or a thread created in it."""
        if (refusal := await self._refusal(interaction)) is not None:
            return ResponseContent(refusal)
        page = await history_view.render_page(
            self._ingress,
            keys.discord(interaction.guild_id, channel_id),
            before,
            limit=MAX_PAGE_MESSAGES,
            characters=MAX_MESSAGE_EXCERPT,
            max_length=MAX_PAGE_LENGTH,
        )
        buttons = [(ButtonId("export", turn=channel_id), "Export")]
        if page.older is not None:
            buttons.insert(0, (ButtonId("older", turn=channel_id, seq=page.older), "Older"))
        text = "\n\n".join(page.lines)
        return ResponseContent(
            f"**{page.title or 'Conversation'}**"[:MAX_TITLE],
            text if len(text) <= MAX_PAGE_LENGTH else text[:MAX_PAGE_LENGTH].rstrip() + "…",
            view=button_row(*buttons),
        )

    async def export(self, interaction: discord.Interaction, channel_id: int) -> ResponseContent:
        """Return the whole conversation as a file."""
        if (refusal := await self._refusal(interaction)) is not None:
            return ResponseContent(refusal)
        text = await history_view.export(self._ingress, keys.discord(interaction.guild_id, channel_id))
        if len(text.encode()) > interaction.filesize_limit:
            return ResponseContent("The conversation is too long for a file here. The bot's operator can export it.")
        return ResponseContent("The whole conversation:", file=text, file_name=f"conversation-{channel_id}.md")

    async def _refusal(self, interaction: discord.Interaction) -> str | None:
        if not may_read(interaction):
            return texts.NOT_READABLE
        is_refused = await is_blocked(self._ingress, self._settings, requester_of(interaction))
        return texts.NOT_ALLOWED if is_refused else None
