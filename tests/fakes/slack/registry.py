"""The Web API methods: a name, what it takes to call it, and what it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tests.fakes.slack.args import Args
from tests.fakes.slack.errors import Refused
from tests.fakes.slack.models import Channel, Json, Team

if TYPE_CHECKING:
    from tests.fakes.slack.slack import FakeSlack

READ = {"channel": "channels:read", "group": "groups:read", "im": "im:read", "mpim": "mpim:read"}
HISTORY = {"channel": "channels:history", "group": "groups:history", "im": "im:history", "mpim": "mpim:history"}


@dataclass(frozen=True)
class Context:
    """Who calls, and where."""

    slack: FakeSlack
    team: Team
    base: str

    @property
    def bot(self) -> str:
        return self.team.bot_user_id

    def scope(self, *any_of: str) -> None:
        """Refuse a call for which none of the scopes was granted."""
        granted = self.slack.app.scopes
        if any_of and not set(any_of) & set(granted):
            raise Refused("missing_scope", needed=",".join(any_of), provided=",".join(granted))

    def channel(self, name: str | None) -> Channel:
        """A conversation the bot may know of: a private one it is not in does not exist.

        Raises:
            Refused: `channel_not_found`.
        """
        world = self.slack.world
        found = world.channels.get(name or "")
        if found is None and name:
            wanted = name.removeprefix("#")
            found = next((one for one in world.channels.values() if one.name == wanted and one.name), None)
        if found is None or self.team.id not in (found.team_id, *found.shared_team_ids):
            raise Refused("channel_not_found")
        if found.is_private and self.bot not in found.members:
            raise Refused("channel_not_found")
        return found

    def joined(self, name: str | None) -> Channel:
        """A conversation the bot is in.

        Raises:
            Refused: `channel_not_found` or `not_in_channel`.
        """
        channel = self.channel(name)
        if self.bot not in channel.members:
            raise Refused("not_in_channel")
        return channel


Run = Callable[[Context, Args], Json]


@dataclass(frozen=True)
class Method:
    """`scopes`: one of them is needed. `json`: whether a JSON body is read; methods that only read ignore it."""

    name: str
    run: Run
    scopes: tuple[str, ...] = ()
    json: bool = True
    token: Literal["bot", "app"] = "bot"


METHODS: dict[str, Method] = {}


def method(name: str, *scopes: str, json: bool = True, token: Literal["bot", "app"] = "bot") -> Callable[[Run], Run]:
    """Register a method under its name."""

    def register(run: Run) -> Run:
        METHODS[name] = Method(name, run, scopes, json, token)
        return run

    return register


def page(things: list[Json], args: Args, *, most: int, default: int = 100) -> tuple[list[Json], str]:
    """One page and the cursor of the next (empty at the end).

    Raises:
        Refused: `invalid_cursor` or `invalid_limit`.
    """
    limit = args.number("limit", default) or default
    if limit < 0 or limit > 1000:
        raise Refused("invalid_limit")
    cursor = args.text("cursor") or "next:0"
    prefix, _, number = cursor.partition(":")
    if prefix != "next" or not number.isdigit():
        raise Refused("invalid_cursor")
    start, end = int(number), int(number) + min(limit, most)
    return things[start:end], f"next:{end}" if end < len(things) else ""
