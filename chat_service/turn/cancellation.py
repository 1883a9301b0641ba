"""Cancel a running model step.

A stop reaches the step in two ways. The durable signal wakes the handler, which runs in the same process as its step
and sets the `CancelToken` directly. The live bus carries the same request for the case that the handler cannot be woken
because Restate has suspended it (always-replay mode, or a step that was quiet for longer than the inactivity timeout).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from chat_service.live import LiveBus, LiveEvent

STOP_TOPIC = "stop/"
"""Prefix of the topics for stops. They do not use the conversation's own topic, so that the one listener of a process
does not have to read every preview."""


class CancelToken:
    """The request to end one running step."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.stop_all_marker: str | None = None

    def set(self, stop_all_marker: str | None) -> None:
        """Ask the step to end; the marker is None unless it is a "stop all". Repeated calls are harmless."""
        self.stop_all_marker = self.stop_all_marker or stop_all_marker
        self._event.set()

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    async def wait(self) -> None:
        """Wait until the token is set."""
        await self._event.wait()


class CancelRegistry:
    """The tokens of the steps that run in this process, by conversation and turn."""

    def __init__(self) -> None:
        self._tokens: dict[tuple[str, int], CancelToken] = {}

    @contextmanager
    def register(self, conversation: str, turn: int, token: CancelToken) -> Iterator[None]:
        """Register the token while the step runs."""
        self._tokens[conversation, turn] = token
        try:
            yield
        finally:
            if self._tokens.get((conversation, turn)) is token:
                del self._tokens[conversation, turn]

    async def listen_for_stops(self, bus: LiveBus) -> None:
        """Set the tokens for stops that arrive over the bus. Runs until it is cancelled."""
        async with bus.subscribe(STOP_TOPIC) as events:
            async for event in events:
                key = event.conversation.removeprefix(STOP_TOPIC)
                if token := self._tokens.get((key, event.turn)):
                    token.set(event.text or None)


def stop_event(conversation: str, turn: int, stop_all_marker: str | None) -> LiveEvent:
    """Return the event that asks a running step to end."""
    return LiveEvent(conversation=STOP_TOPIC + conversation, kind="stop", turn=turn, text=stop_all_marker or "")
