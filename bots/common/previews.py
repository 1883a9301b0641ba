"""Shows the text of running turns, by tasks of this process outside the journal.

A preview may be lost, but never comes late: `end` returns only when no further preview can replace the final text.
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


class PreviewTask:
    """Shows the previews of one turn. `shown` is what the message shows now, None when that is unknown."""

    def __init__(
        self, writer: ReplyWriter, bus: LiveBus, target: DeliveryTarget, message: PostedMessage, shown: str | None
    ) -> None:
        self._writer, self._bus, self._target, self._message = writer, bus, target, message
        self._latest: Preview | None = None
        self._has_changed = asyncio.Event()
        self._ending = asyncio.Event()
        self.shown = shown
        self._task = asyncio.create_task(self._run())

    async def end(self) -> None:
        """Send no further preview, and wait for one whose request is running."""
        self._ending.set()
        self._has_changed.set()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        subscription = asyncio.create_task(self._subscribe())
        last_sent = 0.0
        try:
            while not self._ending.is_set():
                await self._has_changed.wait()
                pause = max(last_sent + self._writer.preview_interval - time.monotonic(), 0)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), pause)
                self._has_changed.clear()
                preview = self._latest
                if self._ending.is_set() or preview is None or not preview.text or preview.text == self.shown:
                    continue
                last_sent = time.monotonic()
                await self._send(preview.text)
        except Exception as error:  # noqa: BLE001  the final text follows, whatever happens to a preview
            log.info("the preview of %s ended: %s", self._target.conversation, error)
        finally:
            subscription.cancel()

    async def _send(self, text: str) -> None:
        before, self.shown = self.shown, None  # unknown from the request on until its response
        try:
            self.shown = await self._writer.update_preview(self._target, self._message, before, text)
        except RateLimitedError:
            self.shown = before
            self._has_changed.set()  # try again after the pause
        except (OutcomeUnknownError, TransientError) as error:
            log.info("a preview of %s was lost: %s", self._target.conversation, error)

    async def _subscribe(self) -> None:
        conversation = self._target.conversation
        async with self._bus.subscribe(conversation) as events:
            self._update(await self._bus.get_preview(conversation))
            async for event in events:
                if event.conversation == conversation and event.kind == "delta":
                    self._update(self._extend(event))

    def _extend(self, event: LiveEvent) -> Preview | None:
        latest = self._latest
        if latest and latest.attempt == event.attempt and event.offset > len(latest.text):
            return None  # events are missing: the final text fills the gap
        return Preview.extend(latest, event)

    def _update(self, preview: Preview | None) -> None:
        if preview is not None and preview.turn == self._target.turn:
            self._latest = preview
            self._has_changed.set()


class Previews:
    """The previews that this process shows."""

    def __init__(self, writer: ReplyWriter, bus: LiveBus) -> None:
        self._writer, self._bus = writer, bus
        self._tasks: dict[tuple[str, int], PreviewTask] = {}
        self._empty: set[str] = set()

    def mark_empty(self, message: PostedMessage) -> None:
        """Note that this process has just posted a message that shows no text yet."""
        self._empty.add(message.id)

    def start(self, target: DeliveryTarget, message: PostedMessage) -> None:
        """Show the text of a turn from now on. A second call has no effect.

        The text of the message is unknown unless it was just posted here: another process, or an earlier attempt of
        this one, may have shown previews in it.
        """
        key = (target.conversation, target.turn)
        if key not in self._tasks:
            shown = "" if message.id in self._empty else None
            self._empty.discard(message.id)
            self._tasks[key] = PreviewTask(self._writer, self._bus, target, message, shown)

    async def end(self, target: DeliveryTarget) -> str | None:
        """Show no further preview; return what the message shows now, or None when that is unknown."""
        key = (target.conversation, target.turn)
        task = self._tasks.get(key)
        if task is None:
            return None
        await task.end()  # if this is cancelled, the next attempt waits for the same request
        self._tasks.pop(key, None)
        return task.shown

    async def close(self) -> None:
        """End all previews."""
        for task in list(self._tasks.values()):
            await task.end()
        self._tasks.clear()
