"""What a person gets to know when the bot may not answer where they asked: one line, there or directly, and the
operator another."""

from __future__ import annotations

import logging
import time
from typing import Any

import discord

from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.common.protocols import DeliveryTarget
from bots.discord import formatting
from bots.discord.client import Bot, call_discord

log = logging.getLogger(__name__)

CODES = frozenset({50001, 50013, 160002})
"""Discord's numbers for a missing permission; the last for a reply without the right to read what was said before."""
AGAIN_SECONDS = 3_600.0
MANY = 1_000


class MissingPermissions:
    """Tells each person once an hour and place."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._told: dict[tuple[str, str], float] = {}

    async def explain(self, spot: DeliveryTarget) -> None:
        """Say what is missing, if anything is. Run twice it says it once. Never raises."""
        place: Any = self._bot.get_channel(self._bot.place(spot.conversation).id)
        missing = _missing(place)
        person = next((one.person for one in reversed(spot.question) if one.person), "")
        if not missing:
            return
        log.error("in %s (#%s) the bot may not answer, it lacks: %s", spot.conversation, place.name, ", ".join(missing))
        if self._told.get((spot.conversation, person), 0.0) > time.monotonic():
            return
        if len(self._told) > MANY:
            self._told.clear()
        self._told[spot.conversation, person] = time.monotonic() + AGAIN_SECONDS
        text = (
            f"I cannot answer in <#{place.id}>: there I lack the permission to {' and to '.join(missing)}. "
            "Whoever manages the server can give it to me."
        )
        nonce = formatting.nonce("lacking", spot.conversation, spot.turn)
        try:
            await call_discord("send", place.send(text, nonce=nonce))
        except (PermanentError, OutcomeUnknownError, TransientError):
            await self._directly(person, text, nonce)

    async def _directly(self, person: str, text: str, nonce: str) -> None:
        if not person.isdecimal():
            return
        try:
            user = await call_discord("fetch_user", self._bot.fetch_user(int(person)))
            await call_discord("send", user.send(text, nonce=nonce))
        except (PermanentError, OutcomeUnknownError, TransientError) as error:
            log.warning("%s was not told either: %s", person, error)


def _missing(place: Any) -> list[str]:
    """The permissions without which nothing is answered in a channel or thread, in Discord's words."""
    if not isinstance(place, discord.abc.GuildChannel | discord.Thread):
        return []
    try:
        given = place.permissions_for(place.guild.me)
    except discord.ClientException:  # a thread whose channel is not ours to see
        return []
    writes = "send_messages_in_threads" if isinstance(place, discord.Thread) else "send_messages"
    return [one.replace("_", " ") for one in ("read_message_history", writes) if not getattr(given, one)]
