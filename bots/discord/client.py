"""The connection to Discord, with its refusals sorted: for good, unclear, or not now.

discord.py tries a 500 again by itself, also for a post: that is harmless here, since every post carries a nonce of its
own, by which Discord knows the repeat.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp
import discord
import yarl
from discord import app_commands

from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.discord.tolerant_parsers import install_tolerant_parsers
from chat_service import keys
from chat_service.errors import UserError
from chat_service.settings import Settings

log = logging.getLogger(__name__)

T = TypeVar("T")

CALL_SECONDS = 90.0
"""For a call with all the tries and pauses that discord.py makes of it."""
LONGEST_WAIT = 60.0
ARCHIVED = 50083
THREAD_EXISTS = 160004
UNKNOWN_MESSAGE = 10008
ANSWERED = 40060
"""An interaction that has its answer already: the first try was taken after all."""
PASSING = frozenset({20022, 20028, 20029, 30046, 40004, 40006, 40062, 130000})
"""Refusals that pass: too much was written in a channel or server, an old message was edited too often, a feature is
switched off for a while, or Discord is overloaded."""
NO_MESSAGE_CONTENT_INTENT = (
    "the Message Content intent is off (Developer Portal → Bot → Privileged Gateway Intents): replies without a ping, "
    '"answer everything" and reading what was said before do not work; mentions and direct messages do'
)


class DiscordApiError(PermanentError):
    """Discord said no, and will again. `code` is its number for the reason."""

    def __init__(self, what: str, error: discord.HTTPException) -> None:
        super().__init__(f"{what}: {error.text or error.status} ({error.code or error.status})")
        self.code = error.code


class Bot(discord.AutoShardedClient):
    """The client of one application, on as many connections as Discord wants: from 2,500 servers on it takes no client
    that has only one."""

    def __init__(self, *, reads_content: bool) -> None:
        intents = discord.Intents(guilds=True, guild_messages=True, dm_messages=True, message_content=reads_content)
        super().__init__(
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            max_ratelimit_timeout=LONGEST_WAIT,
            max_messages=None,
        )
        self.reads_content = reads_content
        install_tolerant_parsers(self._connection.parsers)
        self.tree = app_commands.CommandTree(self)
        self.ready: set[int] = set()
        """The shards whose servers are known."""
        self.connected = asyncio.Event()
        """Set at the first connection."""
        self.lost: set[int] = set()
        """The shards that are not connected now, of those that ever were."""
        self.filled = asyncio.Event()
        """Set while the servers of the present sessions are known."""

    async def launch_shard(self, gateway: yarl.URL, shard_id: int, *, initial: bool = False) -> None:
        """Connect a shard, so that it comes back whatever ends its connection: discord.py knows the failures of a
        network, and takes any other for the end of all shards."""
        await super().launch_shard(gateway, shard_id, initial=initial)
        shard = self.get_shard(shard_id)
        assert shard is not None  # noqa: S101  it has just been launched
        shard._parent._handled_exceptions = (Exception,)

    @property
    def user_id(self) -> int:
        """The bot's own id, known since the login."""
        assert self.user is not None  # noqa: S101
        return self.user.id

    async def recommended(self) -> int:
        """How many shards Discord wants.

        Raises:
            Gone, Unclear, Later: it does not tell.
        """
        self.shard_count, *_ = await call_discord("gateway", self.http.get_bot_gateway())
        return self.shard_count

    def place(self, conversation: str) -> Any:
        """The channel or thread of a conversation, to write in, whether discord.py knows it or not.

        Raises:
            Gone: when it is none of Discord's.
        """
        key = keys.parse(conversation)
        if key is None or key.platform != "discord":
            raise PermanentError(f"not a place in Discord: {conversation}")
        known = self.get_channel(int(key.channel))
        if isinstance(known, discord.abc.Messageable):
            return known
        guild = None if key.space == "@me" else int(key.space)
        return self.get_partial_messageable(int(key.channel), guild_id=guild)

    async def around(self, conversation: str, id: str) -> Any:
        """Where a message of a conversation stands. Two have a thread's own id: the question that it was opened from,
        which stands outside, and the first message of a forum's post, which stands in it.

        Raises:
            Gone, Unclear, Later: it cannot be had.
        """
        place = self.place(conversation)
        if id != str(place.id):
            return place
        thread = await self.channel(place.id)
        if not isinstance(thread, discord.Thread) or isinstance(
            await self.channel(thread.parent_id), discord.ForumChannel
        ):
            return place
        return self.get_partial_messageable(thread.parent_id, guild_id=thread.guild.id)

    async def channel(self, id: int) -> Any:
        """A channel or thread with its name and its parent.

        Raises:
            Gone, Unclear, Later: it cannot be had.
        """
        return self.get_channel(id) or await call_discord("fetch_channel", self.fetch_channel(id))


