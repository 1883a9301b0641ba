"""Who may do what where: roles, then a channel's overwrites; a thread has those of its parent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discord import Permissions

from tests.fakes.discord.errors import Refused
from tests.fakes.discord.models import Channel

if TYPE_CHECKING:
    from tests.fakes.discord.world import World

BITS: dict[str, int] = Permissions.VALID_FLAGS
ALL = Permissions.all().value
IN_DIRECT = (
    *("view_channel", "send_messages", "read_message_history", "attach_files", "embed_links", "add_reactions"),
    *("mention_everyone", "external_emojis", "use_application_commands"),
)
EVERYONE = (*IN_DIRECT, "send_messages_in_threads", "create_public_threads", "create_private_threads")


def bits(*names: str) -> int:
    """The bit set of permissions by discord.py's names."""
    value = 0
    for name in names:
        value |= BITS[name]
    return value


def of(world: World, user: str, channel: Channel) -> int:
    """What a person may do in a channel: 0 when they are not in its server or conversation."""
    if channel.guild is None:
        return bits(*IN_DIRECT) if user in channel.recipients else 0
    guild = world.guilds.get(channel.guild)
    member = guild.members.get(user) if guild else None
    if guild is None or member is None:
        return 0
    base = in_guild(world, guild.id, user)
    if base & BITS["administrator"]:
        return ALL
    if channel.thread is not None:
        parent = world.channels[channel.thread.parent]
        value = of(world, user, parent)
        inside = user in channel.thread.members or value & BITS["manage_threads"]
        return value if channel.type != 12 or inside else 0
    return _overwritten(channel, base, guild.id, member.roles, user)


def in_guild(world: World, guild_id: str, user: str) -> int:
    """What a person's roles give them in a server; everything to its owner and to administrators."""
    guild = world.guilds[guild_id]
    member = guild.members.get(user)
    if member is None:
        return 0
    value = guild.roles[guild.id].permissions
    for role in member.roles:
        value |= guild.roles[role].permissions
    return ALL if user == guild.owner or value & BITS["administrator"] else value


def _overwritten(channel: Channel, value: int, everyone: str, roles: list[str], user: str) -> int:
    rules = {(one.type, one.id): one for one in channel.overwrites}
    allow = deny = 0
    if (first := rules.get((0, everyone))) is not None:
        value = value & ~first.deny | first.allow
    for role in roles:
        if (rule := rules.get((0, role))) is not None:
            allow, deny = allow | rule.allow, deny | rule.deny
    value = value & ~deny | allow
    if (own := rules.get((1, user))) is not None:
        value = value & ~own.deny | own.allow
    return value if value & BITS["view_channel"] else 0


def may(world: World, user: str, channel: Channel, *names: str) -> bool:
    """Whether a person has all of these permissions there."""
    wanted = bits(*names)
    return of(world, user, channel) & wanted == wanted


def require(world: World, user: str, channel: Channel, *names: str) -> None:
    """Refuse what a person may not do.

    Raises:
        Refused: 50001 when they do not see the channel, 50013 when they see it.
    """
    if not may(world, user, channel, "view_channel"):
        raise Refused(50001)
    if not may(world, user, channel, *names):
        raise Refused(50013)
