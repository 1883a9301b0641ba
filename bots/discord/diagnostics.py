"""The doctor's look at a Discord application: its token, its intents, and what it may do in its servers."""

from __future__ import annotations

import discord

from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.discord.client import NO_MESSAGE_CONTENT_INTENT, Bot, call_discord, configure_endpoints, read_token
from chat_service.errors import UserError
from chat_service.settings import Settings

WANTED: dict[str, str] = {
    "view_channel": "to see channels",
    "send_messages": "to answer",
    "send_messages_in_threads": "to answer in threads",
    "read_message_history": "to read what was said, and to find its own messages again",
    "create_public_threads": "for a thread per question",
    "attach_files": "for very long replies",
    "add_reactions": "to show that a message has arrived",
}
"""The permissions that the bot is invited with, and what for."""
SERVERS = 20
"""Servers that are looked at."""


def invite_link(application: int) -> str:
    """The address at which somebody who manages a server lets the bot in."""
    permissions = discord.Permissions(**dict.fromkeys(WANTED, True))
    return discord.utils.oauth_url(application, permissions=permissions, scopes=("bot", "applications.commands"))


async def check(settings: Settings) -> list[tuple[bool | None, str]]:
    """What was found, each with a verdict (None: information)."""
    try:
        token = read_token(settings)
    except UserError as error:
        return [(False, str(error))]
    configure_endpoints(settings)
    bot = Bot(reads_content=False)
    try:
        async with bot:
            try:
                await call_discord("login", bot.login(token))
            except (PermanentError, discord.LoginFailure):
                return [(False, "Discord does not take DISCORD_TOKEN: copy it again (Developer Portal → Bot)")]
            return await _look(bot)
    except (OutcomeUnknownError, TransientError) as error:
        return [(None, f"Discord cannot be reached now, so nothing more is known: {error}")]


async def _look(bot: Bot) -> list[tuple[bool | None, str]]:
    assert bot.application_id is not None  # noqa: S101  known since the login
    found: list[tuple[bool | None, str]] = [(True, f"logs in as @{bot.user}")]
    flags = bot.application_flags
    has_content = flags.gateway_message_content or flags.gateway_message_content_limited
    found.append((True, "has the Message Content intent") if has_content else (False, NO_MESSAGE_CONTENT_INTENT))
    servers = 0
    async for guild in bot.fetch_guilds(limit=SERVERS):
        servers += 1
        try:
            whole = await call_discord("fetch_guild", bot.fetch_guild(guild.id))
            me = await call_discord("fetch_member", whole.fetch_member(bot.user_id))
        except PermanentError as gone:
            found.append((False, f"in {guild.name}: {gone}"))
            continue
        missing = [name for name in WANTED if not getattr(me.guild_permissions, name)]
        if missing:
            told = ", ".join(f"{name.replace('_', ' ')} ({WANTED[name]})" for name in missing)
            found.append((False, f"in {guild.name} it lacks: {told}; give its role these, or use the invite link anew"))
        else:
            found.append((True, f"may do in {guild.name} what it needs"))
    if not servers:
        found.append((None, "is in no server yet"))
    found.append((None, f"invite link: {invite_link(bot.application_id)}"))
    return found
