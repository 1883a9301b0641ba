"""Compute permissions: from roles, then from a channel's overwrites. A thread has those of its parent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discord import Permissions

from tests.fakes.discord.errors import ApiError
from tests.fakes.discord.models import Channel

if TYPE_CHECKING:
    from tests.fakes.discord.state import DiscordState

BITS: dict[str, int] = Permissions.VALID_FLAGS
ALL = Permissions.all().value
IN_DIRECT_MESSAGES = (
    *("view_channel", "send_messages", "read_message_history", "attach_files", "embed_links", "add_reactions"),
    *("mention_everyone", "external_emojis", "use_application_commands"),
)
EVERYONE = (*IN_DIRECT_MESSAGES, "send_messages_in_threads", "create_public_threads")
"""The permissions of @everyone in a new server."""


def bits(*names: str) -> int:
    """Return the bit set of permissions, named as in discord.py."""
    value = 0
    for name in names:
        value |= BITS[name]
    return value


def in_channel(state: DiscordState, user: str, channel: Channel) -> int:
    """Return a user's permissions in a channel as a bit set; 0 if they are not in its server or conversation."""
    if channel.guild is None:
        return bits(*IN_DIRECT_MESSAGES) if user in channel.recipients else 0
    guild = state.guilds.get(channel.guild)
    member = guild.members.get(user) if guild else None
    if guild is None or member is None:
        return 0
    value = guild.roles[guild.id].permissions
    for role in member.roles:
        value |= guild.roles[role].permissions
    if user == guild.owner or value & BITS["administrator"]:
        return ALL
    if channel.thread is not None:
        return in_channel(state, user, state.channels[channel.thread.parent])
    return _apply_overwrites(channel, value, guild.id, member.roles, user)


def _apply_overwrites(channel: Channel, value: int, everyone: str, roles: list[str], user: str) -> int:
    overwrites = {(overwrite.type, overwrite.id): overwrite for overwrite in channel.overwrites}
    allow = deny = 0
    if (for_everyone := overwrites.get((0, everyone))) is not None:
        value = value & ~for_everyone.deny | for_everyone.allow
    for role in roles:
        if (for_role := overwrites.get((0, role))) is not None:
            allow, deny = allow | for_role.allow, deny | for_role.deny
    value = value & ~deny | allow
    if (for_user := overwrites.get((1, user))) is not None:
        value = value & ~for_user.deny | for_user.allow
    return value if value & BITS["view_channel"] else 0


def has(state: DiscordState, user: str, channel: Channel, *names: str) -> bool:
    """Return whether a user has all of these permissions in a channel."""
    wanted = bits(*names)
    return in_channel(state, user, channel) & wanted == wanted


def require(state: DiscordState, user: str, channel: Channel, *names: str) -> None:
    """Check that a user sees a channel and has all of these permissions there.

    Raises:
        ApiError: 50001, the user does not see the channel; 50013, a permission is missing.
    """
    if not has(state, user, channel, "view_channel"):
        raise ApiError(50001)
    if not has(state, user, channel, *names):
        raise ApiError(50013)
