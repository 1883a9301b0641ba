"""Whether anybody is still at a reply that has gone quiet.

The live bus says nothing when the chat service dies, and nothing at all while Redis is away. So, while a reply is
awaited and the bus is quiet, the conversation is asked for: an answer means that the chat service is there, and tells
of a turn whose beginning the bus lost; no answer is said to the windows, in place of a reply that seems to go on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from chat_service.contracts import History, HistoryRequest
from chat_service.ingress import IngressClient, IngressError
from chat_service.live import LiveEvent

PROBE_AFTER_SECONDS = 2.0
"""A bus that said nothing for so long is doubted. A model may think far longer: asking is cheap and shows nothing."""
UNREACHABLE_AFTER_SECONDS = 3.0
"""An answer comes within milliseconds; a machine with much to do may take longer, and is not called away for it."""
CALL_TIMEOUT_SECONDS = 3600.0
CHAT_SERVICE_EVENTS = ("started", "delta", "retry", "ended")


class PublishEvent(Protocol):
    """Passes an event of a conversation on to the windows."""

    def __call__(self, kind: str, conversation: str, **more: Any) -> None: ...


class LivenessProbe:
    """Tells `away` and `back` of the chat service, and `changed` for a turn that nobody told of."""

    def __init__(self, ingress: IngressClient, tell: PublishEvent, watched: Callable[[], bool]) -> None:
        self._ingress = ingress
        self._tell = tell
        self._watched = watched
        self._felt: dict[str, _Felt] = {}

    @contextmanager
    def felt(self, conversation: str) -> Iterator[None]:
        """While the block runs, a reply is awaited in the conversation; several blocks ask as one."""
        felt = self._felt.get(conversation)
        if felt is None:
            felt = self._felt[conversation] = _Felt()
            felt.task = asyncio.create_task(self._feel(conversation, felt))
        felt.awaited += 1
        try:
            yield
        finally:
            felt.awaited -= 1
            if not felt.awaited:
                del self._felt[conversation]
                if felt.task:
                    felt.task.cancel()

    def heard(self, event: LiveEvent) -> None:
        """The bus spoke of a conversation; what it carries from this page says nothing of the chat service."""
        if (felt := self._felt.get(event.conversation)) and event.kind in CHAT_SERVICE_EVENTS:
            felt.at = asyncio.get_running_loop().time()
            felt.turn = max(felt.turn, event.turn)
            felt.away = False  # what it says takes the place of what was said of it

    async def _feel(self, conversation: str, felt: _Felt) -> None:
        now = asyncio.get_running_loop().time
        felt.at = now()
        while True:
            quiet = now() - felt.at
            if quiet >= PROBE_AFTER_SECONDS and self._watched():
                with contextlib.suppress(IngressError, TimeoutError):
                    await self._ask(conversation, felt)
            await asyncio.sleep(max(PROBE_AFTER_SECONDS - quiet, PROBE_AFTER_SECONDS / 2))

    async def _ask(self, conversation: str, felt: _Felt) -> None:
        """One question, however long the answer takes: the engine keeps it, and would keep every other one, too."""
        asked_at = felt.at
        newest = HistoryRequest(limit=1)
        call = self._ingress.call("Chat", conversation, "get_history", newest, History, timeout=CALL_TIMEOUT_SECONDS)
        asking = asyncio.create_task(call)
        try:
            await asyncio.wait({asking}, timeout=UNREACHABLE_AFTER_SECONDS)
            lost = not asking.done() or asking.exception() is not None
            if lost and felt.at == asked_at and not felt.away:
                felt.away = True
                self._tell("away", conversation)
            page = await asking
        finally:
            asking.cancel()
        if felt.away:
            felt.away = False
            self._tell("back", conversation)
        if page.running and page.running.turn > felt.turn:
            felt.turn = page.running.turn
            self._tell("changed", conversation)


class _Felt:
    """What is known of one conversation."""

    def __init__(self) -> None:
        self.awaited = 0
        self.at = 0.0
        self.turn = 0
        self.away = False
        self.task: asyncio.Task[None] | None = None
