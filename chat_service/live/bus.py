"""What the live bus carries, and the protocol both of its kinds keep.

Everything on it may be lost, doubled or late: whoever listens takes the truth from `get_history`. Without a bus
everything works but previews, and a stop goes by its durable signal alone.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol

from chat_service.contracts import Contract, Inbound, Message

Kind = Literal["waiting", "started", "delta", "retry", "ended", "changed", "touched", "stop"]


class LiveEvent(Contract):
    """One thing that happened in a conversation.

    waiting: `message` was accepted. started: `question` is being answered. delta: `text` follows at character
    `offset` of attempt `attempt`; another attempt replaces the text. retry: the next try comes in `seconds`
    because of `text`. ended: the model has stopped speaking (the truth follows in the history). changed: title,
    settings or history changed otherwise. touched: a person changed something or asked for it, and so wants to keep
    the conversation. stop: asks the running step of `turn` to end; `text` is the mark that a
    stop of everything leaves.
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
    """What the running turn has said so far."""

    conversation: str
    turn: int
    attempt: str
    text: str

    @classmethod
    def extended(cls, said: Preview | None, event: LiveEvent) -> Preview:
        """What was said, with one more delta; the first delta of another attempt starts anew."""
        text = said.text[: event.offset] if said and said.attempt == event.attempt else ""
        return cls(conversation=event.conversation, turn=event.turn, attempt=event.attempt, text=text + event.text)


class Pause(Contract):
    """Why the running turn says nothing, and until when, in seconds since 1970: then the model is asked again."""

    turn: int
    until: float
    why: str

    @classmethod
    def told(cls, event: LiveEvent) -> Pause:
        """What a `retry` says, for those who ask later."""
        return cls(turn=event.turn, until=time.time() + event.seconds, why=event.text)


ENDS_PAUSE = ("started", "delta", "ended")
"""After these the model is being asked again, or no more."""


class LiveBus(Protocol):
    """Publish and subscribe by conversation key."""

    def publish(self, event: LiveEvent) -> None:
        """Send at once and never wait; an event that cannot be sent is dropped."""
        ...

    def subscribe(self, prefix: str) -> AbstractAsyncContextManager[AsyncIterator[LiveEvent]]:
        """Events of all conversations whose key starts with `prefix`; nothing is missed once entered."""
        ...

    async def so_far(self, conversation: str) -> Preview | None:
        """What a window that opens in mid-reply shows first."""
        ...

    async def pause(self, conversation: str) -> Pause | None:
        """What the running turn waits for, if it does."""
        ...
