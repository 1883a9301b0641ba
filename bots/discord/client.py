"""The discord.py client, and the classification of failed Discord calls as permanent, unknown or transient.

discord.py repeats a call that got HTTP 500 by itself, also a post. That is harmless: every post carries its own nonce,
by which Discord recognizes the repeat.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from typing import TypeVar

import aiohttp
import discord
import yarl
from discord import app_commands

from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.discord.tolerant_parsers import install_tolerant_parsers
from chat_service import keys
from chat_service.errors import UserError
from chat_service.settings import Settings

T = TypeVar("T")

MessageableChannel = (
    discord.TextChannel
    | discord.VoiceChannel
    | discord.StageChannel
    | discord.Thread
    | discord.DMChannel
    | discord.PartialMessageable
)
"""A channel or thread that the bot can write in."""

CALL_SECONDS = 90.0
"""Timeout of a call, including all retries and pauses of discord.py."""
MAX_RATE_LIMIT_WAIT = 60.0
THREAD_ARCHIVED = 50083
THREAD_EXISTS = 160004
UNKNOWN_MESSAGE = 10008
ALREADY_ACKNOWLEDGED = 40060
"""The interaction already has a response: an earlier try succeeded."""
TRANSIENT_CODES = frozenset({20022, 20028, 20029, 30046, 40004, 40006, 40062, 130000})
"""Error codes that pass: a write rate limit of a channel or server, too many edits of an old message, a feature that is
temporarily disabled, or an overloaded Discord."""
NO_MESSAGE_CONTENT_INTENT = (
    "the Message Content intent is off (Developer Portal → Bot → Privileged Gateway Intents): replies without a ping, "
    '"answer everything" and reading earlier messages do not work; mentions and direct messages do'
)


class DiscordApiError(PermanentError):
    """Raised when Discord refuses a call for good. `code` is Discord's JSON error code."""

    def __init__(self, operation: str, error: discord.HTTPException) -> None:
        super().__init__(f"{operation}: {error.text or error.status} ({error.code or error.status})")
        self.code = error.code


class Bot(discord.AutoShardedClient):
    """The client of one application, with as many shards as Discord recommends. Discord rejects an unsharded client
    from 2,500 servers on."""

    def __init__(self, *, reads_content: bool) -> None:
        intents = discord.Intents(guilds=True, guild_messages=True, dm_messages=True, message_content=reads_content)
        super().__init__(
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            max_ratelimit_timeout=MAX_RATE_LIMIT_WAIT,
            max_messages=None,
        )
        self.reads_content = reads_content
        # Private: discord.py has no public way to replace the parsers of gateway events.
        install_tolerant_parsers(self._connection.parsers)
        self.tree = app_commands.CommandTree(self)
        self.ready_shards: set[int] = set()
        """The shards whose servers are known."""
        self.connected = asyncio.Event()
        """Set at the first connection, and never cleared."""
        self.disconnected_shards: set[int] = set()
        """The shards that were connected once and are not connected now."""
        self.all_shards_ready = asyncio.Event()
        """Set while the servers of all current sessions are known."""

    async def launch_shard(self, gateway: yarl.URL, shard_id: int, *, initial: bool = False) -> None:
        """Connect a shard so that it reconnects after any exception. discord.py reconnects after network errors only,
        and ends all shards after any other."""
        await super().launch_shard(gateway, shard_id, initial=initial)
        shard = self.get_shard(shard_id)
        assert shard is not None  # noqa: S101  it has just been launched
        # Private: discord.py has no public setting for the exceptions after which a shard reconnects.
        shard._parent._handled_exceptions = (Exception,)

    @property
    def user_id(self) -> int:
        """The id of the bot's own user, known after the login."""
        assert self.user is not None  # noqa: S101
        return self.user.id

    async def fetch_shard_count(self) -> int:
        """Set `shard_count` to the number of shards that Discord recommends, and return it.

        Raises:
            PermanentError, OutcomeUnknownError, TransientError: the call failed.
        """
        self.shard_count, *_ = await call_discord("gateway", self.http.get_bot_gateway())
        return self.shard_count

    def get_messageable(self, conversation: str) -> MessageableChannel:
        """Return the channel or thread of a conversation, from the cache or as a partial object.

        Raises:
            PermanentError: the key is not a Discord conversation.
        """
        key = keys.parse(conversation)
        if key is None or key.platform != "discord":
            raise PermanentError(f"not a Discord conversation: {conversation}")
        known = self.get_channel(int(key.channel))
        if isinstance(known, MessageableChannel):
            return known
        guild_id = None if key.space == "@me" else int(key.space)
        return self.get_partial_messageable(int(key.channel), guild_id=guild_id)

    async def fetch_message_channel(self, conversation: str, id: str) -> MessageableChannel:
        """Return the channel that holds a message of a conversation.

        Two messages have the id of their thread: the message that the thread was created from, which is in the parent
        channel, and the first message of a forum post, which is in the thread.

        Raises:
            PermanentError, OutcomeUnknownError, TransientError: the channel cannot be read.
        """
        channel = self.get_messageable(conversation)
        if id != str(channel.id):
            return channel
        thread = await self.get_or_fetch_channel(channel.id)
        if not isinstance(thread, discord.Thread) or isinstance(
            await self.get_or_fetch_channel(thread.parent_id), discord.ForumChannel
        ):
            return channel
        return self.get_partial_messageable(thread.parent_id, guild_id=thread.guild.id)

    async def get_or_fetch_channel(
        self, id: int
    ) -> discord.abc.GuildChannel | discord.abc.PrivateChannel | discord.Thread:
        """Return a channel or thread with its name and parent.

        Raises:
            PermanentError, OutcomeUnknownError, TransientError: the channel cannot be read.
        """
        known = self.get_channel(id)
        return known if known is not None else await call_discord("fetch_channel", self.fetch_channel(id))


