"""Live events for the page: one feed per person, shared by all windows of that person.

A feed subscribes to the live bus for the person's conversations and passes every event on with an id, so that a window
that reconnects gets the events it missed. The bus may lose events, so the feed also attaches to each running turn: when
the turn has ended, every window gets `done`, whatever the bus lost. `LivenessProbe` detects what a silent bus hides
while a turn runs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from bots.web.liveness import LivenessProbe
from chat_service import handlers
from chat_service.contracts import HistoryRequest, Reply
from chat_service.ingress import IngressClient, IngressError
from chat_service.live import LiveBus, LiveEvent

REPLAY_EVENTS = 2000
REPLAY_CHARACTERS = 2_000_000
"""Limits of the events kept for windows that reconnect. A window that missed more gets `resync` and loads all data."""
WINDOW_BACKLOG = 5000
IDLE_SECONDS = 120.0
"""How long a feed stays open after its last window has closed."""
ATTACH_SECONDS = 3600.0
RETRY_SECONDS = 1.0

PageEvent = dict[str, object]
NumberedEvent = tuple[str, PageEvent]
"""An event with its id in the stream."""


class EventFeed:
    """The live events of one person."""

    def __init__(self, person: str, ingress: IngressClient, bus: LiveBus) -> None:
        self._prefix = f"web:{person}:"
        self._ingress = ingress
        self._bus = bus
        self._id = uuid4().hex[:8]
        self._event_count = 0
        self._replay: deque[tuple[NumberedEvent, int]] = deque()
        self._replay_size = 0
        self._windows: set[asyncio.Queue[NumberedEvent | None]] = set()
        self._turn_watchers: dict[str, asyncio.Task[None]] = {}
        self._bus_reader: asyncio.Task[None] | None = None
        self._subscribed = asyncio.Event()
        self._probe = LivenessProbe(ingress, self._publish_kind, lambda: bool(self._windows))

    @property
    def last_id(self) -> str:
        """The id of the newest event."""
        return f"{self._id}-{self._event_count}"

    @property
    def window_count(self) -> int:
        """The number of open windows."""
        return len(self._windows)

    async def start(self) -> None:
        """Subscribe to the bus. Every event published after the return is received."""
        self._bus_reader = asyncio.create_task(self._read_bus())
        await self._subscribed.wait()

    async def close(self) -> None:
        """Cancel all tasks and end the open streams."""
        for queue in self._windows:
            if not queue.full():
                queue.put_nowait(None)
        tasks = [*self._turn_watchers.values(), *([self._bus_reader] if self._bus_reader else [])]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    @asynccontextmanager
    async def window(self, last_id: str | None) -> AsyncIterator[asyncio.Queue[NumberedEvent | None]]:
        """Yield the event queue of one window.

        The queue begins with the events after `last_id`, or with `resync` if they are no longer known. None ends it.
        """
        queue: asyncio.Queue[NumberedEvent | None] = asyncio.Queue(WINDOW_BACKLOG)
        for event in self._events_after(last_id):
            queue.put_nowait(event)
        self._windows.add(queue)
        try:
            yield queue
        finally:
            self._windows.discard(queue)

    def _events_after(self, last_id: str | None) -> list[NumberedEvent]:
        if last_id == self.last_id:
            return []
        events = [event for event, _ in self._replay]
        position = next((index for index, (event_id, _) in enumerate(events) if event_id == last_id), None)
        return [self._resync()] if position is None else events[position + 1 :]

    def publish(self, event: PageEvent) -> None:
        """Send an event to every window."""
        self._event_count += 1
        numbered = (self.last_id, event)
        size = len(str(event))
        self._replay.append((numbered, size))
        self._replay_size += size
        while len(self._replay) > REPLAY_EVENTS or self._replay_size > REPLAY_CHARACTERS:
            self._replay_size -= self._replay.popleft()[1]
        for queue in self._windows:
            if queue.full():  # the window stopped reading: it loads everything when it reads again
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(self._resync())
            else:
                queue.put_nowait(numbered)

    def watch_turn(self, conversation: str, invocation: str) -> None:
        """Publish `done` when the invocation has ended. Several calls for one invocation share one attachment."""
        if invocation and invocation not in self._turn_watchers:
            task = asyncio.create_task(self._publish_end(conversation, invocation))
            self._turn_watchers[invocation] = task
            task.add_done_callback(lambda _: self._turn_watchers.pop(invocation, None))

    async def _publish_end(self, conversation: str, invocation: str) -> None:
        with self._probe.probe_while_awaited(conversation):
            reply = await self._attach(invocation)
            if reply is None:
                await self._follow_restarted_turn(conversation, invocation)
        turn, status = (reply.turn, reply.status) if reply else (0, "")
        self._publish_kind("done", conversation, turn=turn, status=status)

    async def _attach(self, invocation: str) -> Reply | None:
        """Wait for a turn's reply; None when Restate has no result: it expired, or the turn was cancelled or killed."""
        while True:
            try:
                return await self._ingress.attach(invocation, Reply, timeout=ATTACH_SECONDS)
            except TimeoutError:
                continue
            except IngressError as error:
                if not error.may_retry or error.from_handler or error.status == 404:
                    return None
                await asyncio.sleep(RETRY_SECONDS)

    async def _follow_restarted_turn(self, conversation: str, invocation: str) -> None:
        """Watch the invocation that runs the turn now, if a new version of the code restarted it."""
        try:
            page = await self._ingress.call(handlers.CHAT_GET_HISTORY, conversation, HistoryRequest(limit=1))
        except (IngressError, TimeoutError):
            return
        if page.running and page.running.invocation != invocation:
            self.watch_turn(conversation, page.running.invocation)

    def _publish_kind(self, kind: str, conversation: str, **fields: str | int) -> None:
        self.publish({"kind": kind, "conversation": conversation.removeprefix(self._prefix), **fields})

    def _resync(self) -> NumberedEvent:
        return self.last_id, {"kind": "resync"}

    async def _read_bus(self) -> None:
        async with self._bus.subscribe(self._prefix) as events:
            self._subscribed.set()
            async for event in events:
                if event.kind == "started":
                    self.watch_turn(event.conversation, event.invocation)
                self._probe.record_event(event)
                self.publish(self._page_event(event))

    def _page_event(self, event: LiveEvent) -> PageEvent:
        """Return the event without attachments, which would fill the feed's memory. Windows load them by HTTP."""
        attachments = [file for message in event.question for file in message.attachments]
        attachments += event.message.attachments if event.message else []
        page_event: PageEvent = event.model_dump(
            mode="json",
            exclude_defaults=True,
            exclude={"invocation": True, "message": {"attachments"}, "question": {"__all__": {"attachments"}}},
        )
        if attachments:
            page_event["trimmed"] = True
        return {**page_event, "kind": event.kind, "conversation": event.conversation.removeprefix(self._prefix)}


