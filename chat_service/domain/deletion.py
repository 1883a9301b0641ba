"""Which messages go when a person is forgotten or an age is reached: pure functions on a conversation's messages.

A turn that only the forgotten person asked goes whole, its reply may repeat what they said; from a turn of several
people only their own messages go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from chat_service.contracts import Contract, Message, Time

Goes = Callable[[Message], bool]


class DeletionScope(Contract):
    """What is to go: everything of one author, or every turn that ended before a time."""

    person: str | None = None
    before: Time | None = None


def deletion_predicate(messages: Sequence[Message], cut: DeletionScope) -> Goes:
    """Decides for each of `messages`, which must hold every turn in question whole."""
    if cut.person is not None:
        return _of_person(messages, cut.person)
    if cut.before is not None:
        return _older(messages, cut.before)
    return lambda message: False


def without_feedback_of(messages: Sequence[Message], cut: DeletionScope) -> list[Message]:
    """The messages without what a person that goes thought of them."""
    return [
        m.model_copy(update={"feedback": {who: said for who, said in m.feedback.items() if who != cut.person}})
        if cut.person in m.feedback
        else m
        for m in messages
    ]


def _of_person(messages: Sequence[Message], person: str) -> Goes:
    asked: dict[int, set[str]] = {}
    for message in messages:
        if message.role == "user":
            asked.setdefault(message.turn, set()).add(message.author.id if message.author else "")

    def goes(message: Message) -> bool:
        if message.role == "user":
            return message.author is not None and message.author.id == person
        return asked.get(message.turn) == {person}

    return goes


def _older(messages: Sequence[Message], before: datetime) -> Goes:
    ended = _ends(messages)
    return lambda message: ended[message.turn] < before


def oldest_turn_end(messages: Sequence[Message]) -> datetime | None:
    """When the turn that ended first has ended: a question found by catch-up may be much older than its reply."""
    return min(_ends(messages).values(), default=None)


def _ends(messages: Sequence[Message]) -> dict[int, datetime]:
    ended: dict[int, datetime] = {}
    for message in messages:
        ended[message.turn] = max(ended.get(message.turn, message.at), message.at)
    return ended
