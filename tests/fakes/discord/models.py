"""What the fake keeps and tells: people, servers, channels, messages, and the records of what was asked of it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Json = dict[str, Any]

TEXT, DM, VOICE, CATEGORY, ANNOUNCEMENT = 0, 1, 2, 4, 5
FORUM, MEDIA = 15, 16
FORUMS = (FORUM, MEDIA)
"""Channels that hold posts, which are threads, and no messages of their own."""
PUBLIC_THREAD, PRIVATE_THREAD = 11, 12
DEFAULT, RENAMED, THREAD_CREATED, REPLY, SLASH, STARTER, CONTEXT_MENU = 0, 4, 18, 19, 20, 21, 23
SUPPRESS_EMBEDS, HAS_THREAD, EPHEMERAL, LOADING, SILENT = 1 << 2, 1 << 5, 1 << 6, 1 << 7, 1 << 12
COMPONENTS_V2, SNAPSHOT = 1 << 15, 1 << 14


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class User(Model):
    """A person or a bot. `dms`: whether they take direct messages from servers' members."""

    id: str
    username: str
    global_name: str | None = None
    bot: bool = False
    dms: bool = True


class Role(Model):
    """`permissions` is the usual bit set."""

    id: str
    name: str
    permissions: int = 0
    position: int = 1
    mentionable: bool = False
    managed: bool = False


class Member(Model):
    """A person in a server; `roles` without the one that everybody has."""

    user: str
    nick: str | None = None
    roles: list[str] = []
    joined: float


class Guild(Model):
    """A server. `unavailable`: Discord has trouble with it."""

    id: str
    name: str
    owner: str
    roles: dict[str, Role] = {}
    members: dict[str, Member] = {}
    emojis: list[Json] = []
    unavailable: bool = False


class Overwrite(Model):
    """What a channel allows and denies to a role (`type` 0) or a member (1)."""

    id: str
    type: Literal[0, 1]
    allow: int = 0
    deny: int = 0


class Thread(Model):
    """What a thread has beyond a channel. `members`: who is in it, and since when."""

    parent: str
    owner: str
    archived: bool = False
    locked: bool = False
    invitable: bool = True
    auto_archive_minutes: int = 4320
    archived_at: float
    created: float
    starter: str | None = None
    members: dict[str, float] = {}
    written: int = 0


class Channel(Model):
    """A channel, a thread (`thread` is set) or a direct conversation (`recipients`)."""

    id: str
    type: int
    name: str = ""
    guild: str | None = None
    topic: str | None = None
    category: str | None = None
    position: int = 0
    overwrites: list[Overwrite] = []
    recipients: list[str] = []
    thread: Thread | None = None
    last_message: str | None = None
    lacks: list[str] = []


class Attachment(Model):
    """A file of a message; `content` is base64."""

    id: str
    channel: str
    filename: str
    size: int
    content: str
    content_type: str | None = None
    description: str | None = None
    ephemeral: bool = False
    width: int | None = None
    height: int | None = None


class Pings(Model):
    """Who was notified, after `allowed_mentions`."""

    users: list[str] = []
    roles: list[str] = []
    everyone: bool = False

    def __bool__(self) -> bool:
        return bool(self.users or self.roles or self.everyone)


class Revision(Model):
    """What a message said at one time, and the route that made it say so. `at` is wall time."""

    at: float
    content: str
    via: str


class Message(Model):
    """A message and everything that ever happened to it. `deleted`: nobody sees it any more."""

    id: str
    channel: str
    author: str
    type: int = DEFAULT
    content: str = ""
    created: float
    edited: float | None = None
    flags: int = 0
    tts: bool = False
    nonce: str | None = None
    reference: Json | None = None
    snapshots: list[Json] = []
    embeds: list[Json] = []
    components: list[Json] = []
    attachments: list[str] = []
    reactions: dict[str, list[str]] = {}
    mentions: list[str] = []
    mention_roles: list[str] = []
    mention_everyone: bool = False
    pings: Pings = Pings()
    unfurls: bool = False
    interaction: Json | None = None
    webhook: str | None = None
    ephemeral_to: str | None = None
    lacks: list[str] = []
    deleted: bool = False
    revisions: list[Revision] = []

    @property
    def reply_to(self) -> str | None:
        """The id of the message this one answers."""
        found: str | None = (self.reference or {}).get("message_id")
        return found if self.type == REPLY else None

    @property
    def loading(self) -> bool:
        """Whether it is a deferred answer: "the application is thinking"."""
        return bool(self.flags & LOADING)

    def buttons(self) -> list[Json]:
        """Its buttons, those of every row."""
        rows = [one.get("components", []) for one in self.components]
        return [one for row in rows for one in row if one.get("type") == 2]