async def call_discord(what: str, work: Awaitable[T]) -> T:
    """The result of a call, with its failure sorted.

    Raises:
        Gone, Unclear, Later: how it did not succeed.
    """
    try:
        async with asyncio.timeout(CALL_SECONDS):
            return await work
    except discord.HTTPException as error:
        raise _sorted(what, error) from error
    except discord.RateLimited as error:
        raise TransientError(f"{what}: Discord asks for {error.retry_after:.0f} s") from error
    except aiohttp.ClientConnectorError as error:
        raise TransientError(f"{what}: Discord cannot be reached: {error}") from error
    except RuntimeError as error:  # aiohttp's word for a session that the bot has closed; it is served a moment longer
        if str(error) != "Session is closed":
            raise
        raise TransientError(f"{what}: the bot is ending") from error
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise OutcomeUnknownError(f"{what}: {error or type(error).__name__}") from error


def _sorted(what: str, error: discord.HTTPException) -> Exception:
    if error.status >= 500:
        return OutcomeUnknownError(f"{what}: HTTP {error.status}")
    if error.status == 429 or (error.status == 403 and not error.code):
        return TransientError(f"{what}: Discord's proxy refuses us for now (HTTP {error.status})")
    if error.code in PASSING:
        return TransientError(f"{what}: {error.text} ({error.code})")
    return DiscordApiError(what, error)


def read_token(settings: Settings) -> str:
    """The bot's token, without what came along when it was copied.

    Raises:
        UserError: when there is none, or it cannot be one.
    """
    given = settings.discord_token.get_secret_value().strip() if settings.discord_token is not None else ""
    if not given:
        raise UserError("DISCORD_TOKEN is not set: copy your bot's token (Developer Portal → Bot) into .env")
    if not re.fullmatch(r"[!-~]+", given):
        raise UserError(
            "DISCORD_TOKEN has a blank, a line break or another odd character in it: copy it again, in one line"
        )
    return given


def configure_endpoints(settings: Settings) -> None:
    """Tell discord.py where Discord is; it has no other way, and one process has one Discord."""
    discord.http.Route.BASE = settings.discord_api_url.rstrip("/")
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(settings.discord_gateway_url)
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # nobody speaks here


@asynccontextmanager
async def logged_in_bot(settings: Settings) -> AsyncIterator[Bot]:
    """Log in; waits for a Discord that is away. The gateway is not connected yet.

    Raises:
        UserError: without a token, or with one that Discord does not take.
    """
    token = read_token(settings)
    configure_endpoints(settings)
    bot = await _logged_in(token, reads_content=True)
    flags = bot.application_flags
    if not (flags.gateway_message_content or flags.gateway_message_content_limited):
        # Discord closes a connection that asks for an intent which the application has not.
        log.warning(NO_MESSAGE_CONTENT_INTENT)
        await bot.close()
        bot = await _logged_in(token, reads_content=False)
    try:
        yield bot
    finally:
        await bot.close()


async def _logged_in(token: str, *, reads_content: bool) -> Bot:
    pause = 0.5
    while True:
        bot = Bot(reads_content=reads_content)
        try:
            await call_discord("login", bot.login(token))
            shards = await bot.recommended()
        except (PermanentError, discord.LoginFailure) as error:
            await bot.close()
            raise UserError(f"Discord does not take DISCORD_TOKEN ({error}): copy it again") from error
        except (OutcomeUnknownError, TransientError) as error:
            await bot.close()
            log.warning("waiting for Discord: %s", error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 10)
        else:
            if shards > 1:
                log.info("connecting %d shards, as Discord asks for", shards)
            return bot
