"""Detection of a chat service that became unreachable while a person waits for a reply.

The live bus is silent when the chat service dies, and also while Redis is unreachable. So, while a reply is awaited and
the bus is silent, the probe reads the conversation's history. An answer shows that the chat service is reachable, and
reveals a turn whose `started` event was lost. Without an answer, the windows show that the chat service is unreachable.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from chat_service import handlers
from chat_service.contracts import HistoryRequest
from chat_service.ingress import IngressClient, IngressError
from chat_service.live import LiveEvent

PROBE_AFTER_SECONDS = 2.0
"""Silence of the bus before a probe. A model may think far longer; a probe is cheap and shows nothing to people."""
UNREACHABLE_AFTER_SECONDS = 3.0
"""An answer usually takes milliseconds. A busy machine may need longer and must not count as unreachable."""
CALL_TIMEOUT_SECONDS = 3600.0
CHAT_SERVICE_EVENTS = ("started", "delta", "retry", "ended")
"""Kinds of events that only the chat service publishes."""


class PublishEvent(Protocol):
    """Sends an event of a conversation to the windows."""

    def __call__(self, kind: str, conversation: str, **fields: str | int) -> None: ...


class LivenessProbe:
    """Publishes `unreachable` and `reachable` for the chat service, and `changed` if the bus lost a start."""

    def __init__(self, ingress: IngressClient, publish: PublishEvent, has_windows: Callable[[], bool]) -> None:
        self._ingress = ingress
        self._publish = publish
        self._has_windows = has_windows
        self._awaited: dict[str, _AwaitedReply] = {}

    @contextmanager
    def probe_while_awaited(self, conversation: str) -> Iterator[None]:
        """Probe the conversation while the block runs. Several blocks for one conversation share one probe."""
        awaited = self._awaited.get(conversation)
        if awaited is None:
            awaited = self._awaited[conversation] = _AwaitedReply()
            awaited.task = asyncio.create_task(self._probe_silence(conversation, awaited))
        awaited.block_count += 1
        try:
            yield
        finally:
            awaited.block_count -= 1
            if not awaited.block_count:
                del self._awaited[conversation]
                if awaited.task:
                    awaited.task.cancel()

    def record_event(self, event: LiveEvent) -> None:
        """Note that the bus delivered an event of the chat service. Events that this page publishes prove nothing."""
        if (awaited := self._awaited.get(event.conversation)) and event.kind in CHAT_SERVICE_EVENTS:
            awaited.last_event_at = asyncio.get_running_loop().time()
            awaited.turn = max(awaited.turn, event.turn)
            awaited.is_unreachable = False  # the windows replace the notice by the event itself

    async def _probe_silence(self, conversation: str, awaited: _AwaitedReply) -> None:
        now = asyncio.get_running_loop().time
        awaited.last_event_at = now()
        while True:
            silence = now() - awaited.last_event_at
            if silence >= PROBE_AFTER_SECONDS and self._has_windows():
                with contextlib.suppress(IngressError, TimeoutError):
                    await self._probe(conversation, awaited)
            await asyncio.sleep(max(PROBE_AFTER_SECONDS - silence, PROBE_AFTER_SECONDS / 2))

    async def _probe(self, conversation: str, awaited: _AwaitedReply) -> None:
        """Read the history once and wait for it without limit: Restate keeps every call, so a repeat would add load."""
        last_event_at = awaited.last_event_at
        newest = HistoryRequest(limit=1)
        call = self._ingress.call(handlers.CHAT_GET_HISTORY, conversation, newest, timeout=CALL_TIMEOUT_SECONDS)
        task = asyncio.create_task(call)
        try:
            await asyncio.wait({task}, timeout=UNREACHABLE_AFTER_SECONDS)
            failed = not task.done() or task.exception() is not None
            if failed and awaited.last_event_at == last_event_at and not awaited.is_unreachable:
                awaited.is_unreachable = True
                self._publish("unreachable", conversation)
            page = await task
        finally:
            task.cancel()
        if awaited.is_unreachable:
            awaited.is_unreachable = False
            self._publish("reachable", conversation)
        if page.running and page.running.turn > awaited.turn:
            awaited.turn = page.running.turn
            self._publish("changed", conversation)


class _AwaitedReply:
    """The state of the probe for one conversation."""

    def __init__(self) -> None:
        self.block_count = 0
        self.last_event_at = 0.0
        self.turn = 0
        self.is_unreachable = False
        self.task: asyncio.Task[None] | None = None
