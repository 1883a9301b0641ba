"""All objects that exist in the fake Discord."""

from __future__ import annotations

from typing import Any

from tests.fakes.discord.clock import Clock
from tests.fakes.discord.errors import ApiError
from tests.fakes.discord.models import (
    DM,
    FORUMS,
    HAS_THREAD,
    PUBLIC_THREAD,
    TEXT,
    Attachment,
    Channel,
    Command,
    Guild,
    Interaction,
    Member,
    Message,
    Role,
    Thread,
    User,
)
from tests.fakes.discord.permissions import EVERYONE, bits


class DiscordState:
    """The objects by id. A lookup of an unknown object raises Discord's own error."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.users: dict[str, User] = {}
        self.guilds: dict[str, Guild] = {}
        self.channels: dict[str, Channel] = {}
        self.messages: dict[str, list[Message]] = {}
        """The messages of a channel, deleted and ephemeral ones included."""
        self.attachments: dict[str, Attachment] = {}
        self.commands: dict[str, Command] = {}
        self.interactions: dict[str, Interaction] = {}
        self.application = self.clock.snowflake()
        self.bot = self.add_user("threadwell", bot=True).id
        self.owner = self.add_user("developer", global_name="Developer").id

    # --- adding -------------------------------------------------------------------------------------------
    def add_user(self, username: str, **fields: Any) -> User:
        """Add a user (`global_name`, `bot`)."""
        user = User(id=self.clock.snowflake(), username=username, **fields)
        self.users[user.id] = user
        return user

    def add_guild(self, name: str, owner: str) -> Guild:
        """Add a server with its owner and the role @everyone."""
        guild = Guild(id=self.clock.snowflake(), name=name, owner=owner)
        guild.roles[guild.id] = Role(id=guild.id, name="@everyone", permissions=bits(*EVERYONE), position=0)
        self.guilds[guild.id] = guild
        self.add_member(guild.id, owner)
        return guild

    def add_role(self, guild: str, name: str, permissions: list[str], **fields: Any) -> Role:
        """Add a role (`mentionable`, `managed`)."""
        role = Role(id=self.clock.snowflake(), name=name, permissions=bits(*permissions), **fields)
        self.guilds[guild].roles[role.id] = role
        return role

    def add_member(self, guild: str, user: str, roles: list[str] | None = None) -> Member:
        """Add a user to a server."""
        member = Member(user=user, roles=roles or [], joined=self.clock.now())
        self.guilds[guild].members[user] = member
        return member

    def add_channel(self, guild: str, name: str, type: int = TEXT, **fields: Any) -> Channel:
        """Add a channel to a server (`topic`, `omitted_fields`)."""
        position = sum(channel.guild == guild for channel in self.channels.values())
        channel = Channel(id=self.clock.snowflake(), type=type, name=name, guild=guild, position=position, **fields)
        return self._add_channel(channel)

    def open_dm(self, user: str) -> Channel:
        """Return the direct message channel of the bot and a user, created at the first call."""
        for channel in self.channels.values():
            if channel.type == DM and user in channel.recipients:
                return channel
        return self._add_channel(Channel(id=self.clock.snowflake(), type=DM, recipients=[self.bot, user]))

    def add_thread(self, parent: Channel, name: str, owner: str, starter: Message | None = None) -> Channel:
        """Add a thread. A thread from a message has that message's id. The last message of a forum is its last post."""
        now = self.clock.now()
        thread = Channel(
            id=starter.id if starter else self.clock.snowflake(),
            type=PUBLIC_THREAD,
            name=name,
            guild=parent.guild,
            thread=Thread(parent=parent.id, owner=owner, archived_at=now, created=now),
        )
        if starter is not None:
            starter.flags |= HAS_THREAD
        if parent.type in FORUMS:
            parent.last_message = thread.id
        return self._add_channel(thread)

    def _add_channel(self, channel: Channel) -> Channel:
        self.channels[channel.id] = channel
        self.messages[channel.id] = []
        return channel

    # --- looking up ---------------------------------------------------------------------------------------
    def user(self, user: str) -> User:
        """Return a user.

        Raises:
            ApiError: 10013.
        """
        if user not in self.users:
            raise ApiError(10013)
        return self.users[user]

    def guild(self, guild: str | None) -> Guild:
        """Return a server.

        Raises:
            ApiError: 10004.
        """
        if guild not in self.guilds:
            raise ApiError(10004)
        return self.guilds[guild]

    def channel(self, channel: str) -> Channel:
        """Return a channel.

        Raises:
            ApiError: 10003.
        """
        if channel not in self.channels:
            raise ApiError(10003)
        return self.channels[channel]

    def find_message(self, channel: str, message: str) -> Message | None:
        """Return a message that is not deleted, also an ephemeral one."""
        found = (candidate for candidate in self.messages.get(channel, []) if candidate.id == message)
        return next((candidate for candidate in found if not candidate.deleted), None)

    def message(self, channel: str, message: str) -> Message:
        """Return a message of a channel's history.

        Raises:
            ApiError: 10008.
        """
        found = self.find_message(channel, message)
        if found is None or found.ephemeral_to is not None:
            raise ApiError(10008)
        return found

    def history(self, channel: str) -> list[Message]:
        """Return the messages of a channel that are neither deleted nor ephemeral, oldest first."""
        messages = self.messages.get(channel, [])
        visible = [message for message in messages if not message.deleted and message.ephemeral_to is None]
        return sorted(visible, key=lambda message: int(message.id))

    def threads(self, parent: str) -> list[Channel]:
        """Return the threads of a channel, archived ones included."""
        return [channel for channel in self.channels.values() if channel.thread and channel.thread.parent == parent]
