"""Which messages are deleted with a person, and which because of their age."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from chat_service.contracts import Author, Message
from chat_service.contracts.deletion import DeletionScope
from chat_service.domain.deletion import deletion_predicate, participant_ids, without_feedback_of

START = datetime(2026, 1, 1, tzinfo=UTC)


def turn(number: int, *authors: str) -> list[Message]:
    """Return the questions of `authors` and a reply, each a day after the one before."""
    at = START + timedelta(days=number)
    questions = [
        Message(seq=0, turn=number, role="user", text=f"{author}{number}", at=at, author=Author(id=author, name=author))
        for author in authors
    ]
    reply = Message(seq=0, turn=number, role="assistant", text=f"reply{number}", at=at, feedback={"C": "up"})
    return [*questions, reply]


def remaining(messages: list[Message], scope: DeletionScope) -> list[str]:
    is_deleted = deletion_predicate(messages, scope)
    return [m.text for m in messages if not is_deleted(m)]


def test_turn_of_the_deleted_person_alone_is_deleted_completely() -> None:
    messages = [*turn(1, "A"), *turn(2, "A", "B"), *turn(3, "B")]
    assert remaining(messages, DeletionScope(person="A")) == ["B2", "reply2", "B3", "reply3"]


def test_turns_that_ended_before_the_time_are_deleted() -> None:
    messages = [*turn(1, "A"), *turn(2, "A")]
    assert remaining(messages, DeletionScope(before=messages[-1].at)) == ["A2", "reply2"]


def test_people_who_gave_feedback_are_participants() -> None:
    messages = turn(1, "A", "B")
    assert participant_ids(["A"], messages) == ("A", "B", "C")
    assert not any(m.feedback for m in without_feedback_of(messages, DeletionScope(person="C")))
