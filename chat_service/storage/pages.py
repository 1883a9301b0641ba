"""The state of `Transcript`: pages of messages, and the position of each platform message id.

Message `seq` lies in page `(seq - 1) // PAGE_SIZE`. State keys: `head`, `page:{number}`, and `id:{message id}` with the
message's sequence number (0 for a tombstone: the id of a message that was withdrawn or deleted).
"""

from __future__ import annotations

from chat_service.contracts import Message
from chat_service.domain.window import PAGE_SIZE
from chat_service.storage.record import StateRecord


class Page(StateRecord):
    """`PAGE_SIZE` messages, oldest first; the last page may still grow."""

    messages: list[Message] = []


class TranscriptHead(StateRecord):
    """The newest stored sequence number, and the epoch: pages sent before a deletion arrive late and are dropped."""

    epoch: int = 0
    last_seq: int = 0


def page_number(seq: int) -> int:
    """Return the number of the page that message `seq` lies in; -1 for `seq` 0."""
    return (seq - 1) // PAGE_SIZE


def page_key(number: int) -> str:
    return f"page:{number}"


def id_key(message_id: str) -> str:
    return f"id:{message_id}"
