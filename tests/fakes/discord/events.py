"""Build the gateway's events and dispatch those that the bot may see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.discord import permissions
from tests.fakes.discord.gateway import intents
from tests.fakes.discord.models import Channel, Guild, Json, Message

if TYPE_CHECKING:
    from tests.fakes.discord.discord import FakeDiscord
    from tests.fakes.discord.gateway.sessions import GatewaySession


class Events:
    """One method per event."""

    def __init__(self, discord: FakeDiscord) -> None:
        self._discord = discord
        self._state = discord.state
        self._serializer = discord.serializer

    def ready(self, session: GatewaySession, url: str) -> None:
        """READY with the ids of the servers, then GUILD_CREATE for each of them."""
        state, record = self._state, session.record
        guilds = [guild for guild in state.guilds.values() if state.bot in guild.members]
        data: Json = {
            "v": 10,
            "user": self._serializer.user(state.bot),
            "guilds": [{"id": guild.id, "unavailable": True} for guild in guilds],
            "session_id": record.id,
            "resume_gateway_url": url,
            "shard": record.shard or [0, 1],
            "application": {"id": state.application, "flags": self._discord.application_flags()},
            "private_channels": [],
        }
        gateway = self._discord.gateway
        gateway.send_event(session, "READY", data)
        for guild in guilds:
            if record.intents & intents.GUILDS:
                available = {**self._serializer.guild_create(guild), "unavailable": False}
                gateway.send_event(session, "GUILD_CREATE", available)

    def _dispatch_if_visible(self, type: str, data: Json, intent: int, channel: Channel) -> None:
        """Dispatch an event of a channel if the bot sees the channel."""
        if permissions.has(self._state, self._state.bot, channel, "view_channel"):
            data = {**data, **({"guild_id": channel.guild} if channel.guild else {})}
            self._discord.gateway.dispatch(type, lambda _: data, intent, channel.guild)

    # --- messages -----------------------------------------------------------------------------------------
    def message(self, type: str, message: Message) -> None:
        """MESSAGE_CREATE, or MESSAGE_UPDATE for edits and for what Discord adds by itself."""
        channel = self._state.channels[message.channel]
        if message.ephemeral_to is not None:
            self._ephemeral_message(type, message)
            return
        if not permissions.has(self._state, self._state.bot, channel, "view_channel"):
            return

        def build(wanted: int) -> Json:
            with_content = bool(wanted & intents.CONTENT) or self.is_readable_without_intent(message)
            return self._serializer.message(message, gateway=True, with_content=with_content)

        self._discord.gateway.dispatch(type, build, intents.messages(channel.guild), channel.guild)

    def _ephemeral_message(self, type: str, message: Message) -> None:
        """The application receives its own ephemeral messages like direct messages: without the server, and for the
        intent of direct messages (discord-api-docs, issue 4557)."""
        data = self._serializer.message(message, gateway=True)
        for name in ("guild_id", "member"):
            data.pop(name, None)
        self._discord.gateway.dispatch(type, lambda _: data, intents.messages(None))

    def is_readable_without_intent(self, message: Message) -> bool:
        """Return whether an application without the Message Content intent gets a message's content."""
        bot, channel = self._state.bot, self._state.channels[message.channel]
        return channel.guild is None or message.author == bot or bot in message.mentions

    def message_delete(self, messages: list[Message], *, bulk: bool) -> None:
        """MESSAGE_DELETE for each message, or MESSAGE_DELETE_BULK."""
        channel = self._state.channels[messages[0].channel]
        intent = intents.messages(channel.guild)
        ids = [message.id for message in messages]
        if bulk:
            self._dispatch_if_visible("MESSAGE_DELETE_BULK", {"ids": ids, "channel_id": channel.id}, intent, channel)
            return
        for id in ids:
            self._dispatch_if_visible("MESSAGE_DELETE", {"id": id, "channel_id": channel.id}, intent, channel)

    # --- channels and threads -----------------------------------------------------------------------------
    def channel(self, type: str, channel: Channel) -> None:
        """CHANNEL_CREATE, CHANNEL_UPDATE or CHANNEL_DELETE. A bot gets them for channels that it does not see, too."""
        data = self._serializer.channel(channel)
        self._discord.gateway.dispatch(type, lambda _: data, intents.GUILDS, channel.guild)

    def thread_create(self, thread: Channel) -> None:
        """THREAD_CREATE."""
        data = {**self._serializer.channel(thread), "newly_created": True}
        self._dispatch_if_visible("THREAD_CREATE", data, intents.GUILDS, thread)

    def thread_update(self, thread: Channel) -> None:
        """THREAD_UPDATE: archived, reopened, locked, renamed."""
        self._dispatch_if_visible("THREAD_UPDATE", self._serializer.channel(thread), intents.GUILDS, thread)

    def thread_delete(self, thread: Channel) -> None:
        """THREAD_DELETE."""
        assert thread.thread is not None
        data = {"id": thread.id, "parent_id": thread.thread.parent, "type": thread.type}
        self._dispatch_if_visible("THREAD_DELETE", data, intents.GUILDS, thread)

    # --- servers and members ------------------------------------------------------------------------------
    def guild_create(self, guild: Guild) -> None:
        """GUILD_CREATE: the bot was added to a server."""
        data = self._serializer.guild_create(guild)
        self._discord.gateway.dispatch("GUILD_CREATE", lambda _: data, intents.GUILDS, guild.id)

    def guild_delete(self, guild: str) -> None:
        """GUILD_DELETE: the bot was removed from a server."""
        self._discord.gateway.dispatch("GUILD_DELETE", lambda _: {"id": guild}, intents.GUILDS, guild)

    def bot_update(self, guild: Guild) -> None:
        """GUILD_MEMBER_UPDATE of the bot, the only member that an application without the members intent gets."""
        data = {**self._serializer.member(guild.members[self._state.bot]), "guild_id": guild.id}
        self._discord.gateway.dispatch("GUILD_MEMBER_UPDATE", lambda _: data, intents.GUILDS, guild.id)

    def role(self, type: str, guild: Guild, role: str) -> None:
        """GUILD_ROLE_CREATE or GUILD_ROLE_UPDATE."""
        data = {"guild_id": guild.id, "role": self._serializer.role(guild.roles[role])}
        self._discord.gateway.dispatch(type, lambda _: data, intents.GUILDS, guild.id)

    def emojis_update(self, guild: Guild) -> None:
        """GUILD_EMOJIS_UPDATE."""
        data: Json = {"guild_id": guild.id, "emojis": guild.emojis}
        self._discord.gateway.dispatch("GUILD_EMOJIS_UPDATE", lambda _: data, guild=guild.id)

    def interaction(self, data: Json) -> None:
        """INTERACTION_CREATE, which needs no intent."""
        self._discord.gateway.dispatch("INTERACTION_CREATE", lambda _: data, guild=data.get("guild_id"))
