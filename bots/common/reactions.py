"""The lossy signs beside a question: that it has arrived, and its place in line while it waits.

Nothing here ever raises, since nothing depends on it, and nothing waits for it: platforms let a bot react slowly.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from weakref import WeakValueDictionary

from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.common.protocols import DeliveryTarget
from chat_service.contracts import History, HistoryRequest
from chat_service.ingress import IngressClient, IngressError

log = logging.getLogger(__name__)

REMEMBERED = 1_000
LATE_SECONDS = 6.0
"""After an unclear answer a sign may still appear: so much later it is taken off once more."""

SETTLE_SECONDS = 1.5
"""So long a delivery waits for signs to go. It is a durable step: what a crash interrupts here is done again."""

React = Callable[[str, str, str, bool], Awaitable[None]]
"""Put a sign on a message, or take it off: conversation, message, sign, whether it goes."""
Look = Callable[[str, str], Awaitable[Sequence[str]]]
"""The signs of ours that a message shows, asked of the platform: another process may have put them there."""


class StatusReactions:
    """The signs of one process. `arrived` is put on each question, one of `places` while it waits; `beyond`, if there
    is such a sign, on whoever waits behind those."""

    def __init__(
        self, ingress: IngressClient, react: React, look: Look, arrived: str, places: Sequence[str], beyond: str = ""
    ) -> None:
        self._ingress, self._react, self._look, self._eyes, self._places = ingress, react, look, arrived, places
        self._beyond = beyond
        self._tasks: set[asyncio.Future[None]] = set()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._shown: dict[str, dict[str, str]] = {}
        """The place that each waiting message of a conversation shows."""
        self._done: OrderedDict[tuple[str, str], None] = OrderedDict()
        """Messages that were answered or taken back: their answer may be faster than their sign."""
        self._ours: OrderedDict[tuple[str, str], None] = OrderedDict()
        """Messages whose signs this process has put there."""
        self._doubtful: set[tuple[str, str]] = set()

    async def arrived(self, conversation: str, id: str, *, eyes: bool = True) -> None:
        """The message was taken in. Said again, it has its sign already, but may have got a place in line since."""
        if self.meets(conversation, id) and eyes:
            await self._put(conversation, id, self._eyes)
            if (conversation, id) in self._done:
                await self._off(conversation, id, self._eyes)
        await self._line(conversation)

    def meets(self, conversation: str, id: str) -> bool:
        """Whether the message is new to this process, and not over already; asked again, it is not."""
        where = (conversation, id)
        new = where not in self._ours and where not in self._done
        _keep(self._ours, where)
        return new

    async def is_idle(self, conversation: str) -> bool:
        """Whether nothing is being answered in a conversation, and nothing waits; not when nobody knows."""
        page = await self._page(conversation)
        return page is not None and not page.running and not page.waiting

    def is_over(self, conversation: str, id: str) -> bool:
        """Whether this process knows the message to be answered or taken back."""
        return (conversation, id) in self._done

    async def taken_back(self, conversation: str, ids: Sequence[str], *, ours: bool = False) -> list[str]:
        """These messages will not be answered; `ours`: only those are meant that have a sign of this process. Gives
        those that were meant."""
        gone = [id for id in ids if not ours or (conversation, id) in self._ours]
        for id in ids:
            _keep(self._done, (conversation, id))  # a sign that is still on its way does not come any more
        for id in gone:
            await self._leave(conversation, id)
        if gone:
            await self._line(conversation)
        return gone

    async def settled(self, spot: DeliveryTarget) -> None:
        """A turn has ended: its questions lose their signs, and the others move up; beside the delivery, when the
        platform is slow."""
        await asyncio.wait({self.beside(self._settle(spot))}, timeout=SETTLE_SECONDS)

    async def close(self) -> None:
        """Give up."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _settle(self, spot: DeliveryTarget) -> None:
        await self.taken_back(spot.conversation, [one.id for one in spot.question if one.id])

    async def _leave(self, conversation: str, id: str) -> None:
        where = (conversation, id)
        _keep(self._done, where)
        for sign in [self._eyes] if where in self._ours else await self._found(conversation, id):
            await self._off(conversation, id, sign)
        if where in self._doubtful:
            self._doubtful.discard(where)
            self.beside(self._off_later(conversation, id, self._eyes))

    async def _found(self, conversation: str, id: str) -> Sequence[str]:
        try:
            return [
                one for one in await self._look(conversation, id) if one in (self._eyes, *self._places, self._beyond)
            ]
        except (PermanentError, TransientError, OutcomeUnknownError) as error:
            log.debug("nobody knows what %s shows in %s: %s", id, conversation, error)
            return [self._eyes]

    async def _off_later(self, conversation: str, id: str, sign: str) -> None:
        await asyncio.sleep(LATE_SECONDS)
        await self._off(conversation, id, sign)

    async def _line(self, conversation: str) -> None:
        """Show everybody who waits their place, as far as there are signs for it."""
        lock = self._locks.setdefault(conversation, asyncio.Lock())
        async with lock:
            await self._show_line(conversation)

    async def _show_line(self, conversation: str) -> None:
        if (page := await self._page(conversation)) is None:
            return
        asked = {one.id for one in page.running.question} if page.running else set()
        waiting = [one.id for one in page.waiting if one.id and one.id not in asked] if page.running else []
        shown = self._shown.pop(conversation, {})
        signs = [*self._places, *([self._beyond] * (len(waiting) - len(self._places)) if self._beyond else [])]
        now = dict(zip(waiting, signs, strict=False))
        if now:
            self._shown[conversation] = now
        for id, place in shown.items():
            if now.get(id) != place:
                await self._off(conversation, id, place)
            if id not in waiting and id not in asked:
                await self._leave(conversation, id)  # taken back
        for id, place in now.items():
            if shown.get(id) != place:
                await self._put(conversation, id, place)

    async def _page(self, conversation: str) -> History | None:
        try:
            request = HistoryRequest(limit=1)
            return await self._ingress.call("Chat", conversation, "get_history", request, History, timeout=3)
        except (IngressError, TimeoutError):
            return None

    async def _put(self, conversation: str, id: str, sign: str) -> None:
        try:
            await self._react(conversation, id, sign, False)
        except (PermanentError, TransientError) as error:
            log.debug("no %s in %s: %s", sign, conversation, error)
        except OutcomeUnknownError as error:
            log.debug("nobody knows whether there is a %s in %s: %s", sign, conversation, error)
            if sign == self._eyes:
                self._doubtful.add((conversation, id))

    async def _off(self, conversation: str, id: str, sign: str) -> None:
        try:
            await self._react(conversation, id, sign, True)
        except (PermanentError, TransientError, OutcomeUnknownError) as error:
            log.debug("a %s stays in %s: %s", sign, conversation, error)

    def beside(self, work: Awaitable[None]) -> asyncio.Future[None]:
        """Do something lossy that nobody waits for."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _keep(known: OrderedDict[tuple[str, str], None], where: tuple[str, str]) -> None:
    known[where] = None
    while len(known) > REMEMBERED:
        known.popitem(last=False)
