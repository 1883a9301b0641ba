"""The events of the gateway, made for what a session may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.discord import permissions
from tests.fakes.discord.gateway import intents
from tests.fakes.discord.models import Channel, Guild, Json, Message
from tests.fakes.discord.render import emoji

if TYPE_CHECKING:
    from tests.fakes.discord.discord import FakeDiscord
    from tests.fakes.discord.gateway.sessions import Live


class Events:
    """One method an event. What the bot cannot see is not told to it."""

    def __init__(self, discord: FakeDiscord) -> None:
        self._discord = discord
        self._world = discord.world
        self._render = discord.render

    def ready(self, live: Live, url: str) -> None:
        """READY with the names of the servers, and then each of them."""
        guilds = [one for one in self._world.guilds.values() if self._world.bot in one.members]
        flags = self._discord.application_flags()
        data: Json = {
            "v": 10,
            "user": self._render.user(self._world.users[self._world.bot]),
            "guilds": [{"id": one.id, "unavailable": True} for one in guilds],
            "session_id": live.record.id,
            "resume_gateway_url": url,
            "shard": live.record.shard or [0, 1],
            "application": {"id": self._world.application, "flags": flags},
            "private_channels": [],
        }
        gateway = self._discord.gateway
        gateway.give(live, "READY", data)
        for guild in guilds:
            members = bool(live.record.intents & intents.MEMBERS)
            if live.record.intents & intents.GUILDS and not guild.unavailable:
                told = {**self._render.guild_create(guild, members), "unavailable": False}
                gateway.give(live, "GUILD_CREATE", told)

    def _tell(self, kind: str, data: Json, intent: int, channel: Channel) -> None:
        if permissions.may(self._world, self._world.bot, channel, "view_channel"):
            told = {**data, **({"guild_id": channel.guild} if channel.guild else {})}
            self._discord.gateway.dispatch(kind, lambda _: told, intent, channel.guild)

    # --- messages -----------------------------------------------------------------------------------------
    def message_create(self, message: Message) -> None:
        """MESSAGE_CREATE."""
        self._message("MESSAGE_CREATE", message)

    def message_update(self, message: Message) -> None:
        """MESSAGE_UPDATE, for edits and for what Discord adds by itself."""
        self._message("MESSAGE_UPDATE", message)

    def _message(self, kind: str, message: Message) -> None:
        channel = self._world.channels[message.channel]
        if not permissions.may(self._world, self._world.bot, channel, "view_channel"):
            return
        if channel.guild and self._world.guilds[channel.guild].unavailable:
            return

        def build(wanted: int) -> Json:
            open_ = bool(wanted & intents.CONTENT) or self.readable(message)
            return self._render.message(message, gateway=True, content=open_)

        self._discord.gateway.dispatch(kind, build, intents.messages(channel.guild), channel.guild)

    def ephemeral(self, kind: str, message: Message) -> None:
        """What the application itself wrote to one person is told to it as if it had been said directly: without the
        server, and for the intent of direct messages (discord-api-docs, issue 4557)."""
        told = self._render.message(message, gateway=True)
        for name in ("guild_id", "member"):
            told.pop(name, None)
        self._discord.gateway.dispatch(kind, lambda _: told, intents.messages(None))

    def readable(self, message: Message) -> bool:
        """Whether its text reaches an app without the Message Content intent."""
        bot, channel = self._world.bot, self._world.channels[message.channel]
        return channel.guild is None or message.author == bot or bot in message.mentions

    def message_delete(self, messages: list[Message], *, bulk: bool) -> None:
        """MESSAGE_DELETE for each, or MESSAGE_DELETE_BULK."""
        channel = self._world.channels[messages[0].channel]
        intent = intents.messages(channel.guild)
        if bulk:
            ids = [one.id for one in messages]
            self._tell("MESSAGE_DELETE_BULK", {"ids": ids, "channel_id": channel.id}, intent, channel)
            return
        for one in messages:
            self._tell("MESSAGE_DELETE", {"id": one.id, "channel_id": channel.id}, intent, channel)

    def reaction(self, message: Message, user: str, name: str, *, remove: bool) -> None:
        """MESSAGE_REACTION_ADD or MESSAGE_REACTION_REMOVE."""
        channel = self._world.channels[message.channel]
        data: Json = {"user_id": user, "channel_id": channel.id, "message_id": message.id, "emoji": emoji(name)}
        data.update(burst=False, type=0)
        if channel.guild and not remove and user in self._world.guilds[channel.guild].members:
            member = self._world.guilds[channel.guild].members[user]
            data.update(member=self._render.member(channel.guild, member), message_author_id=message.author)
        kind = "MESSAGE_REACTION_REMOVE" if remove else "MESSAGE_REACTION_ADD"
        self._tell(kind, data, intents.reactions(channel.guild), channel)

    def typing(self, user: str, channel: Channel) -> None:
        """TYPING_START."""
        data: Json = {"channel_id": channel.id, "user_id": user, "timestamp": int(self._world.clock.now())}
        if channel.guild:
            member = self._world.guilds[channel.guild].members[user]
            data["member"] = self._render.member(channel.guild, member)
        self._tell("TYPING_START", data, intents.typing(channel.guild), channel)

    # --- channels and threads -----------------------------------------------------------------------------
    def channel(self, kind: str, channel: Channel) -> None:
        """CHANNEL_CREATE, CHANNEL_UPDATE or CHANNEL_DELETE: a bot is told of every channel, seen or not."""
        told = self._render.channel(channel)
        self._discord.gateway.dispatch(kind, lambda _: told, intents.GUILDS, channel.guild)

    def thread_create(self, thread: Channel, *, new: bool = True) -> None:
        """THREAD_CREATE of a new thread, or of one that the bot was added to."""
        data = {**self._render.channel(thread), **({"newly_created": True} if new else {})}
        self._tell("THREAD_CREATE", data, intents.GUILDS, thread)

    def thread_update(self, thread: Channel) -> None:
        """THREAD_UPDATE: archived, opened, locked, renamed."""
        self._tell("THREAD_UPDATE", self._render.channel(thread), intents.GUILDS, thread)

    def thread_delete(self, thread: Channel) -> None:
        """THREAD_DELETE."""
        assert thread.thread is not None
        data = {"id": thread.id, "parent_id": thread.thread.parent, "type": thread.type}
        self._tell("THREAD_DELETE", data, intents.GUILDS, thread)

    def thread_members(self, thread: Channel, added: list[str], removed: list[str]) -> None:
        """THREAD_MEMBERS_UPDATE; without the members intent an app learns only of itself."""
        assert thread.thread is not None
        count = min(50, len(thread.thread.members))

        def build(wanted: int) -> Json:
            only = None if wanted & intents.MEMBERS else [self._world.bot]
            joined = [self._render.thread_member(thread, one) for one in added if only is None or one in only]
            gone = [one for one in removed if only is None or one in only]
            told: Json = {"id": thread.id, "guild_id": thread.guild, "member_count": count}
            return {**told, "added_members": joined, "removed_member_ids": gone}

        mine = self._world.bot in (*added, *removed)
        intent = intents.GUILDS if mine else intents.MEMBERS
        self._discord.gateway.dispatch("THREAD_MEMBERS_UPDATE", build, intent, thread.guild)

    # --- servers and members ------------------------------------------------------------------------------
    def guild_create(self, guild: Guild, *, back: bool) -> None:
        """GUILD_CREATE: the bot was invited, or (`back`) the server is available again, and says so."""

        def build(wanted: int) -> Json:
            told = self._render.guild_create(guild, bool(wanted & intents.MEMBERS))
            return {**told, "unavailable": False} if back else told

        self._discord.gateway.dispatch("GUILD_CREATE", build, intents.GUILDS, guild.id)

    def guild_delete(self, guild: Guild, *, unavailable: bool) -> None:
        """GUILD_DELETE: the bot was removed, or (`unavailable`) Discord has trouble."""
        data: Json = {"id": guild.id, **({"unavailable": True} if unavailable else {})}
        self._discord.gateway.dispatch("GUILD_DELETE", lambda _: data, intents.GUILDS, guild.id)

    def member(self, kind: str, guild: str, user: str) -> None:
        """GUILD_MEMBER_ADD, _UPDATE or _REMOVE; a change of the bot itself needs no intent."""
        if kind == "GUILD_MEMBER_REMOVE":
            data: Json = {"user": self._render.user(self._world.users[user])}
        else:
            data = self._render.member(guild, self._world.guilds[guild].members[user])
        told = {**data, "guild_id": guild}
        intent = intents.GUILDS if user == self._world.bot else intents.MEMBERS
        self._discord.gateway.dispatch(kind, lambda _: told, intent, guild)

    def role(self, kind: str, guild: str, role: str) -> None:
        """GUILD_ROLE_CREATE or GUILD_ROLE_UPDATE."""
        told = {"guild_id": guild, "role": self._render.role(self._world.guilds[guild].roles[role])}
        self._discord.gateway.dispatch(kind, lambda _: told, intents.GUILDS, guild)

    def presence(self, guild: str, user: str, status: str) -> None:
        """PRESENCE_UPDATE."""
        told: Json = {"user": {"id": user}, "guild_id": guild, "status": status, "activities": []}
        told["client_status"] = {"desktop": status}
        self._discord.gateway.dispatch("PRESENCE_UPDATE", lambda _: told, intents.PRESENCES, guild)

    def interaction(self, data: Json) -> None:
        """INTERACTION_CREATE, which needs no intent."""
        self._discord.gateway.dispatch("INTERACTION_CREATE", lambda _: data, guild=data.get("guild_id"))

    def raw(self, kind: str, data: Json, guild: str | None) -> None:
        """Anything else."""
        told: dict[str, Any] = data
        self._discord.gateway.dispatch(kind, lambda _: told, guild=guild)
