"""Stops on their way into a running model step.

A stop reaches the step twice over. The durable signal wakes the handler, which sits in the same process as its step
and sets the halt directly. The live bus carries the same wish for when the handler cannot be woken because the
engine has suspended it (always-replay mode, or a step that was quiet for longer than the inactivity timeout).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from chat_service.live import LiveBus, LiveEvent

STOP_TOPIC = "stop/"
"""Stops travel under this prefix and not under the conversation's key, so that the one listener of a process
does not have to read every preview."""


class CancelToken:
    """One running step's wish to end; `drain` is the mark of a stop of everything."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.stop_all_marker: str | None = None

    def set(self, drain: str | None) -> None:
        """Ask the step to end; doing so twice is harmless."""
        self.stop_all_marker = self.stop_all_marker or drain
        self._event.set()

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    async def wait(self) -> None:
        """Until somebody asks."""
        await self._event.wait()


class CancelRegistry:
    """The halts of the steps that run in this process, by conversation and turn."""

    def __init__(self) -> None:
        self._halts: dict[tuple[str, int], CancelToken] = {}

    @contextmanager
    def register(self, conversation: str, turn: int, halt: CancelToken) -> Iterator[None]:
        """Register while the step runs."""
        self._halts[conversation, turn] = halt
        try:
            yield
        finally:
            if self._halts.get((conversation, turn)) is halt:
                del self._halts[conversation, turn]

    async def listen_for_stops(self, bus: LiveBus) -> None:
        """Pass on the stops that come over the bus, for ever."""
        async with bus.subscribe(STOP_TOPIC) as events:
            async for event in events:
                key = event.conversation.removeprefix(STOP_TOPIC)
                if halt := self._halts.get((key, event.turn)):
                    halt.set(event.text or None)


def stop_event(conversation: str, turn: int, drain: str | None) -> LiveEvent:
    """The event that asks a running step to end."""
    return LiveEvent(conversation=STOP_TOPIC + conversation, kind="stop", turn=turn, text=drain or "")
