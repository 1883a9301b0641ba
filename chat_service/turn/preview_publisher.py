"""Collect a reply and publish it to the windows while it grows."""

from __future__ import annotations

import asyncio
import time
from typing import Literal
from uuid import uuid4

from chat_service.contracts import MAX_TEXT, RunningTurn
from chat_service.live import LiveBus, LiveEvent
from chat_service.unicode_text import SurrogateJoiner

PREVIEW_SECONDS = 0.04
"""The first chunk is published at once, later ones together at this interval: faster than an eye and slower than a
token."""


class PreviewPublisher:
    """Collects the reply of one attempt in `text` and publishes it to the windows."""

    def __init__(self, conversation: str, running: RunningTurn, bus: LiveBus) -> None:
        self._conversation = conversation
        self._running = running
        self._bus = bus
        self._attempt = uuid4().hex[:12]
        self._published = 0
        self._timer: asyncio.TimerHandle | None = None
        self._last_flush = 0.0
        self._joiner = SurrogateJoiner()
        self.text = running.partial_text

    def add(self, text: str) -> bool:
        """Add the next part of the reply; return False when the reply is as long as a reply may be."""
        text = self._joiner.feed(text)
        if text:
            self.text += self._separator(text) + text
            self._schedule_flush()
        is_full = len(self.text) >= MAX_TEXT
        self.text = self.text[:MAX_TEXT]  # no useful reply is this long, and state has to stay small
        return not is_full

    def end_text(self) -> None:
        """Add the half of a surrogate pair whose other half never came."""
        self.text += self._joiner.flush()

    async def restore_text(self) -> None:
        """Take the text of the previous attempt from the bus if this attempt has produced none."""
        if self.text != self._running.partial_text:
            return
        preview = await self._bus.get_preview(self._conversation)
        if preview and preview.turn == self._running.turn:
            self.text = preview.text

    def publish(self, kind: Literal["started", "delta", "ended"], **fields: object) -> None:
        """Publish an event of this turn."""
        event = {
            "conversation": self._conversation,
            "kind": kind,
            "turn": self._running.turn,
            "invocation": self._running.invocation,
            "attempt": self._attempt,
            **fields,
        }
        if kind == "started":
            event["question"] = self._running.question
        self._bus.publish(LiveEvent.model_validate(event))

    def flush(self) -> None:
        """Publish the text that has not been published."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._last_flush = time.monotonic()
        if self._published < len(self.text):
            self.publish("delta", offset=self._published, text=self.text[self._published :])
            self._published = len(self.text)

    def close(self) -> None:
        """Publish the remaining text and the end of the step."""
        self.flush()
        self.publish("ended")

    def _separator(self, chunk: str) -> str:
        """Return the space between a reply's beginning and its continuation: a model starts without one."""
        partial_text = self._running.partial_text
        if not partial_text or self.text != partial_text:
            return ""
        return " " if not partial_text[-1].isspace() and chunk[0].isalnum() else ""

    def _schedule_flush(self) -> None:
        if self._timer is not None:
            return
        wait = self._last_flush + PREVIEW_SECONDS - time.monotonic()
        if wait <= 0:
            self.flush()
        else:
            self._timer = asyncio.get_running_loop().call_later(wait, self.flush)
