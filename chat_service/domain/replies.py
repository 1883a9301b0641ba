"""Reply messages: built from a turn's result, compared, and converted to the contract's `Reply`."""

from __future__ import annotations

from chat_service.contracts import Message, Reply
from chat_service.storage.state import TurnResult


def new_reply(seq: int, turn: int, result: TurnResult) -> Message:
    """Return the reply message of a turn."""
    reply = Message(seq=seq, turn=turn, role="assistant", text=result.text, at=result.at)
    apply_result(reply, result)
    return reply


def apply_result(reply: Message, result: TurnResult) -> None:
    """Write a turn's result into its reply."""
    reply.text, reply.at, reply.status, reply.error = result.text, result.at, result.status, result.error
    reply.model, reply.usage, reply.seconds = result.model, result.usage, result.seconds
    reply.cut, reply.shortened = result.cut, result.shortened


def is_worse(reply: Message, previous: Message) -> bool:
    """Whether a regenerated reply failed or is empty while the previous one is good, which then stays shown."""
    is_previous_good = bool(previous.text) and previous.status != "failed"
    return is_previous_good and (reply.status == "failed" or not reply.text)


def to_reply(message: Message) -> Reply:
    """Return a reply message as the contract's `Reply`."""
    return Reply(
        reply=message.text,
        status=message.status,
        turn=message.turn,
        seq=message.seq,
        error=message.error,
        model=message.model,
        usage=message.usage,
        seconds=message.seconds,
        cut=message.cut,
        shortened=message.shortened,
    )
