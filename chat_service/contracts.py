"""What goes into the objects and what comes out: the contract between adapters and conversations.

Pydantic models, so that Restate derives a JSON schema and its playground shows a form. Every field beyond the
plain payload (`{"message": "hi"}`) is optional.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

MAX_TEXT = 256 * 1024
"""Characters of one message. The engine takes 32 MiB; a model never does, and state is kept small on purpose."""
MAX_INLINE = 256 * 1024
"""Characters of all inline attachments of one message; what is larger comes by reference (`url`)."""
MAX_ATTACHMENTS = 10


_SHAPELESS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols by their category that show nothing."""


def is_blank(text: str) -> bool:
    """Whether a text shows nothing: spaces, characters of no width, marks that stand on no letter."""
    return all(
        one.isspace() or one in _SHAPELESS or unicodedata.category(one) in ("Cc", "Cf", "Mn", "Me") for one in text
    )


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("there is no such time in UTC") from None


Time = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A moment, kept in UTC."""

Status = Literal["waiting", "running", "answered", "stopped", "failed", "withdrawn", "noted", "forgotten"]
"""How a turn stands. `noted`: context without a question. `withdrawn`: taken back before it was answered."""


Verdict = Literal["up", "down"]
"""A person's word on a reply."""


class Contract(BaseModel):
    """Base of all contracts: unknown fields are ignored, so that old and new versions can talk."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())


class Author(Contract):
    """Who wrote a message, as the platform knows them."""

    id: str = Field(default="", max_length=200)
    name: str = Field(default="", max_length=200)


class Attachment(Contract):
    """A file beside a message: `text` or `data` (base64) inline, or `url` where a larger one lies."""

    name: str = Field(max_length=300)
    media_type: str = Field(default="text/plain", max_length=100)
    text: str | None = None
    data: str | None = None
    url: str | None = Field(default=None, max_length=2000)

    @property
    def is_image(self) -> bool:
        return self.media_type.startswith("image/")


class Inbound(Contract):
    """A message on its way in.

    `id` is the platform's identity of the message and makes a repeat harmless; `at` is when it was written.
    `expects_reply=False` is context that was said in the thread, but not to the bot.
    """

    # What Restate's playground fills its form with; left to itself it invents a value for every field, `id` among
    # them, and whoever sends the form twice is taken for a repeat.
    model_config = ConfigDict(json_schema_extra={"examples": [{"message": "Hello! Who are you?"}]})

    message: str = Field(
        default="", max_length=MAX_TEXT, description="What the person says.", examples=["Hello! Who are you?"]
    )
    id: str | None = Field(default=None, max_length=200, description="The platform's id of the message.")
    author: Author | None = None
    at: Time | None = Field(default=None, description="When it was written; now, if left out.")
    attachments: list[Attachment] = Field(default_factory=list, max_length=MAX_ATTACHMENTS)
    expects_reply: bool = True
    replaces: int | None = Field(
        default=None, ge=1, lt=2**53, description="The question (by `seq`) that this one is asked instead of."
    )
    queued: bool = Field(default=False, description="Set by the Inbox: its text lies there.")

    @field_validator("id")
    @classmethod
    def _no_id_is_none(cls, value: str | None) -> str | None:
        return value or None  # or all messages without one would be repeats of the first

    @property
    def size(self) -> int:
        """Characters of text and inline attachments."""
        return len(self.message) + sum(len(a.text or "") + len(a.data or "") for a in self.attachments)

    @model_validator(mode="after")
    def _is_small_and_says_something(self) -> Inbound:
        if sum(len(a.text or "") + len(a.data or "") for a in self.attachments) > MAX_INLINE:
            raise ValueError(f"the attachments are larger than {MAX_INLINE // 1024} KiB together: send a url instead")
        if not self.queued and not self.message.strip() and not self.attachments:
            raise ValueError("the message is empty: say something or attach a file")
        return self


class Usage(Contract):
    """Tokens, by the provider's own count."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0


class Message(Contract):
    """One message of a conversation, as it is kept and shown.

    A reply carries what became of its turn. `replaced`: another version stands in its place, or in the place of one
    that it followed; the model sees none of that. `after` is the message that it follows, where that is not the one
    before it.
    """

    seq: int
    turn: int
    role: Literal["user", "assistant"]
    text: str
    at: Time
    id: str | None = None
    author: Author | None = None
    attachments: list[Attachment] = Field(default_factory=list)
    status: Status = "answered"
    error: str | None = None
    model: str | None = None
    usage: Usage | None = None
    seconds: float | None = None
    replaced: bool = False
    after: int | None = None
    versions: list[int] = Field(default_factory=list)
    """All versions of this message by `seq`, oldest first, itself among them; told by `get_history`, never kept."""
    feedback: dict[str, Verdict] = Field(default_factory=dict)
    """What people said of this reply, by person."""
    undelivered: str | None = None
    """Why this reply has not reached its platform (yet)."""


class Reply(Contract):
    """What `message` answers with: the reply, and how the turn ended."""

    reply: str
    status: Status
    turn: int = 0
    seq: int = 0
    error: str | None = None
    model: str | None = None
    usage: Usage | None = None
    seconds: float | None = None


class HistoryRequest(Contract):
    """A page of history: the `limit` messages before sequence number `before`, or the newest."""

    before: int | None = Field(default=None, ge=1)
    limit: int = Field(default=50, ge=1, le=200)


