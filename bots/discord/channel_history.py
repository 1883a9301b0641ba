"""What stands in a channel, read page by page, so that one message that discord.py cannot read hides no other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import aiohttp
import discord

from bots.discord.client import Bot, call_discord

log = logging.getLogger(__name__)

TOLD = (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError)
"""What Discord or the network refuses. Whatever else is raised comes from a message."""


async def read_messages(
    bot: Bot,
    place: Any,
    limit: int,
    *,
    after: int | None = None,
    before: int | None = None,
    oldest_first: bool = False,
    until: Callable[[discord.Message], bool] = lambda _: False,
) -> list[discord.Message]:
    """At most `limit` messages of a channel between two ids, both left out; none after that which `until` takes.

    discord.py ends such a reading at the first message that it cannot make anything of, and would do so each time; here
    it is left out, and the operator told.

    Raises:
        Gone, Unclear, Later: Discord cannot be read.
    """
    found: list[discord.Message] = []
    edges = {"after": _at(after), "before": _at(before)}
    moving = "after" if oldest_first else "before"

    async def read() -> None:
        history = place.history(limit=limit - len(found), **edges, oldest_first=oldest_first)
        async for message in history:
            found.append(message)
            edges[moving] = discord.Object(message.id)
            if until(message):
                return

    async def next_id() -> int | None:
        edge = edges[moving]
        page = await bot.http.logs_from(place.id, 1, **({moving: edge.id} if edge else {}))
        return int(page[0]["id"]) if page else None

    async def read_all() -> None:
        while True:
            try:
                return await read()
            except TOLD:
                raise
            except Exception:
                unread = await next_id()
                log.exception("the message %s in %s cannot be read, and is left out", unread, place.id)
                edges[moving] = _at(unread)
                if unread is None:
                    return None

    await call_discord("history", read_all())
    return found


def _at(id: int | None) -> discord.Object | None:
    return None if id is None else discord.Object(id)
