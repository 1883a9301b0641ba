"""Reads from the platform what was missed while the bot, the network or the platform was down.

A channel's backfill ends before its live events continue, so that the order is kept; a channel with a live event is
read first. How far a channel was read is stored durably and moves only past what Restate has accepted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.common.events import PlatformEvent
from bots.common.ordered_queue import OrderedQueue, QueueFullError, Work
from chat_service import handlers
from chat_service.contracts.channel import ChannelThread, ChannelViewRequest, ReadPosition
from chat_service.ingress import IngressClient, IngressError

log = logging.getLogger(__name__)

FLUSH_SECONDS = 2.0
STORE_SPACES_SECONDS = 30.0
ATTEMPTS = 5
LIVE_EVENT_SECONDS = 8.0
"""How long a live event waits for its channel's backfill. Then it goes first, and the messages that are still to be
read come after it: otherwise nothing would be answered while a platform's history is slow or broken."""
RETRY_SECONDS = 2.0

SendEvent = Callable[[str, str, PlatformEvent], Awaitable[None]]
"""Send an event to Restate: conversation, idempotency key, event."""


@dataclass(frozen=True, slots=True)
class MissedEvent:
    """An event that may have been missed. Handing over one that was not missed is harmless: its id is known."""

    conversation: str
    id: str
    position: str
    raw: dict[str, Any]


class HistoryReader(Protocol):
    """Reads a platform's history."""

    async def list_spaces(self) -> list[str]:
        """Return the scopes (`slack:T1`) of all workspaces or servers that the bot is in."""
        ...

    async def list_channels(self) -> list[str]:
        """Return the scopes (`slack:T1:C1`) of all channels that the bot is in."""
        ...

    async def read_since(self, scope: str, position: str, threads: list[ChannelThread]) -> list[MissedEvent]:
        """Return a channel's events after a position, including those of `threads`, in any order.

        Keeps to the platform's rate limits.

        Raises:
            PermanentError: the channel can no longer be read.
        """
        ...

    def current_position(self) -> str:
        """Return the present position."""
        ...


