"""Calls of `Transcript`, which holds the messages that have left `Chat`."""

from __future__ import annotations

from chat_service.contracts.base import Contract, Time
from chat_service.contracts.deletion import DeletionScope
from chat_service.contracts.messages import Attachment, Message, Rating


class AppendRequest(Contract):
    """Messages that left `Chat`, in order."""

    epoch: int
    messages: list[Message]


class PageStored(Contract):
    """Tells `Chat` that the messages from `first` to `last` (sequence numbers) are stored."""

    first: int
    last: int


class EraseRequest(Contract):
    """Asks to delete all texts.

    Attributes:
        epoch: the conversation's epoch from now on; pages of an older one are dropped.
        ids: ids of messages that were never stored here, kept as tombstones.
        has_unlisted_people: more people took part than `Chat` remembers; their directories list the conversation too.
    """

    epoch: int
    ids: list[str] = []
    has_unlisted_people: bool = False


class Tombstones(Contract):
    """Ids of withdrawn or deleted messages. Only the id is kept, so that a repeat is recognized."""

    ids: list[str]


class PruneRequest(Contract):
    """Asks to delete messages. `held_by_chat` are the messages that `Chat` holds: a turn may lie in both."""

    scope: DeletionScope
    held_by_chat: list[Message] = []


class PruneResult(Contract):
    """When the oldest remaining turn ended (None when none remains), and how many messages were removed."""

    oldest_turn_end: Time | None = None
    removed: int = 0


class FindRequest(Contract):
    """Asks for a message by its platform id, or for the question of a turn."""

    id: str | None = None
    turn: int | None = None


class MessageLocation(Contract):
    """The sequence number of a message: 0 when only a tombstone is left, None when it was never here."""

    seq: int | None = None


class MessagePage(Contract):
    """Messages, oldest first; `more` when older ones exist."""

    messages: list[Message] = []
    more: bool = False


class Revision(Contract):
    """A change of one message, named by its platform id or its sequence number."""

    id: str | None = None
    seq: int | None = None
    text: str | None = None
    attachments: list[Attachment] | None = None
    forget: bool = False
    person: str = ""
    rating: Rating | None = None

    def matches(self, message: Message) -> bool:
        """Return whether the revision names this message."""
        return message.seq == self.seq if self.seq is not None else message.id == self.id


class RevisionResult(Contract):
    """The turn of the message that was changed; 0 when none was."""

    turn: int = 0
