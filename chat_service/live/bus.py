"""The events on the live bus and the protocol of its two implementations.

Events may be lost, duplicated or late: a subscriber reads the history to get the authoritative state. Without a bus
everything works except previews, and a turn is stopped only by its durable signal.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol

from chat_service.contracts import Contract, Inbound, Message

Kind = Literal["waiting", "started", "delta", "retry", "ended", "changed", "used", "stop"]


class LiveEvent(Contract):
    """An event in a conversation.

    Kinds:
        waiting: `message` was accepted into the queue.
        started: a turn began to answer `question`.
        delta: `text` continues the reply at character `offset` of attempt `attempt`. A new attempt replaces the text.
        retry: the next attempt begins in `seconds`; `text` is the reason.
        ended: the model call has ended. The result follows in the history.
        changed: the title, the settings or the history changed in another way.
        used: a person changed or requested something, and so wants to keep the conversation.
        stop: asks the running step of `turn` to end. `text` is the marker that a "stop all" leaves.
    """

    conversation: str
    kind: Kind
    turn: int = 0
    invocation: str = ""
    attempt: str = ""
    offset: int = 0
    text: str = ""
    seconds: float = 0
    question: list[Message] = []
    message: Inbound | None = None


class Preview(Contract):
    """The text of a running reply so far."""

    conversation: str
    turn: int
    attempt: str
    text: str

    @classmethod
    def extend(cls, previous: Preview | None, event: LiveEvent) -> Preview:
        """Return the preview with one more delta. The first delta of a new attempt replaces the text."""
        text = previous.text[: event.offset] if previous and previous.attempt == event.attempt else ""
        return cls(conversation=event.conversation, turn=event.turn, attempt=event.attempt, text=text + event.text)


class RetryWait(Contract):
    """The wait of a running turn before its next attempt.

    Attributes:
        until: the time of the next attempt, in seconds since 1970.
        reason: why the last attempt failed.
    """

    turn: int
    until: float
    reason: str

    @classmethod
    def from_event(cls, event: LiveEvent) -> RetryWait:
        """Return the wait that a `retry` event announces."""
        return cls(turn=event.turn, until=time.time() + event.seconds, reason=event.text)


ENDS_RETRY_WAIT = ("started", "delta", "ended")
"""Kinds of events after which no retry is pending."""


class LiveBus(Protocol):
    """Publish and subscribe by conversation key."""

    def publish(self, event: LiveEvent) -> None:
        """Send an event without waiting. An event that cannot be sent is dropped."""
        ...

    def subscribe(self, prefix: str) -> AbstractAsyncContextManager[AsyncIterator[LiveEvent]]:
        """Yield the events of all conversations whose key starts with `prefix`, from entering the block on."""
        ...

    async def get_preview(self, conversation: str) -> Preview | None:
        """Return the text of the running reply so far, for a page that is opened meanwhile."""
        ...

    async def get_retry_wait(self, conversation: str) -> RetryWait | None:
        """Return the running turn's wait for its next attempt, if it waits."""
        ...
