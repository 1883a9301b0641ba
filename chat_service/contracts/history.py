"""Reading a conversation: pages, search, export."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from chat_service.contracts.base import Contract, Time
from chat_service.contracts.messages import Inbound, Message


class HistoryRequest(Contract):
    """Asks for the `limit` messages before sequence number `before`, or for the newest.

    The result has fewer where they are large (inline attachments): its `next_before` continues.
    """

    before: int | None = Field(default=None, ge=1)
    limit: int = Field(default=50, ge=1, le=200)


class RunningTurn(Contract):
    """The turn that is being answered now. Results always have `started_at`."""

    turn: int
    invocation: str
    question: list[Message] = Field(default_factory=list)
    started_at: Time | None = None
    partial_text: str = ""
    """The existing part of the reply, which is continued."""


class History(Contract):
    """A page of a conversation, oldest first, with the running turn and the waiting messages.

    Attributes:
        messages: the page.
        next_before: continues to older messages; None at the beginning.
        running: the running turn; only with the newest page.
        waiting: the waiting messages; only with the newest page.
        title: the conversation's title.
        replaceable: the first message from which on questions can be replaced.
        forgotten: there are no messages because the conversation was deleted.
    """

    messages: list[Message] = Field(default_factory=list)
    next_before: int | None = None
    running: RunningTurn | None = None
    waiting: list[Inbound] = Field(default_factory=list)
    title: str = ""
    replaceable: int = 0
    forgotten: bool = False
    version: int = 0
    """Grows with every change: equal versions mean that nothing changed."""


class SearchRequest(Contract):
    """Searches for a text, ignoring case, from `before` back (from the newest message, if left out)."""

    text: str = Field(min_length=1, max_length=200)
    before: int | None = Field(default=None, ge=1)
    limit: int = Field(default=20, ge=1, le=100)


class SearchResult(Contract):
    """Messages that contain the text, newest first; `next_before` continues, None when all messages were searched."""

    messages: list[Message] = Field(default_factory=list)
    next_before: int | None = None


class ExportRequest(Contract):
    """The format of an export."""

    format: Literal["markdown", "json"] = "markdown"


class Export(Contract):
    """A whole conversation as a document."""

    text: str
