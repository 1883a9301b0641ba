"""Respond to interactions, to the user only. The response is deferred at once, because Discord waits three seconds."""

from __future__ import annotations

import io
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import discord

from bots.common import texts
from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.discord.client import ALREADY_ACKNOWLEDGED, DiscordApiError, call_discord
from bots.discord.formatting import MAX_MESSAGE_LENGTH
from chat_service.ingress import IngressError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ResponseContent:
    """The content of a response. `page` is a longer text, which becomes an embed; `file` a Markdown document."""

    text: str = ""
    page: str = ""
    view: discord.ui.View | None = None
    file: str = ""
    file_name: str = "conversation.md"


async def respond(
    interaction: discord.Interaction, work: Callable[[], Awaitable[ResponseContent]], *, in_place: bool = False
) -> None:
    """Defer the response, run `work`, and show its result. `in_place`: replace the message of the clicked button. Never
    raises."""
    try:
        try:
            await call_discord("defer", interaction.response.defer(ephemeral=not in_place, thinking=not in_place))
        except DiscordApiError as error:
            if error.code != ALREADY_ACKNOWLEDGED:
                raise
        except (OutcomeUnknownError, TransientError) as error:
            # Discord may have received it, and then the user waits for the result.
            log.warning("an interaction may not have been deferred: %s", error)
        try:
            content = await work()
        except (IngressError, TimeoutError) as error:
            is_refused = isinstance(error, IngressError) and error.from_handler and error.status < 500
            message = f"That did not work: {error}"[:MAX_MESSAGE_LENGTH] if is_refused else texts.UNREACHABLE
            content = ResponseContent(message)
        files = [discord.File(io.BytesIO(content.file.encode()), content.file_name)] if content.file else []
        embeds = [discord.Embed(description=content.page)] if content.page else []
        response = interaction.edit_original_response(
            content=content.text or None, embeds=embeds, view=content.view, attachments=files
        )
        await call_discord("respond", response)
    except (PermanentError, OutcomeUnknownError, TransientError) as error:
        # The interaction expired or its token is invalid. Discord shows the user that it failed.
        log.warning("an interaction got no response: %s", error)


async def respond_with_text(interaction: discord.Interaction, text: str) -> None:
    """Respond at once with a text. Never raises."""
    try:
        if interaction.response.is_done():
            await call_discord("followup", interaction.followup.send(text, ephemeral=True))
        else:
            await call_discord("respond", interaction.response.send_message(text, ephemeral=True))
    except (PermanentError, OutcomeUnknownError, TransientError) as error:
        log.warning("an interaction got no response: %s", error)
