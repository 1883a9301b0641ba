"""How many messages one answer may carry.

Trap: what is larger than 32 MiB the engine does not take, from a handler as little as from a person, and it asks the
handler again without end. So pages are bounded by what they come to in JSON, inline attachments and escapes included,
and not by the number of messages alone: a page may be shorter than was asked for, and whoever reads goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterable

from chat_service.contracts import Message

MAX_RESPONSE_BYTES = 4 * 1024 * 1024
"""Of the messages in one answer. Beside them it has room for all that waits, which is bounded by its `Inbox` (24 MiB at
worst), and for the question that is being answered."""


def json_bytes(message: Message) -> int:
    """Bytes of a message in JSON, as the handlers answer with it."""
    return len(message.model_dump_json().encode())


def count_fitting(newest_first: Iterable[Message], room: int = MAX_RESPONSE_BYTES) -> int:
    """How many of these messages go into one answer; one always does."""
    count = 0
    for message in newest_first:
        room -= json_bytes(message)
        if count and room < 0:
            break
        count += 1
    return count
