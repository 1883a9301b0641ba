"""Read the messages of a channel page by page, without failing at a message that discord.py cannot parse."""

from __future__ import annotations

import logging
from collections.abc import Callable

import aiohttp
import discord

from bots.discord.client import Bot, MessageableChannel, call_discord

log = logging.getLogger(__name__)

CALL_ERRORS = (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError)
"""Errors of Discord or the network. Any other error comes from parsing a message."""


async def read_messages(
    bot: Bot,
    channel: MessageableChannel,
    limit: int,
    *,
    after: int | None = None,
    before: int | None = None,
    oldest_first: bool = False,
    until: Callable[[discord.Message], bool] = lambda _: False,
) -> list[discord.Message]:
    """Return at most `limit` messages of a channel between two ids, both exclusive, up to the first one for which
    `until` is true.

    Trap: `history()` of discord.py ends at the first message that it cannot parse, and would end there every time. Such
    a message is skipped and logged.

    Raises:
        PermanentError, OutcomeUnknownError, TransientError: the channel cannot be read.
    """
    found: list[discord.Message] = []
    bounds = {"after": _as_object(after), "before": _as_object(before)}
    cursor = "after" if oldest_first else "before"

    async def read() -> None:
        history = channel.history(
            limit=limit - len(found), after=bounds["after"], before=bounds["before"], oldest_first=oldest_first
        )
        async for message in history:
            found.append(message)
            bounds[cursor] = discord.Object(message.id)
            if until(message):
                return

    async def read_all() -> None:
        while True:
            try:
                return await read()
            except CALL_ERRORS:
                raise
            except Exception:
                unreadable = await _fetch_next_id(bot, channel, bounds[cursor], oldest_first=oldest_first)
                log.exception("the message %s in %s cannot be read: skipping it", unreadable, channel.id)
                bounds[cursor] = _as_object(unreadable)
                if unreadable is None:
                    return None

    await call_discord("history", read_all())
    return found


async def _fetch_next_id(
    bot: Bot, channel: MessageableChannel, bound: discord.Object | None, *, oldest_first: bool
) -> int | None:
    """Return the id of the message next to `bound`, without parsing the message."""
    bound_id = bound.id if bound else None
    after, before = (bound_id, None) if oldest_first else (None, bound_id)
    page = await bot.http.logs_from(channel.id, 1, after=after, before=before)
    return int(page[0]["id"]) if page else None


def _as_object(id: int | None) -> discord.Object | None:
    return None if id is None else discord.Object(id)
