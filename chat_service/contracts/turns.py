"""What can be done to turns and to what waits for one."""

from __future__ import annotations

from pydantic import Field

from chat_service.contracts.base import Contract, Time
from chat_service.contracts.messages import MAX_TEXT, Attachments, Rating


class TurnRequest(Contract):
    """Names a turn, by its number or by the id of a message in it."""

    turn: int | None = Field(default=None, ge=1, lt=2**53)
    id: str | None = None


class ContinueRequest(Contract):
    """`seq` guards against going on with a later reply than the one that was seen."""

    seq: int | None = None


class ChooseRequest(Contract):
    """Names the version that is to be shown, by its sequence number."""

    seq: int = Field(ge=1, lt=2**53)


class StopRequest(Contract):
    """`turn` guards against stopping a later turn than the one that was seen; `all` also withdraws what waits."""

    all: bool = False
    turn: int | None = None


class StopResult(Contract):
    """Whether something was running, and which turn the stop was sent to."""

    stopped: bool
    turn: int | None = None


class StopAllBarrier(Contract):
    """Sent by a "stop all" to its own conversation: messages that were accepted before it are withdrawn."""

    mark: str


class RecoverRequest(Contract):
    """Names the dead invocation whose turn is to be answered anew."""

    invocation: str


class AcceptedMessage(Contract):
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
    attachments: Attachments | None = None


class RedactRequest(Contract):
    """A message that its author deleted. `at` is when it was written: it keeps an unseen one from being answered."""

    id: str
    at: Time | None = None


class FeedbackRequest(Contract):
    """A person's word on a reply, by its sequence number; None takes it back."""

    seq: int
    person: str = Field(min_length=1, max_length=200)
    value: Rating | None = None