class Command(Model):
    """An application command as it was registered."""

    id: str
    version: str
    name: str
    type: int = 1
    description: str = ""
    guild: str | None = None
    options: list[Json] = []
    default_member_permissions: str | None = None
    contexts: list[int] | None = None
    given: Json = {}


class Interaction(Model):
    """One use of a command, a button or a modal. `state`: what the person sees of it."""

    id: str
    token: str
    kind: Literal["command", "component", "modal", "autocomplete"]
    user: str
    channel: str
    guild: str | None = None
    at: float
    state: Literal["waiting", "deferred", "answered", "failed"] = "waiting"
    callback: int | None = None
    answered_after: float | None = None
    message: str | None = None
    source: str | None = None
    modal: Json | None = None
    choices: list[Json] | None = None
    metadata: Json = {}
    followups: list[str] = []


class Call(Model):
    """One REST request, what was answered, and what was done to it. `code` is Discord's error code."""

    number: int
    route: str
    verb: str
    path: str
    params: dict[str, str] = {}
    query: dict[str, str] = {}
    body: Any = None
    files: list[str] = []
    at: float
    answered_at: float | None = None
    status: int | None = None
    code: int | None = None
    committed: bool = False
    fault: str | None = None
    result: Any = None


class Event(Model):
    """One event made for a session; `sent` counts how often it went over a socket."""

    number: int
    session: str
    seq: int
    type: str
    data: Json
    at: float
    sent: int = 0


class Session(Model):
    """A gateway session, as the records tell of it."""

    id: str
    token: str
    intents: int
    shard: list[int] | None = None
    seq: int = 0
    connected: bool = True
    alive: bool = True
    identified_at: float
    resumes: int = 0
    heartbeats: int = 0
    presence: Json | None = None
    close_code: int | None = None


FaultKind = Literal[
    "refuse",  # `status` and Discord's `code`, nothing done
    "fail",  # `status`, nothing done
    "cut",  # the connection is cut, nothing done
    "ratelimited",  # 429: `retry_after`, `scope`, `via`
    "delay",  # `delay` seconds, then done as usual
    "hold",  # nothing done until released
    "commit_cut",  # done, then the connection is cut
    "commit_fail",  # done, then `status`
    "commit_hold",  # done, answered only when released
    "late_commit",  # the connection is cut; done `delay` seconds later
]


class Fault(Model):
    """What goes wrong with the next `times` calls of `route` (`*`: any) whose path or body contain `contains`.

    The first `skip` of them go through. `scope` "global" stops every route for `retry_after` seconds; `via=False` is a
    ban by the proxy in front of Discord, which a library must not mistake for a rate limit.
    """

    route: str
    kind: FaultKind
    times: int = 1
    skip: int = 0
    contains: str = ""
    status: int = 500
    code: int = 0
    message: str = "refused on purpose"
    retry_after: float = 1.0
    scope: Literal["user", "global", "shared"] = "user"
    via: bool = True
    delay: float = 0.0

    @property
    def target(self) -> str:
        return self.route


class AppConfig(Model):
    """The application as the developer portal shows it."""

    token: str = "fake-discord-token"
    members_intent: bool = True
    presence_intent: bool = False
    message_content: bool = True
    public: bool = True


class Rules(Model):
    """How patient and how strict Discord is. Seconds, characters, bytes; buckets are (requests, seconds)."""

    heartbeat_seconds: float = 41.25
    session_seconds: float = 180.0
    replay_events: int = 1000
    replay_again: int = 0
    nonce_seconds: float = 180.0
    interaction_seconds: float = 3.0
    token_seconds: float = 900.0
    link_seconds: float = 86_400.0
    content_characters: int = 2000
    file_bytes: int = 10 * 1024**2
    default_bucket: tuple[int, float] = (1000, 1.0)
    buckets: dict[str, tuple[int, float]] = {}
    global_per_second: int | None = None
    shards: int = 1
