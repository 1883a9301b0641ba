"""Rules for deleting a person's messages, or all messages that reached an age.

A turn that only the forgotten person asked is deleted whole, because its reply may repeat the question. From a turn of
several people only that person's messages are deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from chat_service.contracts import Message
from chat_service.contracts.deletion import DeletionScope

MessagePredicate = Callable[[Message], bool]


def deletion_predicate(messages: Sequence[Message], scope: DeletionScope) -> MessagePredicate:
    """Return a function that says whether a message is deleted. `messages` must hold each affected turn completely."""
    if scope.person is not None:
        return _is_of_person(messages, scope.person)
    if scope.before is not None:
        return _is_older(messages, scope.before)
    return lambda message: False


def without_feedback_of(messages: Sequence[Message], scope: DeletionScope) -> list[Message]:
    """Return the messages without the feedback of the person in `scope`."""
    return [_without_feedback(m, scope.person) if scope.person in m.feedback else m for m in messages]


def _without_feedback(message: Message, person: str | None) -> Message:
    feedback = {rater: rating for rater, rating in message.feedback.items() if rater != person}
    return message.model_copy(update={"feedback": feedback})


def participant_ids(known: Iterable[str], *messages: Iterable[Message]) -> tuple[str, ...]:
    """Return the ids of `known` people and of all who wrote or rated one of the messages, each once."""
    held = [m for group in messages for m in group]
    authors = (m.author.id for m in held if m.author and m.author.id)
    return tuple(dict.fromkeys([*known, *authors, *(person for m in held for person in m.feedback)]))


def oldest_turn_end(messages: Sequence[Message]) -> datetime | None:
    """Return the end of the turn that ended first. Its question may be much older, when backfill found it."""
    return min(_turn_ends(messages).values(), default=None)


def _is_of_person(messages: Sequence[Message], person: str) -> MessagePredicate:
    authors: dict[int, set[str]] = {}
    for message in messages:
        if message.role == "user":
            authors.setdefault(message.turn, set()).add(message.author.id if message.author else "")

    def is_deleted(message: Message) -> bool:
        if message.role == "user":
            return message.author is not None and message.author.id == person
        return authors.get(message.turn) == {person}

    return is_deleted


def _is_older(messages: Sequence[Message], before: datetime) -> MessagePredicate:
    turn_ends = _turn_ends(messages)
    return lambda message: turn_ends[message.turn] < before


def _turn_ends(messages: Sequence[Message]) -> dict[int, datetime]:
    ends: dict[int, datetime] = {}
    for message in messages:
        ends[message.turn] = max(ends.get(message.turn, message.at), message.at)
    return ends
