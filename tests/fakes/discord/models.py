"""Discord's objects, as the fake stores them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Json = dict[str, Any]

TEXT, DM, VOICE, FORUM, MEDIA = 0, 1, 2, 15, 16
FORUMS = (FORUM, MEDIA)
"""Types of channels that hold posts, which are threads, and no messages of their own."""
PUBLIC_THREAD = 11
DEFAULT, CHANNEL_NAME_CHANGE, THREAD_CREATED, REPLY = 0, 4, 18, 19
CHAT_INPUT_COMMAND, THREAD_STARTER_MESSAGE, CONTEXT_MENU_COMMAND = 20, 21, 23
"""Types of messages."""
SUPPRESS_EMBEDS, HAS_THREAD, EPHEMERAL, LOADING = 1 << 2, 1 << 5, 1 << 6, 1 << 7
SUPPRESS_NOTIFICATIONS, HAS_SNAPSHOT = 1 << 12, 1 << 14
"""Flags of messages."""


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class User(Model):
    """A person or a bot."""

    id: str
    username: str
    global_name: str | None = None
    bot: bool = False


class Role(Model):
    """A role. `permissions` is Discord's bit set."""

    id: str
    name: str
    permissions: int = 0
    position: int = 1
    mentionable: bool = False
    managed: bool = False


class Member(Model):
    """A member of a server. `roles` does not contain @everyone."""

    user: str
    nick: str | None = None
    roles: list[str] = []
    joined: float


class Guild(Model):
    """A server."""

    id: str
    name: str
    owner: str
    roles: dict[str, Role] = {}
    members: dict[str, Member] = {}
    emojis: list[Json] = []


class Overwrite(Model):
    """The permissions that a channel allows and denies to a role (`type` 0) or a member (1)."""

    id: str
    type: Literal[0, 1]
    allow: int = 0
    deny: int = 0


class Thread(Model):
    """The fields that a thread has in addition to a channel's."""

    parent: str
    owner: str
    archived: bool = False
    locked: bool = False
    archived_at: float
    created: float


class Channel(Model):
    """A channel, a thread (`thread` is set) or a direct message channel (`recipients`).

    `omitted_fields` are left out of its JSON, for a client that must cope with unexpected objects.
    """

    id: str
    type: int
    name: str = ""
    guild: str | None = None
    topic: str | None = None
    position: int = 0
    overwrites: list[Overwrite] = []
    recipients: list[str] = []
    thread: Thread | None = None
    last_message: str | None = None
    omitted_fields: list[str] = []


class Attachment(Model):
    """A file of a message; `content` is base64."""

    id: str
    channel: str
    filename: str
    size: int
    content: str
    content_type: str | None = None
    ephemeral: bool = False


class Notified(Model):
    """The users and roles that a message notified, after `allowed_mentions` was applied."""

    users: list[str] = []
    roles: list[str] = []
    everyone: bool = False

    def __bool__(self) -> bool:
        return bool(self.users or self.roles or self.everyone)


class Revision(Model):
    """One version of a message's text, and the route that wrote it ("user": a person). `at` is wall time."""

    at: float
    content: str
    route: str


class Message(Model):
    """A message with all its versions. A deleted message is kept, with `deleted` set.

    `unfurls`: Discord would add previews of its links. `ephemeral_to`: the only user who sees it.
    `omitted_fields`: as in `Channel`.
    """

    id: str
    channel: str
    author: str
    type: int = DEFAULT
    content: str = ""
    created: float
    edited: float | None = None
    flags: int = 0
    nonce: str | None = None
    reference: Json | None = None
    snapshots: list[Json] = []
    attachments: list[str] = []
    embeds: list[Json] = []
    components: list[Json] = []
    reactions: dict[str, list[str]] = {}
    mentions: list[str] = []
    mention_roles: list[str] = []
    mention_everyone: bool = False
    notified: Notified = Notified()
    unfurls: bool = False
    interaction: Json | None = None
    webhook: str | None = None
    ephemeral_to: str | None = None
    omitted_fields: list[str] = []
    deleted: bool = False
    revisions: list[Revision] = []

    @property
    def reply_to(self) -> str | None:
        """The id of the message that this one replies to."""
        message_id: str | None = (self.reference or {}).get("message_id")
        return message_id if self.type == REPLY else None

    @property
    def loading(self) -> bool:
        """Whether it is a deferred response ("the application is thinking")."""
        return bool(self.flags & LOADING)

    def buttons(self) -> list[Json]:
        """Return the buttons of all its rows."""
        return [button for row in self.components for button in row.get("components", []) if button.get("type") == 2]


class Command(Model):
    """A registered application command. `definition` is its JSON as it was sent."""

    id: str
    version: str
    name: str
    type: int = 1
    description: str = ""
    options: list[Json] = []
    default_member_permissions: str | None = None
    contexts: list[int] | None = None
    definition: Json = {}


class Interaction(Model):
    """One use of a command or button, or one autocompletion.

    `state` is what the user sees. `callback` is the type of the first response, `message` the message that it made,
    and `source` the message whose button was clicked.
    """

    id: str
    token: str
    kind: Literal["command", "component", "autocomplete"]
    command_type: int = 1
    user: str
    channel: str
    at: float
    state: Literal["waiting", "deferred", "answered", "failed"] = "waiting"
    callback: int | None = None
    answered_after: float | None = None
    message: str | None = None
    source: str | None = None
    choices: list[Json] | None = None
    metadata: Json = {}
    followups: list[str] = []
