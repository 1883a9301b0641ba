"""Checks of `threadwell doctor` for Discord: token, intents, and the bot's permissions in its servers."""

from __future__ import annotations

import discord

from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.discord.client import NO_MESSAGE_CONTENT_INTENT, Bot, call_discord, configure_endpoints, read_token
from chat_service.errors import UserError
from chat_service.settings import Settings

REQUIRED_PERMISSIONS: dict[str, str] = {
    "view_channel": "to see channels",
    "send_messages": "to answer",
    "send_messages_in_threads": "to answer in threads",
    "read_message_history": "to read earlier messages, and to find its own messages again",
    "create_public_threads": "to create a thread per question",
    "attach_files": "to post very long replies",
    "add_reactions": "to show that a message was received",
}
"""The permissions in the invite link, each with its purpose."""
MAX_SERVERS = 20
"""Servers that are checked."""


def invite_link(application: int) -> str:
    """Return the link with which a person who manages a server adds the bot to it."""
    permissions = discord.Permissions(**dict.fromkeys(REQUIRED_PERMISSIONS, True))
    return discord.utils.oauth_url(application, permissions=permissions, scopes=("bot", "applications.commands"))


async def check(settings: Settings) -> list[tuple[bool | None, str]]:
    """Return the findings, each with True (good), False (bad) or None (information)."""
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
                return [(False, "Discord rejects DISCORD_TOKEN: copy it again (Developer Portal → Bot)")]
            return await _check_application(bot)
    except (OutcomeUnknownError, TransientError) as error:
        return [(None, f"Discord cannot be reached now, so nothing more is known: {error}")]


async def _check_application(bot: Bot) -> list[tuple[bool | None, str]]:
    assert bot.application_id is not None  # noqa: S101  known since the login
    findings: list[tuple[bool | None, str]] = [(True, f"logs in as @{bot.user}")]
    flags = bot.application_flags
    has_content = flags.gateway_message_content or flags.gateway_message_content_limited
    findings.append((True, "has the Message Content intent") if has_content else (False, NO_MESSAGE_CONTENT_INTENT))
    servers = 0
    async for guild in bot.fetch_guilds(limit=MAX_SERVERS):
        servers += 1
        findings.append(await _check_guild(bot, guild))
    if not servers:
        findings.append((None, "is in no server yet"))
    findings.append((None, f"invite link: {invite_link(bot.application_id)}"))
    return findings


async def _check_guild(bot: Bot, listed: discord.Guild) -> tuple[bool | None, str]:
    try:
        guild = await call_discord("fetch_guild", bot.fetch_guild(listed.id))
        member = await call_discord("fetch_member", guild.fetch_member(bot.user_id))
    except PermanentError as error:
        return False, f"in {listed.name}: {error}"
    missing = [name for name in REQUIRED_PERMISSIONS if not getattr(member.guild_permissions, name)]
    if not missing:
        return True, f"has all permissions in {listed.name}"
    names = ", ".join(f"{name.replace('_', ' ')} ({REQUIRED_PERMISSIONS[name]})" for name in missing)
    return False, f"in {listed.name} it lacks: {names}; add these to its role, or use the invite link again"
