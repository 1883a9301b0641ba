"""Models of the fake: people, channels, messages, and the records of calls and deliveries."""

from __future__ import annotations

import base64
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Json = dict[str, Any]
ChannelKind = Literal["channel", "group", "im", "mpim"]
StreamState = Literal["open", "completed", "stopped_by_user", "expired"]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Team(Model):
    """A workspace; `token_error` is the error of every call with its bot token."""

    id: str
    name: str
    domain: str
    bot_token: str
    bot_user_id: str
    bot_id: str
    token_error: str | None = None


class User(Model):
    """A person or a bot."""

    id: str
    team_id: str
    name: str
    real_name: str
    display_name: str = ""
    is_bot: bool = False
    bot_id: str | None = None
    app_id: str | None = None
    is_admin: bool = False
    is_owner: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    deleted: bool = False


class Channel(Model):
    """Public (`channel`), private (`group`), direct (`im`) or group direct (`mpim`)."""

    id: str
    team_id: str
    name: str
    kind: ChannelKind
    members: list[str] = []
    creator: str = ""
    is_archived: bool = False
    shared_team_ids: list[str] = []

    @property
    def is_private(self) -> bool:
        return self.kind != "channel"


class Stream(Model):
    """The native stream of a message."""

    state: StreamState = "open"
    started: float


class Revision(Model):
    """The text of a message at one time, and the method that set it."""

    at: float
    text: str
    method: str


class Message(Model):
    """A message with its history. `mentions` are the users and groups that it notifies."""

    channel: str
    ts: str
    user: str
    team: str
    text: str = ""
    thread_ts: str | None = None
    subtype: str | None = None
    bot_id: str | None = None
    app_id: str | None = None
    blocks: list[Json] = []
    attachments: list[Json] = []
    files: list[str] = []
    metadata: Json | None = None
    edited: Json | None = None
    reactions: dict[str, list[str]] = {}
    client_msg_id: str | None = None
    ephemeral_to: str | None = None
    stream: Stream | None = None
    mentions: list[str] = []
    unfurls: bool = False
    revisions: list[Revision] = []

    @property
    def root(self) -> str:
        """The ts of the thread that this message is in or would start."""
        return self.thread_ts or self.ts

    @property
    def is_reply(self) -> bool:
        return self.thread_ts is not None and self.thread_ts != self.ts


class File(Model):
    """A file; `content` is base64. It is not `complete` until it is shared."""

    id: str
    name: str
    title: str
    mimetype: str
    size: int
    user: str
    team_id: str
    content: str = ""
    created: int
    complete: bool = True
    uploaded: bool = True
    channels: list[str] = []


def make_file(name: str, content: bytes, mimetype: str = "text/plain") -> Json:
    """Return a file for `post(files=[…])`."""
    return {"name": name, "content": base64.b64encode(content).decode(), "mimetype": mimetype}


class View(Model):
    """A modal or a home tab of one person. `open` is False after it was closed."""

    id: str
    user: str
    team_id: str
    hash: str
    view: Json
    open: bool = True


class Session(Model):
    """The agent session of a thread."""

    channel: str
    thread_ts: str
    status: str
    title: str = ""
    initiator: str | None = None


class Call(Model):
    """A request to the Web API or a response URL, its result, and the fault that applied to it."""

    number: int
    method: str
    args: Json
    at: float
    answered_at: float | None = None
    status: int | None = None
    ok: bool = False
    error: str | None = None
    committed: bool = False
    fault: str | None = None
    result: Json = {}


class Attempt(Model):
    """One attempt to deliver something to the app."""

    at: float
    transport: Literal["socket", "http"]
    retry_num: int = 0
    retry_reason: str = ""
    acked_at: float | None = None
    late_ack_at: float | None = None
    status: int | None = None
    failure: str | None = None


class Delivery(Model):
    """An event, a command or an interaction that is sent to the app."""

    number: int
    kind: Literal["events_api", "slash_commands", "interactive"]
    payload: Json
    state: Literal["waiting", "acked", "failed"] = "waiting"
    attempts: list[Attempt] = []
    response: Any = None

    @property
    def event_type(self) -> str | None:
        event: Json = self.payload.get("event") or {}
        kind: str | None = event.get("type")
        return kind


FaultKind = Literal[
    "refuse",  # ok: false with `error`; not executed
    "fail",  # `status`; not executed
    "cut",  # the connection is cut; not executed
    "ratelimited",  # 429 with Retry-After: `retry_after`; not executed
    "delay",  # executed after `delay` seconds
    "hold",  # executed after `release_held_calls`
    "commit_cut",  # executed, then the connection is cut
    "commit_fail",  # executed, then `status`
    "commit_hold",  # executed, answered after `release_held_calls`
    "late_commit",  # the connection is cut; executed `delay` seconds later
]


class Fault(Model):
    """A fault of the next `times` calls of `method` (`*`: all) with arguments that contain `contains`.

    The first `skip` such calls succeed.

    The method `files.download` is the download of a file; its only kind is `cut`.
    """

    method: str
    kind: FaultKind
    times: int = 1
    skip: int = 0
    contains: str = ""
    error: str = "internal_error"
    status: int = 500
    retry_after: int = 1
    delay: float = 0.0

    @property
    def target(self) -> str:
        return self.method


class AppConfig(Model):
    """The app as its manifest describes it. `None` for commands and shortcuts allows all."""

    app_id: str = "A0FAKEAPP"
    app_token: str = "xapp-1-A0FAKEAPP-fake"
    signing_secret: str = "fake-signing-secret"
    scopes: list[str] = []
    events: list[str] = []
    commands: list[str] | None = None
    shortcuts: list[str] | None = None
    interactivity: bool = True
    socket_mode: bool = True
    request_url: str | None = None
    agent: bool = True


class Rules(Model):
    """Slack's time-outs in seconds and its other limits."""

    ack_seconds: float = 3.0
    retry_delays: list[float] = [0.0, 60.0, 300.0]
    trigger_seconds: float = 3.0
    response_url_seconds: float = 1800.0
    response_url_uses: int = 5
    stream_seconds: float = 300.0
    stream_characters: int = 12_000
    history_page: int = 999
