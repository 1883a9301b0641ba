"""Names in place of the ids in Discord messages, and the members of a server, cached for some minutes."""

from __future__ import annotations

import re
import time

import discord

from bots.common.commands import remove_bot_name
from bots.common.errors import PermanentError
from bots.discord.client import Bot, call_discord

CACHE_SECONDS = 300.0
MAX_CACHED_MEMBERS = 10_000
MAX_FETCHED_MEMBERS = 10
"""Members that are fetched for the mentions of one message, at most."""
_MENTION = re.compile(r"<(@!?|@&|#)(\d+)>|<a?:(\w+):\d+>|</([^:>]+):\d+>")


class UserNames:
    """Resolves users, roles and channels to the names that they have in a server."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._members: dict[tuple[int, int], tuple[discord.Member | None, float]] = {}

    async def fetch_member(self, guild: discord.Guild, user_id: int) -> discord.Member | None:
        """Return a member with their nickname and roles, which messages read from a channel's history lack. None if
        they have left the server.

        Raises:
            OutcomeUnknownError, TransientError: Discord cannot be asked.
        """
        known = guild.get_member(user_id)
        if known is not None:
            return known
        member, expires = self._members.get((guild.id, user_id), (None, 0.0))
        if time.monotonic() < expires:
            return member
        try:
            member = await call_discord("fetch_member", guild.fetch_member(user_id))
        except PermanentError:
            member = None
        if len(self._members) > MAX_CACHED_MEMBERS:
            self._members.clear()
        self._members[guild.id, user_id] = (member, time.monotonic() + CACHE_SECONDS)
        return member

    async def fetch_mentioned(self, guild: discord.Guild | None, message: discord.Message) -> None:
        """Cache the members that a message mentions. Discord does not send them in a channel's history, nor with a
        message whose mentions notify no one."""
        if guild is None:
            return
        known = {user.id for user in message.mentions if isinstance(user, discord.Member)} | {self._bot.user_id}
        mentioned = dict.fromkeys(int(id) for id in re.findall(r"<@!?(\d+)>", message.content))
        for user_id in [id for id in mentioned if id not in known][:MAX_FETCHED_MEMBERS]:
            await self.fetch_member(guild, user_id)

    def is_bot_mentioned(self, message: discord.Message) -> bool:
        """Return whether a message mentions the bot or the bot's own role."""
        bot_id = self._bot.user_id
        if re.search(rf"<@!?{bot_id}>", message.content) or any(user.id == bot_id for user in message.mentions):
            return True
        role = _own_role_id(message)
        return bool(role) and (f"<@&{role}>" in message.content or role in message.raw_role_mentions)

    def without_bot_mention(self, text: str, message: discord.Message) -> str:
        """Remove a mention of the bot or of its own role from the beginning of a text, also behind a command."""
        role = _own_role_id(message)
        return remove_bot_name(
            text, re.compile("|".join([f"<@!?{self._bot.user_id}>", *([f"<@&{role}>"] if role else [])]))
        )

    def replace_mentions(self, text: str, message: discord.Message) -> str:
        """Return a text of a message with names in place of the ids of users, roles, channels, emoji and commands."""

        def name(match: re.Match[str]) -> str:
            kind, id, emoji, command = match.groups()
            if emoji:
                return f":{emoji}:"
            if command:
                return f"/{command}"
            if kind == "#":
                channel = self._bot.get_channel(int(id))
                return f"#{single_line(getattr(channel, 'name', None) or id)}"
            if kind == "@&":
                role = message.guild.get_role(int(id)) if message.guild else None
                return f"@{single_line(role.name if role else id)}"
            return f"@{single_line(self._display_name(int(id), message))}"

        return _MENTION.sub(name, text)

    def _display_name(self, user_id: int, message: discord.Message) -> str:
        guild_id = message.guild.id if message.guild else 0
        member, _ = self._members.get((guild_id, user_id), (None, 0.0))
        mentioned = next((user for user in message.mentions if user.id == user_id), None)
        known = member or mentioned or self._bot.get_user(user_id)
        return known.display_name if known is not None else str(user_id)


def single_line(name: str) -> str:
    """Return a name without line breaks, so that it cannot look like a part of the text around it."""
    return " ".join(name.split())


def _own_role_id(message: discord.Message) -> int:
    """Return the id of the role that was created with the bot, or 0. People often mention that role by mistake."""
    role = message.guild.self_role if message.guild else None
    return role.id if role is not None else 0
