"""The fake's configuration, and the records of what it received and sent."""

from __future__ import annotations

from typing import Any, Literal

from tests.fakes.discord.models import Json, Model


class Call(Model):
    """One REST request and its outcome. `code` is Discord's error code; `at` is wall time.

    `committed`: the request was carried out, whatever the client was answered.
    """

    number: int
    route: str
    path: str
    params: dict[str, str] = {}
    body: Any = None
    at: float
    status: int | None = None
    code: int | None = None
    committed: bool = False
    fault: str | None = None


class Event(Model):
    """One event dispatched to a session. `sent` counts how often it was written to a socket."""

    number: int
    session: str
    seq: int
    type: str
    data: Json
    sent: int = 0


class Session(Model):
    """A gateway session. `alive`: it can be resumed."""

    id: str
    intents: int
    shard: list[int] | None = None
    seq: int = 0
    connected: bool = True
    alive: bool = True
    resumes: int = 0


FaultKind = Literal[
    "refuse",  # answer `status` with Discord's `code`; nothing is done
    "fail",  # answer `status`; nothing is done
    "cut",  # cut the connection; nothing is done
    "ratelimited",  # answer 429 with `retry_after` and `scope`; nothing is done
    "hold",  # wait until held calls are released, then proceed as usual
    "commit_cut",  # carry it out, then cut the connection
    "commit_fail",  # carry it out, then answer `status`
    "commit_hold",  # carry it out, answer when held calls are released
    "late_commit",  # cut the connection; carry it out `delay` seconds later
]


class Fault(Model):
    """A fault of the next `times` calls of `route` (`*`: any route) whose path or body contain `contains`, after
    `skip` such calls.

    `scope` "global" stops every route for `retry_after` seconds.
    """

    route: str
    kind: FaultKind
    times: int = 1
    skip: int = 0
    contains: str = ""
    status: int = 500
    code: int = 0
    retry_after: float = 1.0
    scope: Literal["user", "global"] = "user"
    delay: float = 0.0

    @property
    def target(self) -> str:
        """The route, under the name that the faults of all platforms have."""
        return self.route


class AppConfig(Model):
    """The application's settings in the developer portal."""

    token: str = "fake-discord-token"
    message_content: bool = True


class Rules(Model):
    """Discord's limits that tests change.

    Args:
        replay_again: number of events already received that a RESUME repeats.
        nonce_seconds: how long a nonce is remembered.
        interaction_seconds: time for the first response to an interaction.
        token_seconds: time for the further responses to an interaction.
        shards: recommended number of shards.
    """

    replay_again: int = 0
    nonce_seconds: float = 180.0
    interaction_seconds: float = 3.0
    token_seconds: float = 900.0
    shards: int = 1
