"""The gateway's intents, as bits."""

from __future__ import annotations

from discord import Intents

BITS: dict[str, int] = Intents.VALID_FLAGS
KNOWN = Intents.all().value
GUILDS, CONTENT = BITS["guilds"], BITS["message_content"]
NONE = 0
"""The intent of events that need none."""


def messages(guild: str | None) -> int:
    """Return the intent for messages in a server, or for direct messages."""
    return BITS["guild_messages" if guild else "dm_messages"]
