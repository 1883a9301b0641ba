"""The pages of a `Transcript`: how they lie in its state, and what is asked of it.

Message `seq` lies in page `(seq - 1) // PAGE`. Beside the pages stands one record per platform message id.
"""

from __future__ import annotations

from chat_service.contracts import Contract, Message, Time
from chat_service.domain.deletion import DeletionScope
from chat_service.domain.window import PAGE_SIZE
from chat_service.storage.serde import StateRecord


class Page(StateRecord):
    """`PAGE` messages, oldest first; the last page may still grow."""

    messages: list[Message] = []


class TranscriptHead(StateRecord):
    """The newest sequence number kept, and the epoch: pages sent before a forget come too late."""

    epoch: int = 0
    last_seq: int = 0


class AppendRequest(Contract):
    """Messages that scrolled out of `Chat`, in order."""

    epoch: int
    messages: list[Message]


class PageStored(Contract):
    """Confirms to `Chat` that the messages from `first` to `last` are kept here."""

    first: int
    last: int


class EraseRequest(Contract):
    """Forget the texts; `ids` are those of messages that never came here, kept as marks. `crowded`: more people wrote
    than `Chat` knows by heart, and their directories list the conversation too."""

    epoch: int
    ids: list[str] = []
    has_unlisted_people: bool = False


class Tombstones(Contract):
    """Ids of messages that were taken back: nothing of them is kept but that they were here."""

    ids: list[str]


class PruneRequest(Contract):
    """What is to go; `beside` are the messages that Chat holds, which may complete a turn that lies here in part."""

    scope: DeletionScope
    held_by_chat: list[Message] = []


class PruneResult(Contract):
    """When the oldest turn that is left has ended (None when nothing is left), and how many messages went."""

    oldest_turn_end: Time | None = None
    removed: int = 0


class MessageLocation(Contract):
    """Whether, and where, a message stands: 0 when nothing but its mark is left."""

    seq: int | None = None


class FindRequest(Contract):
    """Looks a platform message id up, or the question of a turn."""

    id: str | None = None
    turn: int | None = None


class MessagePage(Contract):
    """Messages, oldest first; `more` when older ones exist."""

    messages: list[Message] = []
    more: bool = False


def page_number(seq: int) -> int:
    """The number of the page that message `seq` lies in; -1 before the first."""
    return (seq - 1) // PAGE_SIZE


def page_key(number: int) -> str:
    return f"page:{number}"


def id_key(message_id: str) -> str:
    return f"id:{message_id}"
