"""The permissions of people, read from Discord at the moment of use, and the notice about permissions that the bot
lacks."""

from __future__ import annotations

import logging
import time

import discord

from bots.common.access import Requester
from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.common.protocols import DeliveryTarget
from bots.discord import formatting
from bots.discord.client import Bot, MessageableChannel, call_discord
from chat_service import keys

log = logging.getLogger(__name__)

MISSING_PERMISSION_CODES = frozenset({50001, 50013, 160002})
"""Error codes for a missing permission. 160002: a reply needs the permission to read the message history."""
NOTICE_INTERVAL = 3_600.0
"""Seconds between two notices about missing permissions to one person in one channel."""
MAX_REMEMBERED_NOTICES = 1_000


def may_read(interaction: discord.Interaction) -> bool:
    """Return whether the user may read the messages of this channel. Discord sends their permissions with every
    interaction."""
    if interaction.guild_id is None:
        return True
    permissions = interaction.permissions
    return permissions.read_messages and permissions.read_message_history


def may_write(interaction: discord.Interaction) -> bool:
    """Return whether the user may write in this channel or thread."""
    return interaction.guild_id is None or _may_send(interaction.permissions, interaction.channel)


def may_bot_write(interaction: discord.Interaction) -> bool:
    """Return whether the bot may read and write in this channel or thread."""
    permissions = interaction.app_permissions
    return interaction.guild_id is None or (permissions.read_messages and _may_send(permissions, interaction.channel))


def may_manage(interaction: discord.Interaction, *, server: bool = False) -> bool:
    """Return whether the user may change the settings of this channel, or of the whole server. In a direct
    conversation everybody may."""
    if interaction.guild_id is None:
        return not server
    permissions = interaction.permissions
    return permissions.manage_guild or (permissions.manage_channels and not server)


def requester_of(interaction: discord.Interaction) -> Requester:
    """Return the user of an interaction in the form that the access lists check."""
    channel, user = interaction.channel, interaction.user
    parent = f"discord:{interaction.guild_id}:{channel.parent_id}" if isinstance(channel, discord.Thread) else ""
    return Requester(
        conversation=conversation_of(interaction),
        person=str(user.id),
        roles=[str(role.id) for role in getattr(user, "roles", ())],
        parent_scope=parent,
    )


def conversation_of(interaction: discord.Interaction) -> str:
    """Return the key of the channel or thread in which an interaction happened."""
    return keys.discord(interaction.guild_id, interaction.channel_id or 0)


async def may_administer(bot: Bot, conversation: str, person: str) -> bool:
    """Return whether the author of a message may change the settings of its channel.

    Raises:
        OutcomeUnknownError, TransientError: Discord cannot be asked.
    """
    key = keys.parse(conversation)
    if key is None or key.space == "@me":
        return key is not None
    guild = bot.get_guild(int(key.space))
    if guild is None:
        return False
    try:
        member = await call_discord("fetch_member", guild.fetch_member(int(person)))
        channel = await bot.get_or_fetch_channel(int(key.channel))
        if not isinstance(channel, discord.abc.GuildChannel | discord.Thread):
            return False
        permissions = channel.permissions_for(member)
    except (PermanentError, discord.ClientException):
        return False
    return permissions.read_messages and (permissions.manage_channels or permissions.manage_guild)


class MissingPermissions:
    """Tells a person and the log which permissions the bot lacks to answer, at most once per hour, person and
    channel."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._next_notice: dict[tuple[str, str], float] = {}

    async def explain(self, target: DeliveryTarget) -> None:
        """Post a notice if a permission is missing: in the channel, or else as a direct message. A repeat for the same
        turn posts no second notice. Never raises."""
        channel = self._bot.get_messageable(target.conversation)
        missing = _missing_permissions(channel)
        if not missing:
            return
        log.error("in %s (#%s) the bot may not answer, it lacks: %s", target.conversation, channel, ", ".join(missing))
        person = next((message.person for message in reversed(target.question) if message.person), "")
        if self._next_notice.get((target.conversation, person), 0.0) > time.monotonic():
            return
        if len(self._next_notice) > MAX_REMEMBERED_NOTICES:
            self._next_notice.clear()
        self._next_notice[target.conversation, person] = time.monotonic() + NOTICE_INTERVAL
        text = (
            f"I cannot answer in <#{channel.id}>: I lack the permission to {' and to '.join(missing)}. "
            "A person who manages the server can grant it."
        )
        nonce = formatting.make_nonce("missing permissions", target.conversation, target.turn)
        try:
            await call_discord("send", channel.send(text, nonce=nonce))
        except (PermanentError, OutcomeUnknownError, TransientError):
            await self._send_direct_message(person, text, nonce)

    async def _send_direct_message(self, person: str, text: str, nonce: str) -> None:
        if not person.isdecimal():
            return
        try:
            user = await call_discord("fetch_user", self._bot.fetch_user(int(person)))
            await call_discord("send", user.send(text, nonce=nonce))
        except (PermanentError, OutcomeUnknownError, TransientError) as error:
            log.warning("the notice to %s could not be sent as a direct message either: %s", person, error)


def _may_send(permissions: discord.Permissions, channel: object) -> bool:
    return permissions.send_messages_in_threads if isinstance(channel, discord.Thread) else permissions.send_messages


def _missing_permissions(channel: MessageableChannel) -> list[str]:
    """Return Discord's names of the permissions that the bot needs to answer in a channel and lacks."""
    if not isinstance(channel, discord.abc.GuildChannel | discord.Thread):
        return []
    try:
        permissions = channel.permissions_for(channel.guild.me)
    except discord.ClientException:  # a thread in a channel that the bot cannot see
        return []
    send = "send_messages_in_threads" if isinstance(channel, discord.Thread) else "send_messages"
    return [name.replace("_", " ") for name in ("read_message_history", send) if not getattr(permissions, name)]
