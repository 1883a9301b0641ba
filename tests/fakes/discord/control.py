"""Driving the fake from a test, in whatever process either of them runs."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from tests.fakes.discord.models import (
    TEXT,
    Attachment,
    Call,
    Channel,
    Command,
    Event,
    Fault,
    FaultKind,
    Guild,
    Interaction,
    Json,
    Member,
    Message,
    Role,
    Session,
    User,
)
from tests.fakes.platform.control import TIMEOUT, Control

BOT_PERMISSIONS = (
    *("view_channel", "send_messages", "send_messages_in_threads", "read_message_history", "create_public_threads"),
    *("attach_files", "embed_links", "add_reactions", "use_application_commands"),
)
"""What the bot is invited with, unless told otherwise."""


def make_file(name: str, content: bytes, kind: str | None = None) -> Json:
    """A file for `post(files=[…])`."""
    return {"name": name, "content": base64.b64encode(content).decode(), "type": kind}


class DiscordControl(Control):
    """Makes people do things in the fake, makes things go wrong, and asks what happened.

    `url` is the server's. `connect()` first: it learns who the bot is. Every verb by which people do something takes
    `silent=True`: it happens, but its event reaches nobody, as between two gateway sessions.

    Raises:
        Impossible: from any verb, when nobody could do that in Discord.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.api_url = f"{url}/api/v10"
        self.gateway_url = f"{url.replace('http', 'ws', 1)}/gateway"
        self.bot = self.application = self.owner = self.token = ""

    async def connect(self) -> DiscordControl:
        """Learn the application and its bot."""
        for name, value in (await self._call("about")).items():
            setattr(self, name, value)
        return self

    def env(self) -> dict[str, str]:
        """The settings by which a bot talks to this Discord."""
        return {
            "DISCORD_TOKEN": self.token,
            "DISCORD_API_URL": self.api_url,
            "DISCORD_GATEWAY_URL": self.gateway_url,
        }

    # --- the world ----------------------------------------------------------------------------------------
    async def add_user(self, username: str, **more: Any) -> User:
        """A person (`global_name`, `dms`) or another bot (`bot`)."""
        return User.model_validate(await self._call("add_user", username=username, more=more))

    async def change_user(self, user: str, **changes: Any) -> User:
        """Change a person: `global_name`, `dms` (False: takes no direct messages)."""
        return User.model_validate(await self._call("change_user", user=user, changes=changes))

    async def add_guild(
        self, name: str, owner: str | None = None, *, bot: bool = True, permissions: tuple[str, ...] = BOT_PERMISSIONS
    ) -> Guild:
        """A server, with the bot in it (by a role of its own) unless told otherwise."""
        given = {"name": name, "owner": owner, "bot": bot, "permissions": list(permissions)}
        return Guild.model_validate(await self._call("add_guild", **given))

    async def add_role(self, guild: str, name: str, *permissions: str, **more: Any) -> Role:
        """A role (`mentionable`)."""
        given = {"guild": guild, "name": name, "permissions": list(permissions), "more": more}
        return Role.model_validate(await self._call("add_role", **given))

    async def add_channel(self, guild: str, name: str, kind: int = TEXT, **more: Any) -> Channel:
        """A channel (`topic`, `overwrites`; `lacks`: names of what Discord forgets to tell of it)."""
        return Channel.model_validate(await self._call("add_channel", guild=guild, name=name, kind=kind, more=more))

    async def add_emoji(self, guild: str, name: str) -> str:
        """An emoji of a server; its id."""
        return str(await self._call("add_emoji", guild=guild, name=name))

    async def open_dm(self, user: str) -> Channel:
        """The direct conversation of a person with the bot."""
        return Channel.model_validate(await self._call("direct", user=user))

    async def join(self, user: str, guild: str, nick: str | None = None, roles: list[str] | None = None) -> Member:
        """Come into a server; with `control.bot`, invite the bot."""
        return Member.model_validate(await self._call("join", user=user, guild=guild, nick=nick, roles=roles))

    async def leave(self, user: str, guild: str, **more: Any) -> None:
        """Leave a server; with `control.bot`, remove the bot."""
        await self._call("leave", user=user, guild=guild, **more)

    async def change_member(self, guild: str, user: str, **changes: Any) -> Member:
        """Change a member's `nick` or `roles`."""
        return Member.model_validate(await self._call("change_member", guild=guild, user=user, changes=changes))

    async def change_role(self, guild: str, role: str, *, allow: list[str] = [], deny: list[str] = []) -> None:  # noqa: B006
        """Give and take permissions; the server's id is the role of everybody."""
        await self._call("change_role", guild=guild, role=role, allow=allow, deny=deny)

    async def overwrite(self, channel: str, target: str, *, allow: list[str] = [], deny: list[str] = []) -> None:  # noqa: B006
        """Allow and deny something in one channel to a role or a member."""
        await self._call("overwrite", channel=channel, target=target, allow=allow, deny=deny)

    async def change_channel(self, channel: str, **changes: Any) -> Channel:
        """Change a channel's `name` or `topic`."""
        return Channel.model_validate(await self._call("change_channel", channel=channel, changes=changes))

    async def delete_channel(self, channel: str, **more: Any) -> None:
        """Delete a channel or a thread for good."""
        await self._call("delete_channel", channel=channel, **more)

    async def outage(self, guild: str, *, unavailable: bool = True) -> None:
        """Let a server be unavailable, or come back."""
        await self._call("outage", guild=guild, unavailable=unavailable)

    # --- what people do -----------------------------------------------------------------------------------
    async def post(self, user: str, channel: str, text: str = "", **more: Any) -> Message:
        """Write. `files=[attached(…)]`, `embeds`, `reply_to` (a message's id; `ping=False`: without notifying),
        `flags`, `forward=(channel, message)`, `kind` (a system message's type); `age`: it was written that
        many seconds ago, and no event of it ever came; `lacks`: names of what Discord forgets to tell of it."""
        return Message.model_validate(await self._call("post", user=user, channel=channel, text=text, **more))

    async def mention(self, user: str, channel: str, text: str, **more: Any) -> Message:
        """Write to the bot by name."""
        return await self.post(user, channel, f"<@{self.bot}> {text}", **more)

    async def edit(self, user: str, channel: str, message: str, text: str, **more: Any) -> Message:
        """Change one's own message."""
        given = {"user": user, "channel": channel, "message": message, "text": text}
        return Message.model_validate(await self._call("edit", **given, **more))

    async def delete(self, user: str, channel: str, message: str, **more: Any) -> None:
        """Delete one's own message; who may manage messages, anybody's."""
        await self._call("delete", user=user, channel=channel, message=message, **more)

    async def bulk_delete(self, channel: str, messages: list[str], **more: Any) -> None:
        """A bulk deletion by a moderator."""
        await self._call("delete_many", channel=channel, messages=messages, **more)

    async def unfurl(self, channel: str, message: str, title: str, url: str) -> None:
        """Let Discord add a link's preview: an update without an edit."""
        await self._call("unfurl", channel=channel, message=message, title=title, url=url)

    async def react(self, user: str, channel: str, message: str, emoji: str, *, remove: bool = False) -> None:
        """Put an emoji (a character, or `name:id`) on a message, or take it away."""
        await self._call("react", user=user, channel=channel, message=message, emoji=emoji, remove=remove)

    async def typing(self, user: str, channel: str) -> None:
        """Begin to type."""
        await self._call("typing", user=user, channel=channel)

    async def presence(self, user: str, guild: str, status: str) -> None:
        """Come online or leave."""
        await self._call("presence", user=user, guild=guild, status=status)

    async def start_thread(
        self, user: str, channel: str, name: str, message: str | None = None, **more: Any
    ) -> Channel:
        """Open a thread, from a message (then it has the message's id) or without one (`type=12`: private)."""
        given = {"user": user, "channel": channel, "name": name, "message": message}
        return Channel.model_validate(await self._call("start_thread", **given, **more))

    async def create_forum_post(self, user: str, forum: str, title: str, text: str = "", **more: Any) -> Message:
        """Open a post in a forum or media channel (`add_channel(…, FORUM)`); gives its first message, whose id is the
        post's own. `files=[attached(…)]`."""
        given = {"user": user, "forum": forum, "title": title, "text": text}
        return Message.model_validate(await self._call("open_post", **given, **more))

    async def change_thread(self, user: str, thread: str, **changes: Any) -> Channel:
        """Change a thread: `archived`, `locked`, `name`, `auto_archive_duration` (minutes)."""
        return Channel.model_validate(await self._call("change_thread", user=user, thread=thread, changes=changes))

    async def join_thread(self, user: str, thread: str) -> None:
        """Come into a thread, or add the bot."""
        await self._call("join_thread", user=user, thread=thread)

    async def leave_thread(self, user: str, thread: str) -> None:
        """Leave a thread, or remove the bot."""
        await self._call("leave_thread", user=user, thread=thread)

    async def run_command(self, user: str, channel: str, name: str, /, **options: Any) -> Interaction:
        """Run a slash command (`"settings persona"`: a subcommand) and wait until the app has answered or deferred.

        `state` is what the person sees: `answered`, `deferred`, or `failed` ("The application did not respond").
        """
        return await self._use("command", user=user, channel=channel, name=name, options=options)

    async def autocomplete(self, user: str, channel: str, name: str, option: str, value: str) -> list[Json]:
        """Type in an option that completes itself; the choices."""
        given = {"user": user, "channel": channel, "name": name, "option": option, "value": value}
        return (await self._use("autocomplete", **given)).choices or []

    async def use_context_menu(self, user: str, channel: str, name: str, target: str) -> Interaction:
        """Use a command in the context menu of a message or of a person."""
        return await self._use("context_menu", user=user, channel=channel, name=name, target=target)

    async def click(self, user: str, channel: str, message: str, button: str) -> Interaction:
        """Press a button that this person sees, by its custom id or its label."""
        return await self._use("press", user=user, channel=channel, message=message, button=button)

    async def select(self, user: str, channel: str, message: str, custom_id: str, values: list[str]) -> Interaction:
        """Choose from a menu."""
        given = {"user": user, "channel": channel, "message": message, "custom_id": custom_id, "values": values}
        return await self._use("select", **given)

    async def submit(self, user: str, interaction: Interaction, /, **values: str) -> Interaction:
        """Fill in the modal that an interaction opened (custom id = value) and send it."""
        return await self._use("submit", user=user, interaction=interaction.id, values=values)

    # --- the application and the rules --------------------------------------------------------------------
    async def configure_app(self, **changes: Any) -> None:
        """Change the application: `message_content`, `members_intent`, `presence_intent`, `token`."""
        await self._call("configure", changes=changes)
        await self.connect()

    async def set_rules(self, **changes: Any) -> None:
        """Change Discord's patience and limits: fields of `Rules` (`buckets={"create_message": (5, 5.0)}`, …)."""
        await self._call("rules", changes=changes)

    # --- faults -------------------------------------------------------------------------------------------
    async def add_fault(self, route: str, kind: FaultKind, **more: Any) -> None:
        """Script a fault of a route by its name (`create_message`; `*`: any); they add up. See `Fault`."""
        await self._call("fault", fault=Fault(route=route, kind=kind, **more).model_dump())

    async def close_sockets(self, code: int = 4000) -> None:
        """Close the gateway connections with a code."""
        await self._call("close_sockets", code=code)

    async def request_reconnect(self) -> None:
        """Ask the clients to come back: op 7."""
        await self._call("reconnect")

    async def invalidate_sessions(self, *, resumable: bool = False) -> None:
        """Invalidate the sessions: op 9."""
        await self._call("invalidate", resumable=resumable)

    async def forget_sessions(self) -> None:
        """Let the sessions be gone: the next RESUME is refused, and what it missed is lost."""
        await self._call("forget_sessions")

    async def send_invalid_frame(self) -> None:
        """Send over the gateway what no client can read."""
        await self._call("garble")

    async def mute(self, mute: bool = True) -> None:
        """Acknowledge no heartbeats until told otherwise."""
        await self._call("mute", mute=mute)

    async def drop_events(self, lose: bool = True) -> None:
        """Let every event be lost until told otherwise."""
        await self._call("lose_events", lose=lose)

    async def redeliver(self, event: Event, times: int = 1) -> None:
        """Deliver an event again, under a new sequence number."""
        await self._call("repeat", number=event.number, times=times)

    # --- what happened ------------------------------------------------------------------------------------
    async def sessions(self) -> list[Session]:
        """Every gateway session there was, oldest first."""
        return [Session.model_validate(one) for one in await self._call("sessions")]

    async def count_sockets(self) -> int:
        """How many sessions are connected."""
        return int(await self._call("connections"))

    async def calls(self, route: str | None = None, *, since: int = 0) -> list[Call]:
        """Every REST request, or those of one route."""
        found = [Call.model_validate(one) for one in await self._call("calls", since=since)]
        return [one for one in found if route in (None, one.route)]

    async def events(self, kind: str | None = None, *, since: int = 0) -> list[Event]:
        """Every event made for a session, or those of one type."""
        found = [Event.model_validate(one) for one in await self._call("events", since=since)]
        return [one for one in found if kind in (None, one.type)]

    async def create_events(self, message: Message) -> list[Event]:
        """The MESSAGE_CREATE events of a message."""
        return [one for one in await self.events("MESSAGE_CREATE") if one.data["id"] == message.id]

    async def messages(self, channel: str, *, everything: bool = False) -> list[Message]:
        """What stands in a channel or thread, oldest first; `everything`: also what is deleted or ephemeral."""
        found = await self._call("messages", channel=channel, everything=everything)
        return [Message.model_validate(one) for one in found]

    async def message(self, channel: str, message: str) -> Message:
        """One message, whatever became of it."""
        return Message.model_validate(await self._call("message", channel=channel, message=message))

    async def replies(self, channel: str, to: Message | None = None) -> list[Message]:
        """What the bot wrote there, or what it replied to one message."""
        found = [one for one in await self.messages(channel) if one.author == self.bot]
        return [one for one in found if to is None or one.reply_to == to.id]

    async def answers(self, interaction: Interaction) -> list[Message]:
        """What the bot answered to an interaction, ephemeral or not, the original first."""
        found = next(one for one in await self.interactions() if one.id == interaction.id)
        ids = [one for one in (found.message, *found.followups) if one]
        return [await self.message(found.channel, one) for one in ids]

    async def channel(self, channel: str) -> Channel:
        """A channel or thread."""
        return Channel.model_validate(await self._call("channel", channel=channel))

    async def threads(self, channel: str) -> list[Channel]:
        """The threads of a channel, archived ones included."""
        return [Channel.model_validate(one) for one in await self._call("threads", channel=channel)]

    async def interactions(self) -> list[Interaction]:
        """Everything that people used."""
        return [Interaction.model_validate(one) for one in await self._call("interactions")]

    async def commands(self, guild: str | None = None) -> list[Command]:
        """The registered commands, everywhere or of one server."""
        return [Command.model_validate(one) for one in await self._call("commands", guild=guild)]

    async def download(self, attachment: str) -> bytes:
        """A file's content."""
        found = Attachment.model_validate(await self._call("download", attachment=attachment))
        return base64.b64decode(found.content)

    async def wait_reply(
        self,
        channel: str,
        to: Message | None = None,
        holds: Callable[[Message], Any] = lambda message: message.content,
        patience: float = TIMEOUT,
    ) -> Message:
        """Wait until the bot wrote a message there (in answer to `to`) for which `holds` holds; the first of them."""
        seen = await self.wait_until(lambda: self.replies(channel, to), lambda found: any(map(holds, found)), patience)
        return next(one for one in seen if holds(one))

    async def wait_call(self, route: str, number: int = 0, *, since: int = 0, patience: float = TIMEOUT) -> Call:
        """Wait for the call of a route, counted from 0 since that record."""
        seen = await self.wait_until(lambda: self.calls(route, since=since), lambda found: len(found) > number, patience)
        return seen[number]

    async def wait_connected(self, number: int = 1, patience: float = TIMEOUT) -> None:
        """Wait until that many sessions are connected."""
        await self.wait_until(self.count_sockets, lambda open_: open_ == number, patience)

    async def _use(self, verb: str, **given: Any) -> Interaction:
        return Interaction.model_validate(await self._call(f"use_{verb}", **given))
