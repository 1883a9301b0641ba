"""The registry of Web API methods: name, required scopes, and function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tests.fakes.slack.args import Args
from tests.fakes.slack.errors import ApiError
from tests.fakes.slack.models import Channel, Json, Team

if TYPE_CHECKING:
    from tests.fakes.slack.slack import FakeSlack

READ = {"channel": "channels:read", "group": "groups:read", "im": "im:read", "mpim": "mpim:read"}
HISTORY = {"channel": "channels:history", "group": "groups:history", "im": "im:history", "mpim": "mpim:history"}


@dataclass(frozen=True)
class CallContext:
    """The caller of a method, and the address of the fake."""

    slack: FakeSlack
    team: Team
    base_url: str

    @property
    def bot_user_id(self) -> str:
        return self.team.bot_user_id

    def require_scope(self, *any_of: str) -> None:
        """Raise `missing_scope` if none of the scopes was granted."""
        granted = self.slack.app.scopes
        if any_of and not set(any_of) & set(granted):
            raise ApiError("missing_scope", needed=",".join(any_of), provided=",".join(granted))

    def visible_channel(self, channel_id: str | None) -> Channel:
        """Return a conversation that the bot may see: not a private one that it is not in.

        Raises:
            ApiError: `channel_not_found`.
        """
        found = self.slack.state.channels.get(channel_id or "")
        if found is None or self.team.id not in (found.team_id, *found.shared_team_ids):
            raise ApiError("channel_not_found")
        if found.is_private and self.bot_user_id not in found.members:
            raise ApiError("channel_not_found")
        return found

    def joined_channel(self, channel_id: str | None) -> Channel:
        """Return a conversation that the bot is in.

        Raises:
            ApiError: `channel_not_found` or `not_in_channel`.
        """
        channel = self.visible_channel(channel_id)
        if self.bot_user_id not in channel.members:
            raise ApiError("not_in_channel")
        return channel


Run = Callable[[CallContext, Args], Json]


@dataclass(frozen=True)
class Method:
    """A method; it needs one of `scopes`. `json`: a JSON body is read; methods that only read ignore it."""

    name: str
    run: Run
    scopes: tuple[str, ...] = ()
    json: bool = True
    token: Literal["bot", "app"] = "bot"


METHODS: dict[str, Method] = {}


def method(name: str, *scopes: str, json: bool = True, token: Literal["bot", "app"] = "bot") -> Callable[[Run], Run]:
    """Return a decorator that registers a method."""

    def register(run: Run) -> Run:
        METHODS[name] = Method(name, run, scopes, json, token)
        return run

    return register


def page(items: list[Json], args: Args, *, limit: int, default: int = 100) -> tuple[list[Json], str]:
    """Return a page of at most `limit` items and the cursor of the next page (empty at the end).

    Raises:
        ApiError: `invalid_cursor` or `invalid_limit`.
    """
    requested = args.integer("limit", default) or default
    if requested < 0 or requested > 1000:
        raise ApiError("invalid_limit")
    cursor = args.string("cursor") or "next:0"
    prefix, _, number = cursor.partition(":")
    if prefix != "next" or not number.isdigit():
        raise ApiError("invalid_cursor")
    start, end = int(number), int(number) + min(requested, limit)
    return items[start:end], f"next:{end}" if end < len(items) else ""
