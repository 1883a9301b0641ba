"""Messages: as they arrive, as they are stored, and the reply to them."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator

from chat_service.contracts.base import Contract, Time

MAX_TEXT = 256 * 1024
"""Characters of one message. Restate accepts 32 MiB; a model never does, and state is kept small on purpose."""
MAX_INLINE = 256 * 1024
"""Characters of all inline attachments of one message; larger files are given by `url`."""
MAX_ATTACHMENTS = 10
Status = Literal["waiting", "running", "answered", "stopped", "failed", "withdrawn", "noted", "forgotten"]
"""State of a turn. `noted`: context without a question. `withdrawn`: removed before it was answered."""
CutOff = Literal["length", "filter"]
"""Why a reply is incomplete: the model's limit of tokens, or its provider's content filter."""
Rating = Literal["up", "down"]
"""A person's rating of a reply."""
_INVISIBLE = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Characters that are letters or symbols by their category, but invisible."""


def is_blank(text: str) -> bool:
    """Return whether a text is invisible: only spaces, characters of no width, and marks without a letter."""
    return all(
        char.isspace() or char in _INVISIBLE or unicodedata.category(char) in ("Cc", "Cf", "Mn", "Me") for char in text
    )


class Author(Contract):
    """The author of a message: the platform's id and name."""

    id: str = Field(default="", max_length=200)
    name: str = Field(default="", max_length=200)


class Attachment(Contract):
    """A file of a message: inline as `text` or `data` (base64), or by `url` if it is larger."""

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
        """Inline characters."""
        return len(self.text or "") + len(self.data or "")


def _are_small(attachments: list[Attachment]) -> list[Attachment]:
    if sum(attachment.size for attachment in attachments) > MAX_INLINE:
        raise ValueError(f"the attachments are larger than {MAX_INLINE // 1024} KiB together: send a url instead")
    return attachments


Attachments = Annotated[list[Attachment], Field(max_length=MAX_ATTACHMENTS), AfterValidator(_are_small)]
"""All files of one message."""


class Inbound(Contract):
    """A message as it arrives.

    `id` is the platform's id of the message: a repeat has no effect. `at` is when it was written. With
    `expects_reply=False` it is context that was written in the thread, but not to the bot.
    """

    # Restate's playground fills its form with this example. Without it, the form has a value for every field, and a
    # person who sends it twice sends the same `id` twice.
    model_config = ConfigDict(json_schema_extra={"examples": [{"message": "Hello! Who are you?"}]})

    message: str = Field(default="", max_length=MAX_TEXT, description="The text.", examples=["Hello! Who are you?"])
    id: str | None = Field(default=None, max_length=200, description="The platform's id of the message.")
    author: Author | None = None
    at: Time | None = Field(default=None, description="When it was written; now, if left out.")
    attachments: Attachments = Field(default_factory=list)
    expects_reply: bool = True
    replaces: int | None = Field(
        default=None, ge=1, lt=2**53, description="The question (by `seq`) that this one replaces."
    )
    queued: bool = Field(default=False, description="Set by Queue, which holds the text.")
    gathered: bool = Field(
        default=False, description="Set by Chat, for Queue: messages in quick succession become one question."
    )
    undated: bool = Field(default=False, description="Set when `at` is the time of arrival, not of writing.")

    @field_validator("id")
    @classmethod
    def _no_id_is_none(cls, value: str | None) -> str | None:
        return value or None  # an empty id would make all such messages repeats of the first

    @property
    def size(self) -> int:
        """Characters of text and inline attachments."""
        return len(self.message) + sum(a.size for a in self.attachments)

    @model_validator(mode="after")
    def _is_not_blank(self) -> Inbound:
        if not self.queued and is_blank(self.message) and not self.attachments:
            raise ValueError("the message is empty: say something or attach a file")
        return self


class Notes(Contract):
    """Messages that were written in a thread but not to the bot, in order: context, not questions."""

    messages: list[Inbound] = Field(default_factory=list, max_length=500)


class Usage(Contract):
    """Tokens, as counted by the provider."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0


class Message(Contract):
    """One message of a conversation, as it is stored and shown.

    A reply has the result of its turn. `replaced`: another version is shown in its place, or in the place of a message
    that it followed; the model does not see it. `after` is the message that it follows, if that is not the one before
    it.
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
    """The question was longer than the model can read: its middle was left out."""
    replaced: bool = False
    after: int | None = None
    versions: list[int] = Field(default_factory=list)
    """All versions of this message by `seq`, oldest first, including itself. Set by `get_history`, never stored."""
    feedback: dict[str, Rating] = Field(default_factory=dict)
    """Ratings of this reply, by person."""
    undelivered: str | None = None
    """Why this reply has not reached its platform (yet)."""

    def contains(self, text: str) -> bool:
        """Return whether a search for `text` finds this message. Case is ignored; replaced versions are never found."""
        return not self.replaced and text.casefold() in self.text.casefold()


class Reply(Contract):
    """The result of `Chat/message`: the reply, and how the turn ended."""

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
