"""What people do: they write, change, delete, react, open threads, come and go, and run their servers."""

from __future__ import annotations

from typing import Any

from tests.fakes.discord import permissions
from tests.fakes.discord.discord import FakeDiscord
from tests.fakes.discord.draft import Draft, uploaded
from tests.fakes.discord.models import DM, Channel, Guild, Json, Member, Message, Overwrite
from tests.fakes.platform.errors import ImpossibleActionError


class People:
    """Each method is one thing a person does; what Discord's own client would not let them do is refused."""

    def __init__(self, discord: FakeDiscord) -> None:
        self.discord = discord
        self.world = discord.world

    # --- messages -----------------------------------------------------------------------------------------
    def post(self, user: str, channel: str, text: str = "", **more: Any) -> Message:
        """Write. `files`, `embeds`, `reply_to`, `ping`, `forward` (channel, message), `flags`, `kind`, `age`,
        `lacks`."""
        where = self.seen(user, channel)
        draft = Draft(content=text, uploads=uploaded(more.get("files") or []), embeds=more.get("embeds") or [])
        draft.flags = int(more.get("flags") or 0)
        if more.get("reply_to"):
            draft.reference = {"channel_id": channel, "message_id": more["reply_to"]}
            if not more.get("ping", True):
                draft.allowed = {"parse": ["users", "roles", "everyone"], "replied_user": False}
        if more.get("forward"):
            source, message = more["forward"]
            draft.reference = {"type": 1, "channel_id": source, "message_id": message}
        age = float(more.get("age") or 0.0)
        with self.discord.gateway.losing(bool(age)):
            kind, lacks = more.get("kind"), more.get("lacks")
            return self.discord.writing.create(user, where, draft, "person", kind=kind, age=age, lacks=lacks)

    def edit(self, user: str, channel: str, message: str, text: str) -> Message:
        """Change one's own message."""
        found = self._own(user, channel, message)
        return self.discord.writing.edit(found, Draft(content=text, given=frozenset(["content"])), "person")

    def delete(self, user: str, channel: str, message: str) -> None:
        """Delete one's own message; with `manage_messages`, anybody's."""
        where = self.seen(user, channel)
        found = self.world.message(channel, message)
        if found.author != user and not permissions.may(self.world, user, where, "manage_messages"):
            raise ImpossibleActionError(f"{user} may not delete {message}")
        self.discord.writing.delete([found])

    def delete_many(self, channel: str, messages: list[str]) -> None:
        """A moderator's bulk deletion."""
        self.discord.writing.delete([self.world.message(channel, one) for one in messages], bulk=True)

    def unfurl(self, channel: str, message: str, title: str, url: str) -> None:
        """Let Discord add a link's preview: MESSAGE_UPDATE, but nobody edited anything."""
        found = self.world.message(channel, message)
        found.embeds = [*found.embeds, {"type": "link", "title": title, "url": url}]
        self.discord.events.message_update(found)

    def react(self, user: str, channel: str, message: str, emoji: str, remove: bool = False) -> None:
        """Put an emoji on a message, or take it away."""
        self.seen(user, channel)
        self.discord.react(self.world.message(channel, message), user, emoji, remove=remove)

    def typing(self, user: str, channel: str) -> None:
        """Begin to type."""
        self.discord.events.typing(user, self.seen(user, channel))

    def presence(self, user: str, guild: str, status: str) -> None:
        """Come online, go idle, leave."""
        self.discord.events.presence(guild, user, status)

    # --- threads ------------------------------------------------------------------------------------------
    def start_thread(self, user: str, channel: str, name: str, message: str | None = None, **more: Any) -> Channel:
        """Open a thread from a message, or without one."""
        starter = self.world.message(channel, message) if message else None
        body = {"name": name, "type": 11, **more}
        return self.discord.threads.start(user, self.seen(user, channel), body, starter, "person")

    def open_post(self, user: str, forum: str, title: str, text: str = "", **more: Any) -> Message:
        """Open a post in a forum or media channel: a thread, and its first message under the same id. `files`."""
        draft = Draft(content=text, uploads=uploaded(more.get("files") or []))
        return self.discord.threads.post(user, self.seen(user, forum), {"name": title}, draft, "person")

    def change_thread(self, user: str, thread: str, changes: Json) -> Channel:
        """`archived`, `locked`, `name`, `auto_archive_duration`."""
        return self.discord.threads.change(user, self.seen(user, thread), changes, "person")

    def join_thread(self, user: str, thread: str) -> None:
        """Come into a thread; the bot is added by somebody."""
        self.discord.threads.join(user, self.world.channel(thread))

    def leave_thread(self, user: str, thread: str) -> None:
        """Leave a thread."""
        self.discord.threads.leave(user, self.world.channel(thread))

    # --- channels and servers -----------------------------------------------------------------------------
    def change_channel(self, channel: str, changes: Json) -> Channel:
        """`name`, `topic`."""
        found = self.world.channel(channel)
        for name, value in changes.items():
            setattr(found, name, value)
        self.discord.events.channel("CHANNEL_UPDATE", found)
        return found

    def overwrite(self, channel: str, target: str, allow: list[str], deny: list[str]) -> Channel:
        """Allow and deny something in a channel to a role or a member."""
        found = self.world.channel(channel)
        guild = self._guild(found.guild)
        given = Overwrite(
            id=target,
            type=0 if target in guild.roles else 1,
            allow=permissions.bits(*allow),
            deny=permissions.bits(*deny),
        )
        found.overwrites = [*(one for one in found.overwrites if one.id != target), given]
        self.discord.events.channel("CHANNEL_UPDATE", found)
        return found

    def delete_channel(self, channel: str) -> None:
        """Delete a channel or a thread for good."""
        self.discord.remove_channel(self.world.channel(channel))

    def join(self, user: str, guild: str, nick: str | None = None, roles: list[str] | None = None) -> Member:
        """Come into a server; with the bot's id, the bot is invited."""
        member = self.world.add_member(guild, user, nick, roles)
        if user == self.world.bot:
            self.discord.events.guild_create(self._guild(guild), back=False)
        else:
            self.discord.events.member("GUILD_MEMBER_ADD", guild, user)
        return member

    def leave(self, user: str, guild: str) -> None:
        """Leave a server; with the bot's id, the bot is removed."""
        found = self._guild(guild)
        if user == self.world.bot:
            self.discord.events.guild_delete(found, unavailable=False)
        else:
            self.discord.events.member("GUILD_MEMBER_REMOVE", guild, user)
        found.members.pop(user, None)

    def change_member(self, guild: str, user: str, changes: Json) -> Member:
        """`nick`, `roles`."""
        member = self._guild(guild).members[user]
        for name, value in changes.items():
            setattr(member, name, value)
        self.discord.events.member("GUILD_MEMBER_UPDATE", guild, user)
        return member

    def change_role(self, guild: str, role: str, allow: list[str], deny: list[str]) -> None:
        """Give permissions to a role, and take some away; the server's id is the role of everybody."""
        found = self._guild(guild).roles[role]
        found.permissions = found.permissions & ~permissions.bits(*deny) | permissions.bits(*allow)
        self.discord.events.role("GUILD_ROLE_UPDATE", guild, role)

    def outage(self, guild: str, unavailable: bool) -> None:
        """Let a server be unavailable for a while."""
        found = self._guild(guild)
        found.unavailable = unavailable
        if unavailable:
            self.discord.events.guild_delete(found, unavailable=True)
        else:
            self.discord.events.guild_create(found, back=True)

    # --- what they see ------------------------------------------------------------------------------------
    def seen(self, user: str, channel: str) -> Channel:
        """A channel that this person sees.

        Raises:
            Impossible: when they do not.
        """
        found = self.world.channel(channel)
        if found.type == DM and user not in found.recipients:
            raise ImpossibleActionError(f"{user} is not in {channel}")
        if not permissions.may(self.world, user, found, "view_channel"):
            raise ImpossibleActionError(f"{user} does not see {channel}")
        return found

    def _own(self, user: str, channel: str, message: str) -> Message:
        self.seen(user, channel)
        found = self.world.message(channel, message)
        if found.author != user:
            raise ImpossibleActionError(f"{message} is not {user}'s")
        self.discord.writing.in_open_thread(self.world.channel(channel))
        return found

    def _guild(self, guild: str | None) -> Guild:
        if guild not in self.world.guilds:
            raise ImpossibleActionError(f"there is no server {guild}")
        return self.world.guilds[guild]
