"""The table of routes, and the request that a route's function gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fakes.discord import permissions
from tests.fakes.discord.errors import ApiError, invalid
from tests.fakes.discord.message_payload import MessagePayload, Upload, parse_payload
from tests.fakes.discord.models import Channel, Guild, Json, Message

if TYPE_CHECKING:
    from tests.fakes.discord.discord import FakeDiscord
    from tests.fakes.discord.serializer import Serializer
    from tests.fakes.discord.state import DiscordState


@dataclass
class RequestContext:
    """One request. `route` is the name of its route."""

    discord: FakeDiscord
    params: dict[str, str]
    query: dict[str, str]
    body: Any
    uploads: list[Upload] = field(default_factory=list)
    route: str = ""

    @property
    def state(self) -> DiscordState:
        return self.discord.state

    @property
    def serializer(self) -> Serializer:
        return self.discord.serializer

    @property
    def bot(self) -> str:
        return self.discord.state.bot

    @property
    def fields(self) -> Json:
        """The JSON object of the body."""
        return self.body if isinstance(self.body, dict) else {}

    def payload(self, body: Json | None = None) -> MessagePayload:
        """Return the message in the body, or in a part of it."""
        return parse_payload(self.fields if body is None else body, self.uploads)

    def guild(self) -> Guild:
        """Return the server in the path.

        Raises:
            ApiError: 10004; 50001, the bot is not in it.
        """
        guild = self.state.guild(self.params["guild"])
        if self.bot not in guild.members:
            raise ApiError(50001)
        return guild

    def channel(self, *needed_permissions: str) -> Channel:
        """Return the channel in the path, after a check of the bot's permissions in it.

        Raises:
            ApiError: 10003, 50001, 50013.
        """
        channel = self.state.channel(self.params["channel"])
        permissions.require(self.state, self.bot, channel, *needed_permissions)
        return channel

    def message(self, channel: Channel) -> Message:
        """Return the message in the path.

        Raises:
            ApiError: 10008.
        """
        return self.state.message(channel.id, self.params["message"])

    def limit(self, default: int, maximum: int) -> int:
        """Return `limit` of the query.

        Raises:
            ApiError: 50035.
        """
        value = self.query.get("limit", str(default))
        if not value.isdigit() or not 1 <= int(value) <= maximum:
            raise invalid("limit", "NUMBER_TYPE_RANGE", f"int value should be between 1 and {maximum}.")
        return int(value)


Run = Callable[[RequestContext], Any]


@dataclass(frozen=True)
class Route:
    """One route. `auth`: it needs the bot's token."""

    name: str
    method: str
    path: str
    run: Run
    auth: bool = True
    status: int = 200


ROUTES: list[Route] = []


def route(name: str, method: str, path: str, *, auth: bool = True, status: int = 200) -> Callable[[Run], Run]:
    """Register a route. The first matching route is used, so that `@me` must precede a parameter."""

    def register(run: Run) -> Run:
        ROUTES.append(Route(name, method, path, run, auth, status))
        return run

    return register
