"""Between a conversation and the objects that bring its replies to a platform."""

from __future__ import annotations

from pydantic import Field

from chat_service.contracts.base import Contract


class QuestionMessage(Contract):
    """A message that a turn answers: its platform id, and who wrote it."""

    id: str | None = None
    person: str = ""


class DeliverRequest(Contract):
    """Sent to a platform's delivery object at the start of a turn: whose outcome to bring."""

    turn: int
    invocation: str
    question: list[QuestionMessage] = Field(default_factory=list)
    late: bool = False
    """The history says "undelivered" by now: tell it when that is no longer so."""


class DeliveryReport(Contract):
    """What became of a delivery: `undelivered` says why it failed for good; None, that it arrived."""

    turn: int
    undelivered: str | None = None
