"""Make discord.py skip a gateway event that it cannot parse. By itself discord.py ends all connections for good at the
first such event."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

Parser = Callable[[Any], None]

NEEDED_CHANNEL_TYPES = frozenset({0, 5, 15, 16})
"""Text, announcement, forum and media channels: without these the bot is useless in a server."""
NEEDED_FIELDS = frozenset(
    {"id", "name", "owner_id", "unavailable", "roles", "members", "emojis", "channels", "threads", "member_count"}
)
"""The fields of a server that are parsed when the whole of it cannot be."""
SESSION_EVENTS = ("READY", "RESUMED")
"""A session that begins with an unreadable event is useless, and is started again."""


def install_tolerant_parsers(parsers: dict[str, Parser]) -> None:
    """Wrap discord.py's parsers, by event name, so that they log and skip what they cannot parse. A server that cannot
    be parsed completely is parsed without its unneeded fields and channels."""
    for name, parser in parsers.items():
        if name not in SESSION_EVENTS:
            parsers[name] = _tolerant(name, parser)


def _tolerant(name: str, parser: Parser) -> Parser:
    def parse(data: Any) -> None:
        try:
            parser(data)
        except Exception as error:
            if name != "GUILD_CREATE":
                log.exception("a Discord event (%s) cannot be read: skipping it: %r", name, error)
                return
            log.exception(
                "the server %s cannot be read completely (%r): using its text channels only", data.get("id"), error
            )
            try:
                parser(_reduced(data))
            except Exception as reduced_error:
                log.exception("the server %s cannot be read: ignoring it (%r)", data.get("id"), reduced_error)

    return parse


def _reduced(guild: dict[str, Any]) -> dict[str, Any]:
    fields = {name: guild[name] for name in NEEDED_FIELDS if name in guild}
    channels = [channel for channel in fields.get("channels", []) if channel.get("type") in NEEDED_CHANNEL_TYPES]
    return {**fields, "channels": channels}
