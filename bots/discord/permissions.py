"""Who may read and who may decide: Discord's word at the moment it matters, never remembered."""

from __future__ import annotations

import discord

from bots.common.access import ButtonAction
from bots.common.errors import PermanentError
from bots.discord.client import Bot, call_discord
from chat_service import keys


def may_read(interaction: discord.Interaction) -> bool:
    """Whether whoever used this may read what was said here. Discord sends their permissions with each use."""
    if interaction.guild_id is None:
        return True
    given = interaction.permissions
    return given.read_messages and given.read_message_history


def may_write(interaction: discord.Interaction) -> bool:
    """Whether they may write where they used this."""
    if interaction.guild_id is None:
        return True
    given = interaction.permissions
    return given.send_messages_in_threads if isinstance(interaction.channel, discord.Thread) else given.send_messages


def may_manage(interaction: discord.Interaction, *, server: bool = False) -> bool:
    """Whether they decide about this channel, or the whole server; in a direct conversation everybody does."""
    if interaction.guild_id is None:
        return not server
    given = interaction.permissions
    return given.manage_guild or (given.manage_channels and not server)


def pressed(interaction: discord.Interaction, *, turn: int = 0, seq: int = 0) -> ButtonAction:
    """Who used this, and where, as the allow and block lists know them."""
    channel, person = interaction.channel, interaction.user
    parent = f"discord:{interaction.guild_id}:{channel.parent_id}" if isinstance(channel, discord.Thread) else ""
    return ButtonAction(
        id=f"press:{interaction.id}",
        conversation=keys.discord(interaction.guild_id, interaction.channel_id or 0),
        person=str(person.id),
        turn=turn,
        seq=seq,
        roles=[str(one.id) for one in getattr(person, "roles", ())],
        parent=parent,
    )


async def may_administer(bot: Bot, conversation: str, person: str) -> bool:
    """The same for somebody who wrote a message.

    Raises:
        Unclear, Later: Discord is away.
    """
    key = keys.parse(conversation)
    if key is None or key.space == "@me":
        return key is not None
    guild = bot.get_guild(int(key.space))
    if guild is None:
        return False
    try:
        member = await call_discord("fetch_member", guild.fetch_member(int(person)))
        channel = await bot.channel(int(key.channel))
        given: discord.Permissions = channel.permissions_for(member)
    except (PermanentError, discord.ClientException):
        return False
    return given.read_messages and (given.manage_channels or given.manage_guild)
