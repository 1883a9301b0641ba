"""What discord.py makes of the gateway's events, so that one that it cannot read leaves the bot hearing the others: by
itself discord.py ends all connections for good at the first."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

Parse = Callable[[Any], None]

NEEDED = frozenset({0, 5, 15, 16})
"""The kinds of channels without which the bot is of no use in a server: text, announcements, forums, media."""
WANTED = ("id", "name", "owner_id", "unavailable", "roles", "members", "emojis", "channels", "threads", "member_count")
"""What is read of a server when not all of it can be."""
FIRST = ("READY", "RESUMED")
"""A session that begins unread is no session: it is begun anew."""


def install_tolerant_parsers(parsers: dict[str, Parse]) -> None:
    """Let discord.py's own readers of events, by the event's name, skip what they cannot read, and tell the operator;
    a server of which they cannot read all is read without what the bot can do without."""
    for name, parse in parsers.items():
        if name not in FIRST:
            parsers[name] = _forgiving(name, parse)


def _forgiving(name: str, parse: Parse) -> Parse:
    def read(data: Any) -> None:
        try:
            parse(data)
        except Exception as error:
            if name != "GUILD_CREATE":
                log.exception("an event of Discord's (%s) cannot be read, and is passed over: %r", name, error)
                return
            log.exception(
                "the server %s cannot be read whole (%r): only its text channels are heard", data.get("id"), error
            )
            try:
                parse(_bare(data))
            except Exception as again:
                log.exception("the server %s cannot be read: nothing is heard there (%r)", data.get("id"), again)

    return read


def _bare(server: dict[str, Any]) -> dict[str, Any]:
    kept = {name: server[name] for name in WANTED if name in server}
    return {**kept, "channels": [one for one in kept.get("channels", []) if one.get("type") in NEEDED]}
