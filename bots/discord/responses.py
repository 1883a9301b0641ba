"""Answering an interaction to the person alone: deferred at once, since Discord waits three seconds."""

from __future__ import annotations

import io
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import discord

from bots.common import commands
from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.discord.client import ANSWERED, DiscordApiError, call_discord
from bots.discord.formatting import LIMIT
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


async def answer(
    interaction: discord.Interaction, work: Callable[[], Awaitable[Shown]], *, in_place: bool = False
) -> None:
    """Show what comes of `work`, whatever it is. `in_place`: where the pressed button stands. Never raises."""
    try:
        deferring = interaction.response.defer(ephemeral=not in_place, thinking=not in_place)
        try:
            await call_discord("defer", deferring)
        except DiscordApiError as no:
            if no.code != ANSWERED:
                raise
        except (OutcomeUnknownError, TransientError) as error:
            # Discord may have it, and then somebody waits for what comes of it.
            log.warning("nobody knows whether an interaction was deferred: %s", error)
        try:
            shown = await work()
        except (IngressError, TimeoutError) as error:
            refused = isinstance(error, IngressError) and error.from_handler and error.status < 500
            shown = Shown(f"That did not work: {error}"[:LIMIT] if refused else commands.AWAY)
        files = [discord.File(io.BytesIO(shown.file.encode()), shown.name)] if shown.file else []
        embeds = [discord.Embed(description=shown.page)] if shown.page else []
        await call_discord(
            "answer",
            interaction.edit_original_response(
                content=shown.text or None, embeds=embeds, view=shown.view, attachments=files
            ),
        )
    except (PermanentError, OutcomeUnknownError, TransientError) as error:
        # Too late, or the token is no longer good: the person sees so, and can ask again.
        log.warning("an interaction was not answered: %s", error)


async def tell(interaction: discord.Interaction, text: str) -> None:
    """A word at once, to the person alone. Never raises."""
    try:
        if interaction.response.is_done():
            await call_discord("followup", interaction.followup.send(text, ephemeral=True))
        else:
            await call_discord("answer", interaction.response.send_message(text, ephemeral=True))
    except (PermanentError, OutcomeUnknownError, TransientError) as error:
        log.warning("an interaction was not answered: %s", error)
