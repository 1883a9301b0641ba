"""A message: on its way in, as it is kept, and the reply to it."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator

from chat_service.contracts.base import Contract, Time

MAX_TEXT = 256 * 1024
"""Characters of one message. The engine takes 32 MiB; a model never does, and state is kept small on purpose."""
MAX_INLINE = 256 * 1024
"""Characters of all inline attachments of one message; what is larger comes by reference (`url`)."""
MAX_ATTACHMENTS = 10
Status = Literal["waiting", "running", "answered", "stopped", "failed", "withdrawn", "noted", "forgotten"]
"""How a turn stands. `noted`: context without a question. `withdrawn`: taken back before it was answered."""
CutOff = Literal["length", "filter"]
"""What broke off a reply that was answered: the model's limit of tokens, or its provider's filter."""
Rating = Literal["up", "down"]
"""A person's word on a reply."""
_SHAPELESS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols by their category that show nothing."""


def is_blank(text: str) -> bool:
    """Whether a text shows nothing: spaces, characters of no width, marks that stand on no letter."""
    return all(
        one.isspace() or one in _SHAPELESS or unicodedata.category(one) in ("Cc", "Cf", "Mn", "Me") for one in text
    )


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

    @property
    def size(self) -> int:
        """Characters that lie inline."""
        return len(self.text or "") + len(self.data or "")


def _are_small(attachments: list[Attachment]) -> list[Attachment]:
    if sum(one.size for one in attachments) > MAX_INLINE:
        raise ValueError(f"the attachments are larger than {MAX_INLINE // 1024} KiB together: send a url instead")
    return attachments


Attachments = Annotated[list[Attachment], Field(max_length=MAX_ATTACHMENTS), AfterValidator(_are_small)]
"""All files beside one message."""


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
    attachments: Attachments = Field(default_factory=list)
    expects_reply: bool = True
    replaces: int | None = Field(
        default=None, ge=1, lt=2**53, description="The question (by `seq`) that this one is asked instead of."
    )
    queued: bool = Field(default=False, description="Set by the Inbox: its text lies there.")
    gathered: bool = Field(default=False, description="Set by Chat, for the Inbox: quick lines become one question.")
    undated: bool = Field(default=False, description="Set where `at` is when it came, which says nothing of its age.")

    @field_validator("id")
    @classmethod
    def _no_id_is_none(cls, value: str | None) -> str | None:
        return value or None  # or all messages without one would be repeats of the first

    @property
    def size(self) -> int:
        """Characters of text and inline attachments."""
        return len(self.message) + sum(a.size for a in self.attachments)

    @model_validator(mode="after")
    def _says_something(self) -> Inbound:
        if not self.queued and is_blank(self.message) and not self.attachments:
            raise ValueError("the message is empty: say something or attach a file")
        return self


class Notes(Contract):
    """What was said in a thread without the bot, in order: context, not questions."""

    messages: list[Inbound] = Field(default_factory=list, max_length=500)


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
    cut: CutOff | None = None
    shortened: bool = False
    """Whether the question was longer than the model can read: its middle was left out."""
    replaced: bool = False
    after: int | None = None
    versions: list[int] = Field(default_factory=list)
    """All versions of this message by `seq`, oldest first, itself among them; told by `get_history`, never kept."""
    feedback: dict[str, Rating] = Field(default_factory=dict)
    """What people said of this reply, by person."""
    undelivered: str | None = None
    """Why this reply has not reached its platform (yet)."""

    def contains(self, text: str) -> bool:
        """Return whether a search for `text` finds this message. Case is ignored; replaced versions are never found."""
        return not self.replaced and text.casefold() in self.text.casefold()


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
    cut: CutOff | None = None
    shortened: bool = False
