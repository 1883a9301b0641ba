"""Answering an interaction to the person alone: deferred at once, since Discord waits three seconds."""

from __future__ import annotations

import io
import logging
from collections.abc import Awaitable
from dataclasses import dataclass

import discord

from bots.adapter import commands
from bots.adapter.contract import Gone, Later, Unclear
from bots.discord.client import called
from chat_service.ingress import IngressError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person gets to see. `page` is longer text, `file` a Markdown document."""

    text: str = ""
    page: str = ""
    view: discord.ui.View | None = None
    file: str = ""
    name: str = "conversation.md"


async def answer(interaction: discord.Interaction, work: Awaitable[Shown], *, in_place: bool = False) -> None:
    """Show what comes of `work`, whatever it is. `in_place`: where the pressed button stands. Never raises."""
    try:
        try:
            if in_place:
                await called("defer", interaction.response.defer())
            else:
                await called("defer", interaction.response.defer(ephemeral=True, thinking=True))
        except BaseException:
            if hasattr(work, "close"):
                work.close()
            raise
        try:
            shown = await work
        except (IngressError, TimeoutError) as error:
            refused = isinstance(error, IngressError) and error.from_handler and error.status < 500
            shown = Shown(f"That did not work: {error}" if refused else commands.AWAY)
        files = [discord.File(io.BytesIO(shown.file.encode()), shown.name)] if shown.file else []
        embeds = [discord.Embed(description=shown.page)] if shown.page else []
        await called(
            "answer",
            interaction.edit_original_response(
                content=shown.text or None, embeds=embeds, view=shown.view, attachments=files
            ),
        )
    except (Gone, Unclear, Later) as error:
        # The token is good for fifteen minutes, and what was asked for was done or told all the same.
        log.warning("an interaction was not answered: %s", error)


async def tell(interaction: discord.Interaction, text: str) -> None:
    """A word at once, to the person alone. Never raises."""
    try:
        if interaction.response.is_done():
            await called("followup", interaction.followup.send(text, ephemeral=True))
        else:
            await called("answer", interaction.response.send_message(text, ephemeral=True))
    except (Gone, Unclear, Later) as error:
        log.warning("an interaction was not answered: %s", error)
