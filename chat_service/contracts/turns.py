"""Calls that change turns, waiting messages and stored messages."""

from __future__ import annotations

from pydantic import Field

from chat_service.contracts.base import Contract, Time
from chat_service.contracts.messages import MAX_TEXT, Attachments, Rating


class TurnRequest(Contract):
    """Names a turn, by its number or by the id of a message in it."""

    turn: int | None = Field(default=None, ge=1, lt=2**53)
    id: str | None = None


class ContinueRequest(Contract):
    """`seq` is the reply that the person saw: a later one is not continued."""

    seq: int | None = None


class ChooseRequest(Contract):
    """Names the version to show, by its sequence number."""

    seq: int = Field(ge=1, lt=2**53)


class StopRequest(Contract):
    """`turn` is the turn that the person saw: a later one is not stopped. `all` also withdraws the waiting messages."""

    all: bool = False
    turn: int | None = None


class StopResult(Contract):
    """Whether a turn was running, and which turn was stopped."""

    stopped: bool
    turn: int | None = None


class StopAllBarrier(Contract):
    """Sent by a "stop all" to its own conversation: messages that were accepted before it are withdrawn."""

    marker: str


class RecoverRequest(Contract):
    """Names the dead invocation whose turn is to be answered again."""

    invocation: str


class AcceptedMessage(Contract):
    """A message was added to the queue: the invocation that will answer it, and its place in the queue (0: next)."""

    invocation: str
    place: int = 0
    duplicate: bool = False


class WithdrawRequest(Contract):
    """Names the waiting messages to remove: one by `id`, all of one `author` (by id), or `all`."""

    id: str | None = None
    author: str | None = None
    all: bool = False


class EditRequest(Contract):
    """The new text of a message, which is not answered again. `attachments` None leaves them as they are."""

    id: str
    message: str = Field(max_length=MAX_TEXT)
    attachments: Attachments | None = None


class RedactRequest(Contract):
    """A message that its author deleted. `at` is when it was written: if it arrives later, it is not answered."""

    id: str
    at: Time | None = None


class FeedbackRequest(Contract):
    """A person's rating of a reply, named by its sequence number; None removes the rating."""

    seq: int
    person: str = Field(min_length=1, max_length=200)
    value: Rating | None = None
