"""Reading a conversation: pages, search, export."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from chat_service.contracts.base import Contract, Time
from chat_service.contracts.messages import Inbound, Message


class HistoryRequest(Contract):
    """A page of history: the `limit` messages before sequence number `before`, or the newest. Fewer come where they are
    large (inline attachments): `next_before` of the answer goes on."""

    before: int | None = Field(default=None, ge=1)
    limit: int = Field(default=50, ge=1, le=200)


class RunningTurn(Contract):
    """The turn that is being answered now. Readers always get `started_at`."""

    turn: int
    invocation: str
    question: list[Message] = Field(default_factory=list)
    started_at: Time | None = None
    partial_text: str = ""
    """What stands of the reply already, which goes on from there."""


class History(Contract):
    """A page of a conversation, oldest first, with what is under way.

    `next_before` continues to older messages; None at the beginning. `running` and `waiting` come with the newest
    page only. `replaceable` is the first message from which on questions can be asked anew in other words. `forgotten`
    says that nothing is here since everything was deleted.
    """

    messages: list[Message] = Field(default_factory=list)
    next_before: int | None = None
    running: RunningTurn | None = None
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


class SearchResult(Contract):
    """Messages that contain the text, newest first; `next_before` goes on looking, None when all was looked at."""

    messages: list[Message] = Field(default_factory=list)
    next_before: int | None = None


class ExportRequest(Contract):
    """As what a conversation is wanted."""

    format: Literal["markdown", "json"] = "markdown"


class Export(Contract):
    """A whole conversation as a document."""

    text: str