class FeedRegistry:
    """The feeds of all people. A feed opens with a person's first window and closes some time after the last one."""

    def __init__(self, ingress: IngressClient, bus: LiveBus) -> None:
        self._ingress = ingress
        self._bus = bus
        self._feeds: dict[str, EventFeed] = {}
        self._starting: dict[str, asyncio.Task[EventFeed]] = {}
        self._close_timers: dict[str, asyncio.TimerHandle] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def open(self, person: str) -> EventFeed:
        """Return the person's feed, subscribed to the bus."""
        if timer := self._close_timers.pop(person, None):
            timer.cancel()
        if person not in self._feeds:
            if person not in self._starting:
                self._starting[person] = asyncio.create_task(self._start(person))
            await asyncio.shield(self._starting[person])
        feed = self._feeds[person]
        self.schedule_close(person)
        return feed

    def publish_used(self, conversation: str) -> None:
        """Publish `used`: a person changed something. Windows reload it, and a pending deletion is cancelled."""
        self._bus.publish(LiveEvent(conversation=conversation, kind="used"))

    def schedule_close(self, person: str) -> None:
        """Close the feed after `IDLE_SECONDS` if it has no window then."""
        if timer := self._close_timers.pop(person, None):
            timer.cancel()
        loop = asyncio.get_running_loop()
        self._close_timers[person] = loop.call_later(IDLE_SECONDS, self._close_if_unused, person)

    def _close_if_unused(self, person: str) -> None:
        self._close_timers.pop(person, None)
        feed = self._feeds.get(person)
        if feed is None or feed.window_count:
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
        """Close all feeds and the open streams."""
        for timer in self._close_timers.values():
            timer.cancel()
        for feed in self._feeds.values():
            await feed.close()