async def call_discord(operation: str, call: Awaitable[T]) -> T:
    """Await a call and return its result; `operation` names it in errors.

    Raises:
        PermanentError: Discord refused the call for good.
        TransientError: nothing was done, and a later try may succeed.
        OutcomeUnknownError: the response was lost.
    """
    try:
        async with asyncio.timeout(CALL_SECONDS):
            return await call
    except discord.HTTPException as error:
        raise _classify_error(operation, error) from error
    except discord.RateLimited as error:
        raise TransientError(f"{operation}: rate limited by Discord for {error.retry_after:.0f} s") from error
    except aiohttp.ClientConnectorError as error:
        raise TransientError(f"{operation}: cannot connect to Discord: {error}") from error
    except RuntimeError as error:
        # aiohttp raises a RuntimeError for a closed session. Deliveries are served a moment longer than the session.
        if str(error) != "Session is closed":
            raise
        raise TransientError(f"{operation}: the bot is shutting down") from error
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise OutcomeUnknownError(f"{operation}: {error or type(error).__name__}") from error


def _classify_error(operation: str, error: discord.HTTPException) -> Exception:
    if error.status >= 500:
        return OutcomeUnknownError(f"{operation}: HTTP {error.status}")
    if error.status == 429 or (error.status == 403 and not error.code):
        return TransientError(f"{operation}: blocked by Discord's proxy for now (HTTP {error.status})")
    if error.code in TRANSIENT_CODES:
        return TransientError(f"{operation}: {error.text} ({error.code})")
    return DiscordApiError(operation, error)


def read_token(settings: Settings) -> str:
    """Return the bot token, stripped of surrounding whitespace.

    Raises:
        UserError: the token is missing or malformed.
    """
    token = settings.discord_token.get_secret_value().strip() if settings.discord_token is not None else ""
    if not token:
        raise UserError("DISCORD_TOKEN is not set: copy your bot's token (Developer Portal → Bot) into .env")
    if not re.fullmatch(r"[!-~]+", token):
        raise UserError(
            "DISCORD_TOKEN contains a blank, a line break or another invalid character: copy it again, in one line"
        )
    return token


def configure_endpoints(settings: Settings) -> None:
    """Set Discord's API and gateway addresses. discord.py offers class attributes only, so they hold for the whole
    process."""
    discord.http.Route.BASE = settings.discord_api_url.rstrip("/")
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(settings.discord_gateway_url)
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # the bot does not use voice
