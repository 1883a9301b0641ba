"""Catch-up: what the platform did not tell, because the bot, the network or the platform was away, is read afterwards.

A channel's catch-up ends before its live events go on, so that the order is kept; a channel in which somebody speaks
comes first. How far a channel was read is kept durably, and moves only past what Restate has.
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
from chat_service.ingress import IngressClient, IngressError
from chat_service.objects.channel_threads import Place, PlaceRequest, Reach, Thread, ThreadList

log = logging.getLogger(__name__)

FLUSH_SECONDS = 2.0
ALIVE_SECONDS = 30.0
ATTEMPTS = 5
LIVE_PATIENCE = 8.0
"""So long a live event waits for its channel's catch-up. Then it goes on: what is still to be read comes after it,
which is better than nobody being answered while a platform's history is slow or broken."""
RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class MissedEvent:
    """An event that may have been missed. Reading one that was not is harmless: its id is known."""

    conversation: str
    id: str
    position: str
    raw: dict[str, Any]


class HistoryReader(Protocol):
    """How a platform is read."""

    async def spaces(self) -> list[str]:
        """The scopes (`slack:T1`) of all workspaces the bot is in."""
        ...

    async def channels(self) -> list[str]:
        """The scopes (`slack:T1:C1`) of all channels the bot is in."""
        ...

    async def since(self, scope: str, position: str, threads: list[Thread]) -> list[MissedEvent]:
        """What was said in a channel after a position, the threads the bot takes part in included, at a pace that
        respects the platform's limits. In any order.

        Raises:
            Gone: when the channel can no longer be read.
        """
        ...

    def now(self) -> str:
        """The present position."""
        ...


