"""Actions of users: write, edit, delete, create threads, join and leave, and manage their servers."""

from __future__ import annotations

from typing import Any

from tests.fakes.discord import permissions
from tests.fakes.discord.discord import FakeDiscord
from tests.fakes.discord.message_payload import MessagePayload, decode_files
from tests.fakes.discord.models import DM, TEXT, Channel, Guild, Json, Member, Message, Overwrite, Role, User
from tests.fakes.platform.errors import ImpossibleActionError


class UserActions:
    """One method per action.

    Raises:
        ImpossibleActionError: Discord's client would not let the user do it.
        ApiError: Discord rejects it.
    """

    def __init__(self, discord: FakeDiscord) -> None:
        self.discord = discord
        self._state = discord.state
        self._events = discord.events

    # --- servers ------------------------------------------------------------------------------------------
    def add_user(self, username: str, fields: Json) -> User:
        """Add a user."""
        return self._state.add_user(username, **fields)

    def add_guild(self, name: str, owner: str | None, bot: bool, permissions: list[str]) -> Guild:
        """Add a server; with `bot`, add the bot to it, with a role that has these permissions."""
        guild = self._state.add_guild(name, owner or self._state.owner)
        if bot:
            role = self._state.add_role(guild.id, "threadwell", permissions, managed=True)
            self._state.add_member(guild.id, self._state.bot, [role.id])
            self._events.guild_create(guild)
        return guild

    def add_role(self, guild: str, name: str, permissions: list[str], fields: Json) -> Role:
        """Add a role."""
        role = self._state.add_role(guild, name, permissions, **fields)
        self._events.role("GUILD_ROLE_CREATE", self._state.guild(guild), role.id)
        return role

    def add_channel(self, guild: str, name: str, type: int = TEXT, omitted_fields: list[str] | None = None) -> Channel:
        """Add a channel."""
        channel = self._state.add_channel(guild, name, type, omitted_fields=omitted_fields or [])
        self._events.channel("CHANNEL_CREATE", channel)
        return channel

    def add_emoji(self, guild: str, name: str) -> str:
        """Add an emoji to a server, and return its id."""
        emoji = {"id": self._state.clock.snowflake(), "name": name, "animated": False, "available": True}
        found = self._state.guild(guild)
        found.emojis.append({**emoji, "roles": [], "require_colons": True, "managed": False})
        self._events.emojis_update(found)
        return str(emoji["id"])

    def join(self, user: str, guild: str, roles: list[str]) -> Member:
        """Join a server; with the bot's id, the bot is added."""
        member = self._state.add_member(guild, user, roles)
        if user == self._state.bot:
            self._events.guild_create(self._state.guild(guild))
        return member

    def leave(self, user: str, guild: str) -> None:
        """Leave a server; with the bot's id, the bot is removed."""
        if user == self._state.bot:
            self._events.guild_delete(guild)
        self._state.guild(guild).members.pop(user, None)

    def change_member(self, guild: str, user: str, changes: Json) -> Member:
        """Change `nick` or `roles` of a member."""
        found = self._state.guild(guild)
        for name, value in changes.items():
            setattr(found.members[user], name, value)
        if user == self._state.bot:
            self._events.bot_update(found)
        return found.members[user]

    def change_role(self, guild: str, role: str, allow: list[str], deny: list[str]) -> None:
        """Add and remove permissions of a role; the server's id is the role @everyone."""
        found = self._state.guild(guild)
        value = found.roles[role].permissions
        found.roles[role].permissions = value & ~permissions.bits(*deny) | permissions.bits(*allow)
        self._events.role("GUILD_ROLE_UPDATE", found, role)

    def set_overwrite(self, channel: str, target: str, allow: list[str], deny: list[str]) -> None:
        """Set the overwrite of a role or member in a channel."""
        found = self._state.channel(channel)
        overwrite = Overwrite(
            id=target,
            type=0 if target in self._state.guild(found.guild).roles else 1,
            allow=permissions.bits(*allow),
            deny=permissions.bits(*deny),
        )
        found.overwrites = [*(other for other in found.overwrites if other.id != target), overwrite]
        self._events.channel("CHANNEL_UPDATE", found)

    def delete_channel(self, channel: str) -> None:
        """Delete a channel with its threads, or a thread."""
        found = self._state.channel(channel)
        for thread in self._state.threads(channel):
            del self._state.channels[thread.id]
        if found.thread is not None:
            self._events.thread_delete(found)
        else:
            self._events.channel("CHANNEL_DELETE", found)
        del self._state.channels[channel]

    # --- messages -----------------------------------------------------------------------------------------
    def post(
        self,
        user: str,
        channel: str,
        text: str = "",
        *,
        files: list[Json] | None = None,
        embeds: list[Json] | None = None,
        reply_to: str | None = None,
        ping: bool = True,
        forward: tuple[str, str] | None = None,
        age: float = 0.0,
        **fields: Any,
    ) -> Message:
        """Write a message; the arguments are those of `DiscordControl.post`."""
        where = self.visible_channel(user, channel)
        payload = MessagePayload(content=text, uploads=decode_files(files or []), embeds=embeds or [])
        if reply_to is not None:
            payload.reference = {"channel_id": channel, "message_id": reply_to}
            if not ping:
                payload.allowed_mentions = {"parse": ["users", "roles", "everyone"], "replied_user": False}
        if forward is not None:
            payload.reference = {"type": 1, "channel_id": forward[0], "message_id": forward[1]}
        with self.discord.gateway.dropping_events(bool(age)):
            return self.discord.messages.create(user, where, payload, "user", age=age, **fields)

    def edit(self, user: str, channel: str, message: str, text: str) -> Message:
        """Edit an own message."""
        where = self.visible_channel(user, channel)
        found = self._state.message(channel, message)
        if found.author != user:
            raise ImpossibleActionError(f"{user} did not write the message {message}")
        self.discord.messages.check_not_archived(where)
        return self.discord.messages.edit(found, MessagePayload(content=text, present=frozenset(["content"])), "user")

    def delete(self, user: str, channel: str, message: str) -> None:
        """Delete an own message or, with `manage_messages`, any message."""
        where = self.visible_channel(user, channel)
        found = self._state.message(channel, message)
        if found.author != user and not permissions.has(self._state, user, where, "manage_messages"):
            raise ImpossibleActionError(f"{user} may not delete the message {message}")
        self.discord.messages.delete([found])

    def bulk_delete(self, channel: str, messages: list[str]) -> None:
        """Delete several messages at once, as a moderator."""
        self.discord.messages.delete([self._state.message(channel, id) for id in messages], bulk=True)

    def unfurl(self, channel: str, message: str, title: str, url: str) -> None:
        """Let Discord add a link's preview: MESSAGE_UPDATE without an edit."""
        found = self._state.message(channel, message)
        found.embeds = [*found.embeds, {"type": "link", "title": title, "url": url}]
        self._events.message("MESSAGE_UPDATE", found)

    # --- threads ------------------------------------------------------------------------------------------
    def start_thread(self, user: str, channel: str, name: str, message: str | None = None) -> Channel:
        """Create a thread, from a message or without one."""
        starter = self._state.message(channel, message) if message else None
        return self.discord.threads.create(user, self.visible_channel(user, channel), name, starter, "user")

    def create_forum_post(
        self, user: str, forum: str, title: str, text: str = "", files: list[Json] | None = None
    ) -> Message:
        """Create a post in a forum or media channel."""
        payload = MessagePayload(content=text, uploads=decode_files(files or []))
        return self.discord.threads.create_forum_post(user, self.visible_channel(user, forum), title, payload, "user")

    def change_thread(self, user: str, thread: str, changes: Json) -> Channel:
        """Change `archived`, `locked` or `name` of a thread."""
        return self.discord.threads.change(user, self.visible_channel(user, thread), changes, "user")

    def visible_channel(self, user: str, channel: str) -> Channel:
        """Return a channel that a user sees.

        Raises:
            ImpossibleActionError: the user does not see it.
        """
        found = self._state.channel(channel)
        is_member = found.type != DM or user in found.recipients
        if not is_member or not permissions.has(self._state, user, found, "view_channel"):
            raise ImpossibleActionError(f"{user} does not see the channel {channel}")
        return found
