"""A route: its name, its path, and what it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fakes.discord import permissions
from tests.fakes.discord.draft import Draft, Upload, read_draft
from tests.fakes.discord.errors import Refused, invalid
from tests.fakes.discord.models import Channel, Guild, Message

if TYPE_CHECKING:
    from tests.fakes.discord.discord import FakeDiscord


@dataclass
class Context:
    """One request, and what it is about."""

    discord: FakeDiscord
    params: dict[str, str]
    query: dict[str, str]
    body: Any
    uploads: list[Upload] = field(default_factory=list)
    route: str = ""

    @property
    def bot(self) -> str:
        return self.discord.world.bot

    @property
    def fields(self) -> dict[str, Any]:
        """The JSON object that was sent."""
        return self.body if isinstance(self.body, dict) else {}

    def draft(self, body: Any = None) -> Draft:
        """The message that was sent."""
        return read_draft(self.body if body is None else body, self.uploads, self.discord.rules.file_bytes)

    def guild(self) -> Guild:
        """The server in the path.

        Raises:
            Refused: 10004, or 50001 when the bot is not in it.
        """
        found = self.discord.world.guilds.get(self.params["guild"])
        if found is None:
            raise Refused(10004)
        if self.bot not in found.members:
            raise Refused(50001)
        return found

    def channel(self, *needs: str) -> Channel:
        """The channel in the path, where the bot has these permissions.

        Raises:
            Refused: 10003, 50001, 50013.
        """
        found = self.discord.world.channel(self.params["channel"])
        permissions.require(self.discord.world, self.bot, found, *needs)
        return found

    def thread(self, *needs: str) -> Channel:
        """The same, when it is a thread.

        Raises:
            Refused: 50024 when it is none.
        """
        found = self.channel(*needs)
        if found.thread is None:
            raise Refused(50024)
        return found

    def message(self, channel: Channel) -> Message:
        """The message in the path.

        Raises:
            Refused: 10008.
        """
        return self.discord.world.message(channel.id, self.params["message"])

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A number in the query.

        Raises:
            Refused: 50035.
        """
        given = self.query.get(name, str(default))
        if not given.isdigit() or not least <= int(given) <= most:
            raise invalid(name, "NUMBER_TYPE_RANGE", f"int value should be between {least} and {most}.")
        return int(given)


Run = Callable[[Context], Any]


@dataclass(frozen=True)
class Route:
    """`auth`: whether it wants the bot's token. `major`: the path parameters that have a bucket of their own."""

    name: str
    verb: str
    path: str
    run: Run
    auth: bool = True
    status: int = 200

    def major(self, params: dict[str, str]) -> str:
        """Which bucket of this route a request counts in."""
        return "/".join(params[name] for name in ("channel", "guild", "token") if name in params)


ROUTES: list[Route] = []


def route(name: str, verb: str, path: str, *, auth: bool = True, status: int = 200) -> Callable[[Run], Run]:
    """Register a route. The first that fits is taken, so `@me` goes before what fits everything."""

    def register(run: Run) -> Run:
        ROUTES.append(Route(name, verb, path, run, auth, status))
        return run

    return register