class Backfill:
    """The catch-up of one process. `begin` a run whenever something may have been missed.

    Not `told`: nobody says when that is. A live event then says nothing of what came before it, and only what a run has
    read counts as read.
    """

    def __init__(
        self,
        reader: HistoryReader,
        ingress: IngressClient,
        lanes: OrderedQueue,
        hand_over: Callable[[str, str, PlatformEvent], Awaitable[None]],
        *,
        told: bool = True,
    ) -> None:
        self._reader, self._ingress, self._lanes, self._hand_over = reader, ingress, lanes, hand_over
        self._told = told
        self._run = ""
        self._through = asyncio.Event()
        self._channels: dict[str, asyncio.Task[None]] = {}
        self._passed: dict[str, str] = {}
        self._behind: set[str] = set()
        self._all: asyncio.Task[None] | None = None
        self._slow: set[str] = set()
        """Channels whose live events have waited long enough in this run."""

    async def begin(self) -> None:
        """Start a run over all channels; live events wait for it, channel by channel."""
        for task in [*self._channels.values(), *([self._all] if self._all else [])]:
            task.cancel()
        self._run, self._channels = self._reader.now(), {}
        self._slow.clear()
        self._through.clear()
        self._all = asyncio.create_task(self._walk())

    async def through(self) -> None:
        """Wait until the run has been through all channels."""
        await self._through.wait()

    async def ensure(self, scope: str) -> None:
        """Wait until a channel has been caught up with in this run, or as long as a live event can; it comes first
        now."""
        ends = time.monotonic() + LIVE_PATIENCE
        while scope not in self._slow:
            task = self._started(scope)
            done, _ = await asyncio.wait({task}, timeout=ends - time.monotonic())
            if not done:
                log.warning("%s takes long to catch up with: what is said there now goes first", scope)
                self._slow.add(scope)
            elif self._channels.get(scope) is task:  # and not taken over by a new run
                return

    def _started(self, scope: str) -> asyncio.Task[None]:
        if scope not in self._channels:
            self._channels[scope] = asyncio.create_task(self._channel(scope, self._run))
        return self._channels[scope]

    async def opened(self, space: str) -> None:
        """The bot is in a workspace; if it is new there, what is said from now on is found again, whatever happens to
        this process before the next round."""
        with contextlib.suppress(IngressError, TimeoutError):
            place = await self._ingress.call("Channel", space, "look", PlaceRequest(), Place)
            if not place.position:
                await self._advance(space, self._reader.now())

    def passed(self, scope: str, position: str) -> None:
        """An event of a channel was accepted by Restate, or is none of the bot's business."""
        if self._told:
            self._passed[scope] = max(self._passed.get(scope, ""), position)

    def lost(self, scope: str) -> None:
        """An event of a channel was let go: it has to be read again."""
        self._behind.add(scope)

    def queue(self, scope: str, lane: str, id: str, position: str, work: Work) -> asyncio.Future[None]:
        """Put the handing over of an event into its lane; gives what ends when it is done. What is let go, because too
        much waits or because it cannot be done, counts as lost.

        Raises:
            Full: when too much waits already.
        """
        try:
            done = self._lanes.put(scope, lane, id, position, work)
        except QueueFullError:
            log.error("too much waits: %s in %s is left to the next catch-up", id, scope)
            self.lost(scope)
            raise

        def look(ended: asyncio.Future[None]) -> None:
            if not ended.cancelled() and ended.exception() is not None:
                self.lost(scope)

        done.add_done_callback(look)
        return done

    async def keep(self) -> None:
        """Write down how far the channels were read, for ever; a gap is read again when nothing waits any more."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()
            if self._behind and self._lanes.is_empty and all(one.done() for one in self._channels.values()):
                again, self._behind = self._behind, set()
                for scope in again:
                    self._channels.pop(scope, None)
                    self._started(scope)

    async def flush(self) -> None:
        """Write down how far the channels were read: never past what still waits, nor past a gap."""
        passed, self._passed = self._passed, {}
        for scope, position in passed.items():
            if scope in self._behind:
                continue
            floor, reading = self._lanes.floor(scope), self._channels.get(scope)
            if reading is None or not reading.done() or (floor is not None and floor <= position):
                self._passed[scope] = max(self._passed.get(scope, ""), position)
                continue
            await self._advance(scope, position)

    async def close(self) -> None:
        """Stop reading."""
        tasks = [*self._channels.values(), *([self._all] if self._all else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _walk(self) -> None:
        through = False
        while True:
            try:
                if not through:
                    for scope in await self._reader.channels():
                        await asyncio.wait({self._started(scope)})
                    through = True
                # A channel that is new to us then starts here, not at its beginning.
                for space in await self._reader.spaces():
                    await self._advance(space, self._reader.now() if self._told else self._run)
                self._through.set()
                pause = ALIVE_SECONDS
            except PermanentError as gone:
                # A token that is taken no more may be taken again: a workspace that moves, a scope that is granted.
                log.error("catch-up is not possible for now: %s", gone)
                pause = ALIVE_SECONDS
            except Exception as error:  # noqa: BLE001  whatever it was, what was missed stays missed, and is looked for
                log.warning("catch-up has to wait: %s", error)
                pause = RETRY_SECONDS
            await asyncio.sleep(pause)

    async def _channel(self, scope: str, run: str) -> None:
        for attempt in range(ATTEMPTS):
            try:
                await self._catch_up(scope, run)
            except PermanentError as gone:
                log.warning("%s cannot be caught up with: %s", scope, gone)
                return
            except (OutcomeUnknownError, TransientError, IngressError, TimeoutError) as error:
                log.warning("catching up with %s has to wait: %s", scope, error or type(error).__name__)
            except Exception:
                # A platform's own refusal, or a mistake of ours in reading one channel: it must neither keep that
                # channel's live events waiting nor end what keeps the others.
                log.exception("catching up with %s failed", scope)
            else:
                self._behind.discard(scope)
                return
            await asyncio.sleep(RETRY_SECONDS * (attempt + 1))
        # Live events must go on; the gap stays where it is and is read again by the next run.
        self._behind.add(scope)

    async def _catch_up(self, scope: str, run: str) -> None:
        place = await self._ingress.call("Channel", scope, "look", PlaceRequest(), Place)
        position = place.position
        if not position:
            wide = await self._ingress.call("Channel", _space(scope), "look", PlaceRequest(), Place)
            position = wide.position
            if position:
                await self._advance(scope, position)  # its own from now on: the other moves on, also while this fails
        until = self._reader.now()
        if position:
            threads = await self._ingress.call("Channel", scope, "threads", None, ThreadList)
            missed = await self._reader.since(scope, position, threads.threads)
            for one in sorted(missed, key=lambda m: m.position):
                await self._hand_over_missed(one, run)
        else:
            # A workspace that the bot has only just come into: what opens there from now on starts here.
            await self._advance(_space(scope), until)
        await self._advance(scope, until)

    async def _hand_over_missed(self, one: MissedEvent, run: str) -> None:
        try:
            await self._hand_over(one.conversation, one.id, PlatformEvent(raw=one.raw, backfill_run=run))
        except (IngressError, TimeoutError):
            raise  # Restate is away: all of it is read again
        except Exception:
            # A mistake of ours in one of them, which would be the same the next time: the others go on.
            log.exception("%s in %s cannot be taken in, and is left out", one.id, one.conversation)

    async def _advance(self, scope: str, position: str) -> None:
        with contextlib.suppress(IngressError, TimeoutError):
            await self._ingress.send("Channel", scope, "advance", Reach(position=position))


def _space(scope: str) -> str:
    return scope.rsplit(":", 1)[0]