class Running(Contract):
    """The turn that is being answered now. Readers always get `started_at`."""

    turn: int
    invocation: str
    question: list[Message] = Field(default_factory=list)
    started_at: Time | None = None
    said: str = ""
    """What stands of the reply already, which goes on from there."""


class History(Contract):
    """A page of a conversation, oldest first, with what is under way.

    `next_before` continues to older messages; None at the beginning. `running` and `waiting` come with the newest
    page only. `replaceable` is the first message from which on questions can be asked anew in other words. `forgotten`
    says that nothing is here since everything was deleted.
    """

    messages: list[Message] = Field(default_factory=list)
    next_before: int | None = None
    running: Running | None = None
    waiting: list[Inbound] = Field(default_factory=list)
    title: str = ""
    replaceable: int = 0
    forgotten: bool = False
    version: int = 0
    """Grows with every change; equal versions mean nothing happened."""


class SearchRequest(Contract):
    """Looks for a text, in any case, from `before` back (the newest message, if left out)."""

    text: str = Field(min_length=1, max_length=200)
    before: int | None = Field(default=None, ge=1)
    limit: int = Field(default=20, ge=1, le=100)


class Found(Contract):
    """Messages that contain the text, newest first; `next_before` goes on looking, None when all was looked at."""

    messages: list[Message] = Field(default_factory=list)
    next_before: int | None = None


class ExportRequest(Contract):
    """As what a conversation is wanted."""

    format: Literal["markdown", "json"] = "markdown"


class Export(Contract):
    """A whole conversation as a document."""

    text: str


class TurnRequest(Contract):
    """Names a turn, by its number or by the id of a message in it."""

    turn: int | None = Field(default=None, ge=1, lt=2**53)
    id: str | None = None


class GoOnRequest(Contract):
    """`seq` guards against going on with a later reply than the one that was seen."""

    seq: int | None = None


class ChooseRequest(Contract):
    """Names the version that is to be shown, by its sequence number."""

    seq: int = Field(ge=1, lt=2**53)


class StopRequest(Contract):
    """`turn` guards against stopping a later turn than the one that was seen; `all` also withdraws what waits."""

    all: bool = False
    turn: int | None = None


class Stopped(Contract):
    """Whether something was running, and which turn the stop was sent to."""

    stopped: bool
    turn: int | None = None


class Overrides(Contract):
    """Settings of a conversation, a channel or a workspace; None leaves the wider one in force."""

    persona: str | None = Field(default=None, max_length=100)
    prompt: str | None = Field(default=None, max_length=20_000)
    model: str | None = Field(default=None, max_length=200)
    temperature: float | None = Field(default=None, ge=0, le=2)
    burst: Literal["each", "together"] | None = None


SettingName = Literal["persona", "prompt", "model", "temperature", "burst"]


class ConfigureRequest(Contract):
    """Change settings (`set`), give some back to the wider scope (`unset`), or neither: just show them."""

    set: Overrides = Field(default_factory=Overrides)
    unset: list[SettingName] = Field(default_factory=list)


class Setting(Contract):
    """One setting in force, and where its value came from."""

    name: SettingName
    value: str | float | None
    source: str


class SettingsView(Contract):
    """All settings in force, each with its source; `personas` are the names to choose from."""

    settings: list[Setting]
    personas: list[str] = Field(default_factory=list)


class RenameRequest(Contract):
    """A title chosen by a person; it is never overwritten by the bot's own."""

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Accepted(Contract):
    """What the Inbox says of a message: the invocation that will answer it, and its place in line (0: next)."""

    invocation: str
    place: int = 0
    duplicate: bool = False


class WithdrawRequest(Contract):
    """Take back a waiting message, all of one `author` (by id), or `all` of them."""

    id: str | None = None
    author: str | None = None
    all: bool = False


class EditRequest(Contract):
    """The new words of a message; it is not answered again. `attachments` None leaves them."""

    id: str
    message: str = Field(max_length=MAX_TEXT)
    attachments: list[Attachment] | None = None


class RedactRequest(Contract):
    """A message that its author deleted. `at` is when it was written: it keeps an unseen one from being answered."""

    id: str
    at: Time | None = None


class FeedbackRequest(Contract):
    """A person's word on a reply, by its sequence number; None takes it back."""

    seq: int
    person: str = Field(min_length=1, max_length=200)
    value: Verdict | None = None


class Notes(Contract):
    """What was said in a thread without the bot, in order: context, not questions."""

    messages: list[Inbound] = Field(default_factory=list, max_length=500)


class Asked(Contract):
    """A message that a turn answers: its platform id, and who wrote it."""

    id: str | None = None
    person: str = ""


class Deliver(Contract):
    """Sent to a platform's delivery object at the start of a turn: whose outcome to bring."""

    turn: int
    invocation: str
    question: list[Asked] = Field(default_factory=list)
    late: bool = False
    """The history says "undelivered" by now: tell it when that is no longer so."""


class DeliveryReport(Contract):
    """What became of a delivery: `undelivered` says why it failed for good; None, that it arrived."""

    turn: int
    undelivered: str | None = None


class Recover(Contract):
    """Names the dead invocation whose turn is to be answered anew."""

    invocation: str


class Entry(Contract):
    """A conversation in a directory."""

    conversation: str
    title: str = ""
    at: Time


class DirectoryRequest(Contract):
    """A page of a directory; `cursor` continues where the last page ended."""

    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class DirectoryPage(Contract):
    """Conversations, the most recently active first."""

    entries: list[Entry] = Field(default_factory=list)
    cursor: str | None = None


def utc(seconds: float) -> datetime:
    """Seconds since the epoch as a moment in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
