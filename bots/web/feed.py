"""Who sees what, live: one feed per person, shared by all windows of that person.

A feed listens to the live bus for the person's conversations and passes everything on with an id, so that a window
that was away for a moment gets what it missed. The bus is lossy, so the feed also holds one attachment for each turn
that runs: when the turn has ended, whatever the bus lost, every window is told (`done`). What a quiet bus hides
meanwhile, `Pulse` finds out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from bots.web.liveness import LivenessProbe
from chat_service.contracts import History, HistoryRequest, Reply
from chat_service.ingress import IngressClient, IngressError
from chat_service.live import LiveBus, LiveEvent

log = logging.getLogger(__name__)

REPLAY_EVENTS = 2000
REPLAY_CHARACTERS = 2_000_000
"""Events a window may have missed and still gets; beyond either it is told to look at everything anew."""
WINDOW_BACKLOG = 5000
IDLE_SECONDS = 120.0
"""How long a feed waits for its last window to come back."""
ATTACH_SECONDS = 3600.0
RETRY_SECONDS = 1.0

Event = tuple[str, dict[str, Any]]


class EventFeed:
    """Everything live of one person."""

    def __init__(self, person: str, ingress: IngressClient, bus: LiveBus) -> None:
        self.prefix = f"web:{person}:"
        self._ingress = ingress
        self._bus = bus
        self._boot = uuid4().hex[:8]
        self._count = 0
        self._past: deque[tuple[Event, int]] = deque()
        self._past_size = 0
        self._windows: set[asyncio.Queue[Event | None]] = set()
        self._watches: dict[str, asyncio.Task[None]] = {}
        self._listening: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._pulse = LivenessProbe(ingress, self._tell, lambda: bool(self._windows))

    @property
    def last_id(self) -> str:
        """The id of the newest event."""
        return f"{self._boot}-{self._count}"

    @property
    def windows(self) -> int:
        """How many windows are open."""
        return len(self._windows)

    async def start(self) -> None:
        """Begin to listen; returns when nothing can be missed any more."""
        self._listening = asyncio.create_task(self._listen())
        await self._ready.wait()

    async def close(self) -> None:
        """Let everything go; open streams come to their end."""
        for queue in self._windows:
            if not queue.full():
                queue.put_nowait(None)
        tasks = [*self._watches.values(), *([self._listening] if self._listening else [])]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    @asynccontextmanager
    async def window(self, last_id: str | None) -> AsyncIterator[asyncio.Queue[Event | None]]:
        """A window's queue: what it missed since `last_id` first, or word that it must look at everything.

        None in it is the end.
        """
        queue: asyncio.Queue[Event | None] = asyncio.Queue(WINDOW_BACKLOG)
        for event in self._missed(last_id):
            queue.put_nowait(event)
        self._windows.add(queue)
        try:
            yield queue
        finally:
            self._windows.discard(queue)

    def _missed(self, last_id: str | None) -> list[Event]:
        if last_id == self.last_id:
            return []
        past = [event for event, _ in self._past]
        known = [place for place, (number, _) in enumerate(past) if number == last_id]
        return past[known[0] + 1 :] if known else [(self.last_id, {"kind": "resync"})]

    def publish(self, event: dict[str, Any]) -> None:
        """Pass an event on to every window."""
        self._count += 1
        numbered = (self.last_id, event)
        size = len(str(event))
        self._past.append((numbered, size))
        self._past_size += size
        while len(self._past) > REPLAY_EVENTS or self._past_size > REPLAY_CHARACTERS:
            self._past_size -= self._past.popleft()[1]
        for queue in self._windows:
            if queue.full():  # a window that stopped reading: it starts over when it comes back
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait((self.last_id, {"kind": "resync"}))
            else:
                queue.put_nowait(numbered)

    def watch(self, conversation: str, invocation: str) -> None:
        """Tell the windows when this invocation has ended. One attachment, however often it is asked for."""
        if invocation and invocation not in self._watches:
            task = asyncio.create_task(self._felt(conversation, invocation))
            self._watches[invocation] = task
            task.add_done_callback(lambda _: self._watches.pop(invocation, None))

    async def _felt(self, conversation: str, invocation: str) -> None:
        with self._pulse.felt(conversation):
            await self._watch(conversation, invocation)

    async def _watch(self, conversation: str, invocation: str) -> None:
        while True:
            try:
                reply = await self._ingress.attach(invocation, Reply, timeout=ATTACH_SECONDS)
            except TimeoutError:
                continue
            except IngressError as error:
                if error.may_retry and not error.from_handler and error.status != 404:
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                # Kept no longer, cancelled or killed: the truth lies in the conversation's state.
                await self._look_again(conversation, invocation)
                return
            self._tell("done", conversation, turn=reply.turn, status=reply.status)
            return

    async def _look_again(self, conversation: str, invocation: str) -> None:
        try:
            page = await self._ingress.call("Chat", conversation, "get_history", HistoryRequest(limit=1), History)
        except (IngressError, TimeoutError):
            page = History()
        if page.running and page.running.invocation != invocation:
            self.watch(conversation, page.running.invocation)  # a new version of the code took the turn up
        self._tell("done", conversation, turn=0, status="")

    def _tell(self, kind: str, conversation: str, **more: Any) -> None:
        self.publish({"kind": kind, "conversation": conversation.removeprefix(self.prefix), **more})

    async def _listen(self) -> None:
        async with self._bus.subscribe(self.prefix) as events:
            self._ready.set()
            async for event in events:
                if event.kind == "started":
                    self.watch(event.conversation, event.invocation)
                self._pulse.heard(event)
                self.publish(self._shown(event))

    def _shown(self, event: LiveEvent) -> dict[str, Any]:
        """The event without what lies in its files, which would fill the memory of a feed; windows fetch that."""
        files = [file for message in event.question for file in message.attachments]
        files += event.message.attachments if event.message else []
        shown = event.model_dump(
            mode="json",
            exclude_defaults=True,
            exclude={"invocation": True, "message": {"attachments"}, "question": {"__all__": {"attachments"}}},
        )
        if files:
            shown["trimmed"] = True
        return {**shown, "kind": event.kind, "conversation": event.conversation.removeprefix(self.prefix)}


class FeedRegistry:
    """All feeds. One appears with a person's first window and goes a while after the last one."""

    def __init__(self, ingress: IngressClient, bus: LiveBus) -> None:
        self._ingress = ingress
        self._bus = bus
        self._feeds: dict[str, EventFeed] = {}
        self._starting: dict[str, asyncio.Task[EventFeed]] = {}
        self._lingering: dict[str, asyncio.TimerHandle] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def feed(self, person: str) -> EventFeed:
        """The person's feed, listening."""
        if timer := self._lingering.pop(person, None):
            timer.cancel()
        if person not in self._feeds:
            if person not in self._starting:
                self._starting[person] = asyncio.create_task(self._start(person))
            await asyncio.shield(self._starting[person])
        feed = self._feeds[person]
        self.release(person)
        return feed

    def touched(self, conversation: str) -> None:
        """Tell a person's windows that they did something here: they look, and one that was to delete it spares it."""
        self._bus.publish(LiveEvent(conversation=conversation, kind="used"))

    def release(self, person: str) -> None:
        """Look in a while whether anybody still watches."""
        if timer := self._lingering.pop(person, None):
            timer.cancel()
        loop = asyncio.get_running_loop()
        self._lingering[person] = loop.call_later(IDLE_SECONDS, self._retire, person)

    def _retire(self, person: str) -> None:
        self._lingering.pop(person, None)
        feed = self._feeds.get(person)
        if feed is None or feed.windows:
            return
        del self._feeds[person]
        task = asyncio.create_task(feed.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _start(self, person: str) -> EventFeed:
        try:
            feed = EventFeed(person, self._ingress, self._bus)
            await feed.start()
            self._feeds[person] = feed
            return feed
        finally:
            del self._starting[person]

    async def close(self) -> None:
        """End all feeds, and the open streams with them."""
        for timer in self._lingering.values():
            timer.cancel()
        for feed in self._feeds.values():
            await feed.close()
