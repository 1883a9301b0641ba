"""Client for the control API of the fake Discord, usable from any process."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from tests.fakes.discord.models import TEXT, Channel, Guild, Interaction, Json, Member, Message, Role, User
from tests.fakes.discord.record_reader import RecordReader
from tests.fakes.discord.records import Event, Fault, FaultKind

BOT_PERMISSIONS = (
    *("view_channel", "send_messages", "send_messages_in_threads", "read_message_history", "create_public_threads"),
    *("attach_files", "embed_links", "add_reactions", "use_application_commands"),
)
"""The bot's permissions in a new server, unless a test gives others."""


def make_file(name: str, content: bytes, type: str | None = None) -> Json:
    """Return a file for `post(files=[…])`."""
    return {"name": name, "content": base64.b64encode(content).decode(), "type": type}


class DiscordControl(RecordReader):
    """Performs users' actions in the fake, scripts faults, and reads what happened.

    `connect()` first: it reads who the bot is. Methods with `**more` accept `silent=True`: the action happens, but its
    event is lost, as between two gateway sessions.

    Args:
        url: address of the fake.

    Raises:
        ImpossibleActionError: from any method, for something that a user cannot do in Discord.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.api_url = f"{url}/api/v10"
        self.gateway_url = f"{url.replace('http', 'ws', 1)}/gateway"
        self.application = self.owner = self.token = ""

    async def connect(self) -> DiscordControl:
        """Read the ids of the application, its bot and its owner, and the bot's token."""
        for name, value in (await self._call("about")).items():
            setattr(self, name, value)
        return self

    def env(self) -> dict[str, str]:
        """Return the settings with which a bot uses this Discord."""
        return {
            "DISCORD_TOKEN": self.token,
            "DISCORD_API_URL": self.api_url,
            "DISCORD_GATEWAY_URL": self.gateway_url,
        }

    # --- servers ------------------------------------------------------------------------------------------
    async def add_user(self, username: str, **fields: Any) -> User:
        """Add a person (`global_name`) or another bot (`bot=True`)."""
        return await self._one(User, "add_user", username=username, fields=fields)

    async def add_guild(
        self, name: str, owner: str | None = None, *, bot: bool = True, permissions: tuple[str, ...] = BOT_PERMISSIONS
    ) -> Guild:
        """Add a server; with `bot`, with the bot in it, which gets its permissions from a role of its own."""
        return await self._one(Guild, "add_guild", name=name, owner=owner, bot=bot, permissions=list(permissions))

    async def add_role(self, guild: str, name: str, *permissions: str, **fields: Any) -> Role:
        """Add a role (`mentionable`)."""
        return await self._one(Role, "add_role", guild=guild, name=name, permissions=list(permissions), fields=fields)

    async def add_channel(
        self, guild: str, name: str, type: int = TEXT, *, omitted_fields: list[str] | None = None
    ) -> Channel:
        """Add a channel. `omitted_fields` are left out of its JSON."""
        return await self._one(Channel, "add_channel", guild=guild, name=name, type=type, omitted_fields=omitted_fields)

    async def add_emoji(self, guild: str, name: str) -> str:
        """Add an emoji to a server, and return its id."""
        return str(await self._call("add_emoji", guild=guild, name=name))

    async def open_dm(self, user: str) -> Channel:
        """Return the direct message channel of a user and the bot."""
        return await self._one(Channel, "open_dm", user=user)

    async def join(self, user: str, guild: str, *, roles: Sequence[str] = ()) -> Member:
        """Let a user join a server; with `control.bot`, add the bot."""
        return await self._one(Member, "join", user=user, guild=guild, roles=list(roles))

    async def leave(self, user: str, guild: str) -> None:
        """Let a user leave a server; with `control.bot`, remove the bot."""
        await self._call("leave", user=user, guild=guild)

    async def leave_all(self) -> None:
        """Remove the bot from all servers. Its next backfill does not read them."""
        await self._call("leave_all")

    async def change_member(self, guild: str, user: str, **changes: Any) -> Member:
        """Change a member's `nick` or `roles`."""
        return await self._one(Member, "change_member", guild=guild, user=user, changes=changes)

    async def change_role(self, guild: str, role: str, *, allow: Sequence[str] = (), deny: Sequence[str] = ()) -> None:
        """Add and remove permissions of a role; the server's id is the role @everyone."""
        await self._call("change_role", guild=guild, role=role, allow=list(allow), deny=list(deny))

    async def set_overwrite(
        self,
        channel: str,
        target: str,
        *,
        allow: Sequence[str] = (),
        deny: Sequence[str] = (),
    ) -> None:
        """Set what a channel allows and denies to a role or a member; without arguments, remove it."""
        await self._call("set_overwrite", channel=channel, target=target, allow=list(allow), deny=list(deny))

    async def delete_channel(self, channel: str, **more: Any) -> None:
        """Delete a channel or a thread."""
        await self._call("delete_channel", channel=channel, **more)

    # --- users' actions -----------------------------------------------------------------------------------
    async def post(self, user: str, channel: str, text: str = "", **more: Any) -> Message:
        """Write a message.

        Args:
            user: the author.
            channel: the channel, thread or direct message channel.
            text: the text.
            more: `files=[make_file(…)]`, `embeds`, `reply_to` (a message's id; `ping=False`: without notifying its
                author), `forward=(channel, message)`, `type`, `age` (written that many seconds ago, without an event),
                `omitted_fields` (left out of its JSON).
        """
        return await self._one(Message, "post", user=user, channel=channel, text=text, **more)

    async def mention(self, user: str, channel: str, text: str, **more: Any) -> Message:
        """Write a message that mentions the bot."""
        return await self.post(user, channel, f"<@{self.bot}> {text}", **more)

    async def edit(self, user: str, channel: str, message: str, text: str, **more: Any) -> Message:
        """Edit an own message."""
        return await self._one(Message, "edit", user=user, channel=channel, message=message, text=text, **more)

    async def delete(self, user: str, channel: str, message: str, **more: Any) -> None:
        """Delete an own message or, with `manage_messages`, any message."""
        await self._call("delete", user=user, channel=channel, message=message, **more)

    async def bulk_delete(self, channel: str, messages: list[str]) -> None:
        """Delete several messages at once, as a moderator."""
        await self._call("bulk_delete", channel=channel, messages=messages)

    async def unfurl(self, channel: str, message: str, title: str, url: str) -> None:
        """Let Discord add a link's preview: an update without an edit."""
        await self._call("unfurl", channel=channel, message=message, title=title, url=url)

    async def start_thread(self, user: str, channel: str, name: str, message: str | None = None) -> Channel:
        """Create a thread, from a message (then it has the message's id) or without one."""
        return await self._one(Channel, "start_thread", user=user, channel=channel, name=name, message=message)

    async def create_forum_post(self, user: str, forum: str, title: str, text: str = "", **more: Any) -> Message:
        """Create a post in a forum or media channel (`files=[make_file(…)]`), and return its first message, whose id is
        the post's own."""
        return await self._one(Message, "create_forum_post", user=user, forum=forum, title=title, text=text, **more)

    async def change_thread(self, user: str, thread: str, **changes: Any) -> Channel:
        """Change a thread: `archived`, `locked`, `name`."""
        return await self._one(Channel, "change_thread", user=user, thread=thread, changes=changes)

    async def run_command(self, user: str, channel: str, name: str, /, **options: Any) -> Interaction:
        """Run a slash command, and wait until the application has responded.

        `state` is what the user sees: `answered`, `deferred`, or `failed` ("The application did not respond").
        """
        return await self._one(Interaction, "run_command", user=user, channel=channel, name=name, options=options)

    async def autocomplete(self, user: str, channel: str, name: str, option: str, value: str) -> list[Json]:
        """Type a value for an option with autocompletion, and return the choices."""
        arguments = {"user": user, "channel": channel, "name": name, "option": option, "value": value}
        return (await self._one(Interaction, "autocomplete", **arguments)).choices or []

    async def use_context_menu(self, user: str, channel: str, name: str, target: str) -> Interaction:
        """Use a command in a message's context menu."""
        return await self._one(Interaction, "use_context_menu", user=user, channel=channel, name=name, target=target)

    async def click(self, user: str, channel: str, message: str, button: str) -> Interaction:
        """Click a button that the user sees, by its custom id, label or emoji."""
        return await self._one(Interaction, "click", user=user, channel=channel, message=message, button=button)

    # --- configuration and faults -------------------------------------------------------------------------
    async def configure_app(self, **changes: Any) -> None:
        """Change the application: fields of `AppConfig`."""
        await self._call("configure_app", changes=changes)
        await self.connect()

    async def set_rules(self, **changes: Any) -> None:
        """Change Discord's limits: fields of `Rules` ."""
        await self._call("set_rules", changes=changes)

    async def add_fault(self, route: str, kind: FaultKind, **fields: Any) -> None:
        """Script a fault of a route by its name (`create_message`; `*`: any). See `Fault`."""
        await self._call("add_fault", fault=Fault(route=route, kind=kind, **fields).model_dump())

    async def close_sockets(self, code: int = 4000) -> None:
        """Close the gateway connections with a code."""
        await self._call("close_sockets", code=code)

    async def request_reconnect(self) -> None:
        """Ask the clients to reconnect (opcode 7)."""
        await self._call("request_reconnect")

    async def forget_sessions(self) -> None:
        """End the sessions: the next RESUME is refused, and the events that it missed are lost."""
        await self._call("forget_sessions")

    async def send_invalid_frame(self) -> None:
        """Send a gateway frame that is not JSON."""
        await self._call("send_invalid_frame")

    async def redeliver(self, event: Event, times: int = 1) -> None:
        """Deliver an event again, under a new sequence number."""
        await self._call("redeliver", number=event.number, times=times)
