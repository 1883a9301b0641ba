"""Log in to Discord, and keep the bot connected to the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import discord

from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.discord.client import NO_MESSAGE_CONTENT_INTENT, Bot, call_discord, configure_endpoints, read_token
from chat_service.errors import UserError
from chat_service.settings import Settings

log = logging.getLogger(__name__)

MAX_LOGIN_PAUSE = 10.0
"""Seconds."""


@asynccontextmanager
async def logged_in_bot(settings: Settings) -> AsyncIterator[Bot]:
    """Yield a bot that is logged in but not connected to the gateway. Waits while Discord is unreachable.

    Raises:
        UserError: the token is missing, malformed or rejected by Discord.
    """
    token = read_token(settings)
    configure_endpoints(settings)
    bot = await _log_in(token, reads_content=True)
    flags = bot.application_flags
    if not (flags.gateway_message_content or flags.gateway_message_content_limited):
        # Discord closes a connection that requests an intent which the application does not have.
        log.warning(NO_MESSAGE_CONTENT_INTENT)
        await bot.close()
        bot = await _log_in(token, reads_content=False)
    try:
        yield bot
    finally:
        await bot.close()


async def _log_in(token: str, *, reads_content: bool) -> Bot:
    pause = 0.5
    while True:
        bot = Bot(reads_content=reads_content)
        try:
            await call_discord("login", bot.login(token))
            shards = await bot.fetch_shard_count()
        except (PermanentError, discord.LoginFailure) as error:
            await bot.close()
            raise UserError(f"Discord rejects DISCORD_TOKEN ({error}): copy it again") from error
        except (OutcomeUnknownError, TransientError) as error:
            await bot.close()
            log.warning("waiting for Discord: %s", error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, MAX_LOGIN_PAUSE)
        else:
            if shards > 1:
                log.info("connecting %d shards, as Discord recommends", shards)
            return bot


@asynccontextmanager
async def gateway_connection(bot: Bot) -> AsyncIterator[asyncio.Task[None]]:
    """Connect to the gateway while the block runs. Yields the connection's task, which ends only when Discord has
    closed the connection for good.

    Raises:
        UserError: Discord rejects the token or the intents.
    """

    async def connect() -> None:
        try:
            await bot.connect()
        except discord.PrivilegedIntentsRequired as error:
            raise UserError("the Message Content intent was switched off: restart to continue without it") from error
        except discord.LoginFailure as error:
            raise UserError("Discord now rejects DISCORD_TOKEN: copy it again from the Developer Portal") from error
        except discord.ConnectionClosed as error:
            raise UserError(f"Discord has closed the connection for good (code {error.code})") from error

    task = asyncio.create_task(connect())
    task.add_done_callback(_log_failure)
    connected = asyncio.create_task(bot.connected.wait())
    try:
        await asyncio.wait({task, connected}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        yield task
    finally:
        connected.cancel()
        await bot.close()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("the Discord bot no longer receives events: %s", error)
