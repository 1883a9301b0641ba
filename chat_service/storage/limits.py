"""Limit how many messages one response carries.

Trap: Restate does not accept a payload over 32 MiB, neither from a handler nor from a client, and runs the handler
again without end. Pages are therefore limited by their size in JSON, including inline attachments and escapes, and not
only by the number of messages. A page may be shorter than requested; the reader continues from there.
"""

from __future__ import annotations

from collections.abc import Iterable

from chat_service.contracts import Message

MAX_RESPONSE_BYTES = 4 * 1024 * 1024
"""Bytes of the messages in one response. It has room for the queued messages besides, which `Queue` limits (24 MiB at
worst), and for the question of the running turn."""


def json_bytes(message: Message) -> int:
    """Return the size of a message in JSON, as handlers respond with it."""
    return len(message.model_dump_json().encode())


def count_fitting(newest_first: Iterable[Message], room: int = MAX_RESPONSE_BYTES) -> int:
    """Return how many of the messages fit into one response, at least one."""
    count = 0
    for message in newest_first:
        room -= json_bytes(message)
        if count and room < 0:
            break
        count += 1
    return count
