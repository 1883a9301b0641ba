"""Previews: what the model says, shown while it says it, by tasks of this process outside the journal.

They may be lost, never late: `end` lets no preview out once it has returned, so none can cover the final text.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from bots.common.errors import OutcomeUnknownError, RateLimitedError, TransientError
from bots.common.protocols import DeliveryTarget, PostedMessage, ReplyWriter
from chat_service.live import LiveBus, LiveEvent
from chat_service.live.bus import Preview

log = logging.getLogger(__name__)


class _Show:
    """One reply that is being shown."""

    def __init__(
        self, outlet: ReplyWriter, bus: LiveBus, spot: DeliveryTarget, opened: PostedMessage, shown: str | None
    ) -> None:
        self._outlet, self._bus, self._spot, self._opened = outlet, bus, spot, opened
        self._said: Preview | None = None
        self._news = asyncio.Event()
        self._ending = asyncio.Event()
        self.shown = shown
        self.task = asyncio.create_task(self._run())

    async def end(self) -> None:
        """No further preview; one whose request is on its way is waited for."""
        self._ending.set()
        self._news.set()
        await asyncio.wait({self.task})

    async def _run(self) -> None:
        listening = asyncio.create_task(self._listen())
        last = 0.0
        try:
            while not self._ending.is_set():
                await self._news.wait()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(
                        self._ending.wait(), max(last + self._outlet.preview_interval - time.monotonic(), 0)
                    )
                self._news.clear()
                said = self._said
                if self._ending.is_set() or said is None or not said.text or said.text == self.shown:
                    continue
                last = time.monotonic()
                before, self.shown = self.shown, None  # whatever happens to the request, nobody knows any more
                try:
                    self.shown = await self._outlet.update_preview(self._spot, self._opened, before, said.text)
                except RateLimitedError:
                    self.shown = before
                    self._news.set()  # as soon as it may
                except (OutcomeUnknownError, TransientError) as error:
                    log.info("a preview of %s was lost: %s", self._spot.conversation, error)
        except Exception as error:  # noqa: BLE001  the final text follows, whatever became of a preview
            log.info("the preview of %s ended: %s", self._spot.conversation, error)
        finally:
            listening.cancel()

    async def _listen(self) -> None:
        async with self._bus.subscribe(self._spot.conversation) as events:
            self._hear(await self._bus.get_preview(self._spot.conversation))
            async for event in events:
                if event.conversation == self._spot.conversation and event.kind == "delta":
                    self._hear(self._extended(event))

    def _extended(self, event: LiveEvent) -> Preview | None:
        if self._said and self._said.attempt == event.attempt and event.offset > len(self._said.text):
            return None  # a gap: the text goes on when the final one comes
        return Preview.extend(self._said, event)

    def _hear(self, said: Preview | None) -> None:
        if said is not None and said.turn == self._spot.turn:
            self._said = said
            self._news.set()


class Previews:
    """The replies that this process is showing."""

    def __init__(self, outlet: ReplyWriter, bus: LiveBus) -> None:
        self._outlet, self._bus = outlet, bus
        self._shows: dict[tuple[str, int], _Show] = {}
        self._blank: set[str] = set()

    def opened(self, opened: PostedMessage) -> None:
        """This process has just posted a message that shows nothing yet."""
        self._blank.add(opened.id)

    def watch(self, spot: DeliveryTarget, opened: PostedMessage) -> None:
        """Show what is said in this turn from now on; a second call changes nothing.

        Of a message that was not just posted here nobody knows what it shows: another process, or an earlier try of
        this one, may have shown previews in it.
        """
        where = (spot.conversation, spot.turn)
        if where not in self._shows:
            shown = "" if opened.id in self._blank else None
            self._blank.discard(opened.id)
            self._shows[where] = _Show(self._outlet, self._bus, spot, opened, shown)

    async def end(self, spot: DeliveryTarget) -> str | None:
        """Show no more; gives what the message shows now, or None when that is not known."""
        show = self._shows.get((spot.conversation, spot.turn))
        if show is None:
            return None
        await show.end()  # cancelled here, the next try waits for the same request
        self._shows.pop((spot.conversation, spot.turn), None)
        return show.shown

    async def close(self) -> None:
        """End all of them."""
        for show in list(self._shows.values()):
            await show.end()
        self._shows.clear()
