"""Client for reading what happened in the fake Discord, and for waiting until something happens."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, TypeVar

from tests.fakes.discord.models import Attachment, Channel, Command, Interaction, Message, Model
from tests.fakes.discord.records import Call, Event, Session
from tests.fakes.platform.control import TIMEOUT, Control

M = TypeVar("M", bound=Model)


class RecordReader(Control):
    """The reading methods of `DiscordControl`. `bot` is the bot's user id."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.bot = ""

    async def sessions(self) -> list[Session]:
        """Return all gateway sessions, oldest first."""
        return await self._list(Session, "sessions")

    async def count_sockets(self) -> int:
        """Return the number of connected sessions."""
        return sum(session.connected for session in await self.sessions())

    async def calls(self, route: str | None = None, *, since: int = 0) -> list[Call]:
        """Return all REST requests, or those of one route."""
        return await self._list(Call, "calls", route=route, since=since)

    async def events(self, type: str | None = None, *, since: int = 0) -> list[Event]:
        """Return all events that were dispatched to sessions, or those of one type."""
        return await self._list(Event, "events", type=type, since=since)

    async def create_events(self, message: Message) -> list[Event]:
        """Return the MESSAGE_CREATE events of a message."""
        return await self._list(Event, "events", type="MESSAGE_CREATE", id=message.id)

    async def messages(self, channel: str, *, everything: bool = False) -> list[Message]:
        """Return the messages of a channel or thread, oldest first; `everything`: also deleted and ephemeral ones."""
        return await self._list(Message, "messages", channel=channel, everything=everything)

    async def message(self, channel: str, message: str) -> Message:
        """Return one message, also if it was deleted or is ephemeral."""
        return await self._one(Message, "message", channel=channel, message=message)

    async def replies(self, channel: str, to: Message | None = None) -> list[Message]:
        """Return the bot's messages in a channel, or its replies to one message."""
        messages = [message for message in await self.messages(channel) if message.author == self.bot]
        return [message for message in messages if to is None or message.reply_to == to.id]

    async def responses(self, interaction: Interaction) -> list[Message]:
        """Return the bot's responses to an interaction, the original one first."""
        current = await self._one(Interaction, "interaction", id=interaction.id)
        return [await self.message(current.channel, id) for id in (current.message, *current.followups) if id]

    async def threads(self, channel: str) -> list[Channel]:
        """Return the threads of a channel, archived ones included."""
        return await self._list(Channel, "threads", parent=channel)

    async def interactions(self) -> list[Interaction]:
        """Return all interactions."""
        return await self._list(Interaction, "interactions")

    async def commands(self) -> list[Command]:
        """Return the registered commands."""
        return await self._list(Command, "commands")

    async def read_attachment(self, attachment: str) -> bytes:
        """Return a file's content."""
        return base64.b64decode((await self._one(Attachment, "read_attachment", attachment=attachment)).content)

    # --- waiting ------------------------------------------------------------------------------------------
    async def wait_reply(
        self,
        channel: str,
        to: Message | None = None,
        holds: Callable[[Message], Any] = lambda message: message.content,
        timeout: float = TIMEOUT,
    ) -> Message:
        """Wait until `holds` for a message of the bot in a channel, or for a reply to a message; return the first."""
        replies = await self.wait_until(
            lambda: self.replies(channel, to), lambda replies: any(map(holds, replies)), timeout
        )
        return next(reply for reply in replies if holds(reply))

    async def wait_call(self, route: str, number: int = 0, *, since: int = 0, timeout: float = TIMEOUT) -> Call:
        """Wait for the call of a route, counted from 0 since a record."""
        calls = await self.wait_until(
            lambda: self.calls(route, since=since), lambda calls: len(calls) > number, timeout
        )
        return calls[number]

    async def wait_connected(self, number: int = 1, timeout: float = TIMEOUT) -> None:
        """Wait until that many sessions are connected."""
        await self.wait_until(self.count_sockets, lambda count: count == number, timeout)

    async def _one(self, model: type[M], verb: str, **arguments: Any) -> M:
        return model.model_validate(await self._call(verb, **arguments))

    async def _list(self, model: type[M], verb: str, **arguments: Any) -> list[M]:
        return [model.model_validate(data) for data in await self._call(verb, **arguments)]
