"""The connection by which Discord tells what happens."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import discord

from bots.discord.client import Bot
from chat_service.errors import UserError

log = logging.getLogger(__name__)


@asynccontextmanager
async def gateway_connection(bot: Bot) -> AsyncIterator[asyncio.Task[None]]:
    """Connected while the block runs; gives the task, which ends when no connection is possible any more.

    Raises:
        UserError: when Discord lets nobody in with this token and these intents.
    """

    async def stay() -> None:
        try:
            await bot.connect()
        except discord.PrivilegedIntentsRequired as error:
            raise UserError("the Message Content intent was taken away: start again to go on without it") from error
        except discord.LoginFailure as error:
            raise UserError("Discord no longer takes DISCORD_TOKEN: copy it again from the Developer Portal") from error
        except discord.ConnectionClosed as error:
            raise UserError(f"Discord has closed the connection for good (code {error.code})") from error

    task = asyncio.create_task(stay())
    task.add_done_callback(_told)
    waiting = asyncio.create_task(bot.connected.wait())
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        yield task
    finally:
        waiting.cancel()
        await bot.close()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task


def _told(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("the Discord bot hears nothing any more: %s", error)
