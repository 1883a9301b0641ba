"""The intents this fake knows of, as bits."""

from __future__ import annotations

from discord import Intents

BITS: dict[str, int] = Intents.VALID_FLAGS
KNOWN = Intents.all().value
GUILDS, MEMBERS, PRESENCES = BITS["guilds"], BITS["members"], BITS["presences"]
CONTENT = BITS["message_content"]
EVERYWHERE = 0
"""What needs no intent."""


def messages(guild: str | None) -> int:
    """The intent for messages in a server or a direct conversation."""
    return BITS["guild_messages" if guild else "dm_messages"]


def reactions(guild: str | None) -> int:
    """The intent for reactions."""
    return BITS["guild_reactions" if guild else "dm_reactions"]


def typing(guild: str | None) -> int:
    """The intent for typing."""
    return BITS["guild_typing" if guild else "dm_typing"]
