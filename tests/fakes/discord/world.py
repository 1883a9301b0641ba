"""Everything that exists in this Discord."""

from __future__ import annotations

from typing import Any

from tests.fakes.discord.clock import Clock
from tests.fakes.discord.errors import Refused
from tests.fakes.discord.models import (
    DM,
    FORUMS,
    HAS_THREAD,
    PUBLIC_THREAD,
    STARTER,
    TEXT,
    Attachment,
    Channel,
    Command,
    Guild,
    Interaction,
    Member,
    Message,
    Overwrite,
    Role,
    Thread,
    User,
)
from tests.fakes.discord.permissions import EVERYONE, bits
from tests.fakes.platform.errors import ImpossibleActionError


class World:
    """The records; what is looked up and is not there is refused as Discord refuses it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.users: dict[str, User] = {}
        self.guilds: dict[str, Guild] = {}
        self.channels: dict[str, Channel] = {}
        self.messages: dict[str, list[Message]] = {}
        self.attachments: dict[str, Attachment] = {}
        self.commands: dict[str, Command] = {}
        self.interactions: dict[str, Interaction] = {}
        self.application = self.clock.snowflake()
        self.bot = self.add_user("threadwell", bot=True).id
        self.owner = self.add_user("developer", global_name="Developer").id

    # --- making -------------------------------------------------------------------------------------------
    def add_user(self, username: str, **more: Any) -> User:
        """A person."""
        user = User(id=self.clock.snowflake(), username=username, **more)
        self.users[user.id] = user
        return user

    def add_guild(self, name: str, owner: str) -> Guild:
        """A server with its owner and the role that everybody has."""
        guild = Guild(id=self.clock.snowflake(), name=name, owner=owner)
        guild.roles[guild.id] = Role(id=guild.id, name="@everyone", permissions=bits(*EVERYONE), position=0)
        self.guilds[guild.id] = guild
        self.add_member(guild.id, owner)
        return guild

    def add_role(self, guild: str, name: str, permissions: list[str], **more: Any) -> Role:
        """A role."""
        role = Role(id=self.clock.snowflake(), name=name, permissions=bits(*permissions), **more)
        self.guilds[guild].roles[role.id] = role
        return role

    def add_member(self, guild: str, user: str, nick: str | None = None, roles: list[str] | None = None) -> Member:
        """Somebody in a server."""
        member = Member(user=user, nick=nick, roles=roles or [], joined=self.clock.now())
        self.guilds[guild].members[user] = member
        return member

    def add_channel(self, guild: str, name: str, kind: int = TEXT, **more: Any) -> Channel:
        """A channel of a server."""
        overwrites = [Overwrite.model_validate(one) for one in more.pop("overwrites", [])]
        position = sum(one.guild == guild for one in self.channels.values())
        channel = Channel(
            id=self.clock.snowflake(),
            type=kind,
            name=name,
            guild=guild,
            position=position,
            overwrites=overwrites,
            **more,
        )
        self.channels[channel.id] = channel
        self.messages[channel.id] = []
        return channel

    def direct(self, user: str) -> Channel:
        """The direct conversation of the bot and a person; there is one."""
        for channel in self.channels.values():
            if channel.type == DM and user in channel.recipients:
                return channel
        channel = Channel(id=self.clock.snowflake(), type=DM, recipients=[self.bot, user])
        self.channels[channel.id] = channel
        self.messages[channel.id] = []
        return channel

    def add_thread(self, parent: Channel, name: str, owner: str, starter: Message | None, **more: Any) -> Channel:
        """A thread; one that starts from a message has that message's id, and a forum goes by its latest."""
        now = self.clock.now()
        kind = more.pop("kind", PUBLIC_THREAD)
        state = Thread(parent=parent.id, owner=owner, archived_at=now, created=now, **more)
        state.starter = starter.id if starter else None
        state.members[owner] = now
        identity = starter.id if starter else self.clock.snowflake()
        thread = Channel(id=identity, type=kind, name=name, guild=parent.guild, thread=state)
        self.channels[thread.id] = thread
        self.messages[thread.id] = []
        if starter is not None:
            starter.flags |= HAS_THREAD
        if parent.type in FORUMS:
            parent.last_message = thread.id
        return thread

    # --- looking up ---------------------------------------------------------------------------------------
    def user(self, user: str) -> User:
        """A person.

        Raises:
            Refused: 10013.
        """
        if user not in self.users:
            raise Refused(10013)
        return self.users[user]

    def channel(self, channel: str) -> Channel:
        """A channel.

        Raises:
            Refused: 10003.
        """
        if channel not in self.channels:
            raise Refused(10003)
        return self.channels[channel]

    def find(self, channel: str, message: str) -> Message | None:
        """A message that still exists, also one shown to somebody alone."""
        for one in self.messages.get(channel, []):
            if one.id == message and not one.deleted:
                return one
        return None

    def message(self, channel: str, message: str) -> Message:
        """A message of a channel's history.

        Raises:
            Refused: 10008.
        """
        found = self.find(channel, message)
        if found is None or found.ephemeral_to is not None:
            raise Refused(10008)
        return found

    def history(self, channel: str) -> list[Message]:
        """What stands in a channel, oldest first."""
        kept = [one for one in self.messages.get(channel, []) if not one.deleted and one.ephemeral_to is None]
        return sorted(kept, key=lambda one: int(one.id))

    def threads(self, guild: str | None = None, parent: str | None = None) -> list[Channel]:
        """Threads, archived ones included."""
        return [
            one
            for one in self.channels.values()
            if one.thread is not None and guild in (None, one.guild) and parent in (None, one.thread.parent)
        ]

    def thread(self, channel: str) -> Thread:
        """What a thread has beyond a channel.

        Raises:
            Impossible: when it is no thread.
        """
        found = self.channel(channel).thread
        if found is None:
            raise ImpossibleActionError(f"{channel} is no thread")
        return found

    def counted(self, channel: Channel) -> int:
        """How many messages Discord says a thread has: without the one it starts from."""
        return sum(one.type != STARTER and one.id != channel.id for one in self.history(channel.id))