class Backfill:
    """The backfill of one process. A run is started whenever events may have been missed.

    Without `detects_gaps` the platform does not tell when that is. A live event then proves nothing about the events
    before it, and only what a run has read counts as read.
    """

    def __init__(
        self,
        reader: HistoryReader,
        ingress: IngressClient,
        queue: OrderedQueue,
        send_event: SendEvent,
        *,
        detects_gaps: bool = True,
    ) -> None:
        self._reader, self._ingress, self._queue, self._send_event = reader, ingress, queue, send_event
        self._detects_gaps = detects_gaps
        self._run = ""
        self._finished = asyncio.Event()
        self._channels: dict[str, asyncio.Task[None]] = {}
        self._processed: dict[str, str] = {}
        """Positions up to which live events were processed, by channel; not stored yet."""
        self._incomplete: set[str] = set()
        """Channels with an event that has to be read again."""
        self._run_task: asyncio.Task[None] | None = None
        self._slow: set[str] = set()
        """Channels whose live events have waited long enough in this run."""

    async def start_run(self) -> None:
        """Start a run over all channels; live events wait for it, channel by channel."""
        for task in self._tasks():
            task.cancel()
        self._run, self._channels = self._reader.current_position(), {}
        self._slow.clear()
        self._finished.clear()
        self._run_task = asyncio.create_task(self._read_all_channels())

    async def wait_until_finished(self) -> None:
        """Wait until the run has read all channels."""
        await self._finished.wait()

    async def wait_for_channel(self, scope: str) -> None:
        """Read a channel first and wait until this run has read it, or as long as a live event may wait."""
        deadline = time.monotonic() + LIVE_EVENT_SECONDS
        while scope not in self._slow:
            task = self._start_channel(scope)
            done, _ = await asyncio.wait({task}, timeout=deadline - time.monotonic())
            if not done:
                log.warning("reading missed messages of %s takes long: new messages there go first", scope)
                self._slow.add(scope)
            elif self._channels.get(scope) is task:  # and not replaced by a new run
                return

    async def add_space(self, space: str) -> None:
        """Store the present position of a workspace or server that is new to the bot.

        Messages written from now on are then found, even if this process ends before the next run.
        """
        with contextlib.suppress(IngressError, TimeoutError):
            if not await self._read_position(space):
                await self._advance(space, self._reader.current_position())

    def mark_processed(self, scope: str, position: str) -> None:
        """Note that Restate has accepted a live event, or that the bot has nothing to do with it."""
        if self._detects_gaps:
            self._processed[scope] = max(self._processed.get(scope, ""), position)

    def mark_missed(self, scope: str) -> None:
        """Note that an event of a channel was dropped and has to be read again."""
        self._incomplete.add(scope)

    def enqueue(self, scope: str, conversation: str, id: str, position: str, work: Work) -> asyncio.Future[None]:
        """Queue the hand-over of an event; return a future that ends when it is done.

        An event that is dropped, because the queue is full or `work` fails, counts as missed.

        Raises:
            QueueFullError: too many events wait.
        """
        try:
            done = self._queue.put(scope, conversation, id, position, work)
        except QueueFullError:
            log.error("too many events wait: %s in %s is left to the next backfill", id, scope)
            self.mark_missed(scope)
            raise

        def check(ended: asyncio.Future[None]) -> None:
            if not ended.cancelled() and ended.exception() is not None:
                self.mark_missed(scope)

        done.add_done_callback(check)
        return done

    async def store_positions(self) -> None:
        """Store how far the channels were read, forever. Read incomplete channels again when no event waits."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush_positions()
            if self._incomplete and self._queue.is_empty and all(task.done() for task in self._channels.values()):
                incomplete, self._incomplete = self._incomplete, set()
                for scope in incomplete:
                    self._channels.pop(scope, None)
                    self._start_channel(scope)

    async def flush_positions(self) -> None:
        """Store how far the channels were read: never past an event that waits, nor past a gap."""
        processed, self._processed = self._processed, {}
        for scope, position in processed.items():
            if scope in self._incomplete:
                continue
            first_waiting, reading = self._queue.first_waiting(scope), self._channels.get(scope)
            if reading is None or not reading.done() or (first_waiting is not None and first_waiting <= position):
                self._processed[scope] = max(self._processed.get(scope, ""), position)
                continue
            await self._advance(scope, position)

    async def close(self) -> None:
        """Cancel the run."""
        tasks = self._tasks()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [*self._channels.values(), *([self._run_task] if self._run_task else [])]

    def _start_channel(self, scope: str) -> asyncio.Task[None]:
        if scope not in self._channels:
            self._channels[scope] = asyncio.create_task(self._read_channel(scope, self._run))
        return self._channels[scope]

    async def _read_all_channels(self) -> None:
        """Read all channels once, then keep the positions of all spaces current, forever."""
        has_read_all = False
        while True:
            try:
                if not has_read_all:
                    for scope in await self._reader.list_channels():
                        await asyncio.wait({self._start_channel(scope)})
                    has_read_all = True
                # A channel that the bot joins later starts at its space's position, not at its own beginning.
                for space in await self._reader.list_spaces():
                    position = self._reader.current_position() if self._detects_gaps else self._run
                    await self._advance(space, position)
                self._finished.set()
                pause = STORE_SPACES_SECONDS
            except PermanentError as error:
                # A rejected token may be accepted later: a workspace that migrates, a scope that is granted.
                log.error("missed messages cannot be read now: %s", error)
                pause = STORE_SPACES_SECONDS
            except Exception as error:  # noqa: BLE001  whatever it was, the messages are still missing
                log.warning("reading missed messages is tried again: %s", error)
                pause = RETRY_SECONDS
            await asyncio.sleep(pause)

    async def _read_channel(self, scope: str, run: str) -> None:
        for attempt in range(ATTEMPTS):
            try:
                await self._send_missed_of_channel(scope, run)
            except PermanentError as error:
                log.warning("missed messages of %s cannot be read: %s", scope, error)
                return
            except (OutcomeUnknownError, TransientError, IngressError, TimeoutError) as error:
                log.warning("reading missed messages of %s is tried again: %s", scope, error or type(error).__name__)
            except Exception:
                # A refusal of the platform, or a bug in reading one channel. It must neither hold back that channel's
                # live events nor end the task that serves the other channels.
                log.exception("reading missed messages of %s failed", scope)
            else:
                self._incomplete.discard(scope)
                return
            await asyncio.sleep(RETRY_SECONDS * (attempt + 1))
        # Live events must go on. The gap stays where it is, and the next run reads it.
        self._incomplete.add(scope)

    async def _send_missed_of_channel(self, scope: str, run: str) -> None:
        space = scope.rsplit(":", 1)[0]
        position = await self._read_position(scope)
        if not position:
            position = await self._read_position(space)
            if position:
                # From now on the channel has its own position: the space's moves on, even if this attempt fails.
                await self._advance(scope, position)
        until = self._reader.current_position()
        if position:
            threads = await self._ingress.call(handlers.CHANNEL_GET_THREADS, scope, None)
            missed = await self._reader.read_since(scope, position, threads.threads)
            for event in sorted(missed, key=lambda event: event.position):
                await self._send_missed(event, run)
        else:
            # The bot has only just joined this workspace or server: its new channels start here.
            await self._advance(space, until)
        await self._advance(scope, until)

    async def _send_missed(self, event: MissedEvent, run: str) -> None:
        try:
            await self._send_event(event.conversation, event.id, PlatformEvent(raw=event.raw, backfill_run=run))
        except (IngressError, TimeoutError):
            raise  # Restate cannot be reached: the channel is read again
        except Exception:
            # A bug in handling this one, which would fail again. The others go on.
            log.exception("%s in %s cannot be sent to Restate and is left out", event.id, event.conversation)

    async def _read_position(self, scope: str) -> str:
        return (await self._ingress.call(handlers.CHANNEL_GET, scope, ChannelViewRequest())).position

    async def _advance(self, scope: str, position: str) -> None:
        with contextlib.suppress(IngressError, TimeoutError):
            await self._ingress.send(handlers.CHANNEL_ADVANCE_READ_POSITION, scope, ReadPosition(position=position))
