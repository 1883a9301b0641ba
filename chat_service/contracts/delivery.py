"""Calls between a conversation and the objects that deliver its replies to a platform."""

from __future__ import annotations

from pydantic import Field

from chat_service.contracts.base import Contract


class QuestionMessage(Contract):
    """A message that a turn answers: its platform id, and its author."""

    id: str | None = None
    person: str = ""


class DeliverRequest(Contract):
    """Sent to a platform's delivery object at the start of a turn: the turn whose outcome it delivers."""

    turn: int
    invocation: str
    question: list[QuestionMessage] = Field(default_factory=list)
    late: bool = False
    """The history shows the reply as undelivered: report to it when it was delivered."""


class DeliveryReport(Contract):
    """The result of a delivery: `undelivered` is why it failed for good; None when it succeeded."""

    turn: int
    undelivered: str | None = None
