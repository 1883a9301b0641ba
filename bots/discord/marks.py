"""The lossy signs beside a question: that it has arrived, and its place in line while it waits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any
from weakref import WeakValueDictionary

import discord

from bots.adapter.contract import Gone, Heard, Later, Spot, Unclear
from bots.discord.client import Bot, called
from chat_service import keys
from chat_service.contracts import History, HistoryRequest
from chat_service.ingress import IngressClient, IngressError

log = logging.getLogger(__name__)

EYES = "👀"
DIGITS = [f"{number}\ufe0f\u20e3" for number in range(1, 10)]


class Marks:
    """Reactions on questions. Nothing here ever raises: nothing depends on it."""

    def __init__(self, bot: Bot, ingress: IngressClient) -> None:
        self._bot, self._ingress = bot, ingress
        self._tasks: set[asyncio.Task[None]] = set()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._shown: dict[str, dict[str, str]] = {}
        """The messages of a conversation that this process has marked or looked at, and the place that each shows
        ("": none). What others show was marked by a process that is no more."""

    def coming(self, conversation: str) -> None:
        """A message with files is being read, which takes its time."""
        self._soon(self._type(conversation))

    async def arrived(self, conversation: str, heard: Heard) -> None:
        """The message was taken in."""
        self._shown.setdefault(conversation, {}).setdefault(heard.id, "")
        if not await self._react(conversation, heard.id, EYES):
            await self._type(conversation)  # no permission for reactions
        elif heard.id not in self._shown.get(conversation, {}):
            await self._react(conversation, heard.id, EYES, remove=True)  # it was quicker than its sign
        await self._line(conversation)

    async def taken_back(self, conversation: str, ids: list[str]) -> None:
        """These messages will not be answered."""
        for id in ids:
            await self._unmark(conversation, id)

    def settled(self, spot: Spot) -> None:
        """A turn has ended: its questions lose their signs, and the others move up. Beside the delivery: Discord takes
        four reactions a second, and the next reply must not wait for them."""
        self._soon(self._settle(spot))

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _settle(self, spot: Spot) -> None:
        for one in spot.asked:
            if one.id:
                await self._unmark(spot.conversation, one.id)
        await self._line(spot.conversation)

    async def _line(self, conversation: str) -> None:
        """Show everybody who waits their place, as far as there are digits."""
        lock = self._locks.setdefault(conversation, asyncio.Lock())
        async with lock:
            await self._show_line(conversation)

    async def _show_line(self, conversation: str) -> None:
        before = set(self._shown.get(conversation, {}))
        try:
            request = HistoryRequest(limit=1)
            page = await self._ingress.call("Chat", conversation, "get_history", request, History, timeout=3)
        except (IngressError, TimeoutError):
            return
        asked = {one.id for one in page.running.question} if page.running else set()
        waiting = [one.id for one in page.waiting if one.id and one.id not in asked]
        shown = self._shown.setdefault(conversation, {})
        for id in waiting:
            if id not in shown:
                mine = await self._mine(conversation, id)
                shown[id] = next((one for one in mine if one in DIGITS), "")
        now = dict(zip(waiting, DIGITS, strict=False)) if page.running else {}
        for id, digit in list(shown.items()):
            if id in before and id not in waiting and id not in asked:
                await self._unmark(conversation, id)  # answered meanwhile, or taken back
            elif digit and now.get(id) != digit:
                await self._react(conversation, id, digit, remove=True)
                shown[id] = ""
        for id, digit in now.items():
            if shown.get(id) != digit:
                await self._react(conversation, id, digit)
                shown[id] = digit
        if not shown:
            self._shown.pop(conversation, None)

    async def _unmark(self, conversation: str, id: str) -> None:
        """Take every sign from a message."""
        digit = self._shown.get(conversation, {}).pop(id, None)
        signs = await self._mine(conversation, id) if digit is None else [EYES, *([digit] if digit else [])]
        for sign in signs:
            await self._react(conversation, id, sign, remove=True)

    async def _mine(self, conversation: str, id: str) -> list[str]:
        """The signs of ours that a message has, by Discord's word."""
        try:
            place = await self._channel(conversation, id)
            message: discord.Message = await called("fetch_message", place.fetch_message(int(id)))
        except (Gone, Unclear, Later) as error:
            log.debug("no look at %s in %s: %s", id, conversation, error)
            return []
        return [str(one.emoji) for one in message.reactions if one.me]

    async def _react(self, conversation: str, id: str, emoji: str, *, remove: bool = False) -> bool:
        try:
            message = (await self._channel(conversation, id)).get_partial_message(int(id))
            if remove:
                await called("remove_reaction", message.remove_reaction(emoji, discord.Object(self._bot.me)))
            else:
                await called("add_reaction", message.add_reaction(emoji))
        except (Gone, Unclear, Later) as error:
            log.debug("no %s in %s: %s", emoji, conversation, error)
            return False
        return True

    async def _channel(self, conversation: str, id: str) -> Any:
        """Where a question stands: one that a thread was opened from stands outside it."""
        place = self._bot.place(conversation)
        if id != str(place.id):
            return place
        thread = await self._bot.channel(place.id)
        key = keys.parse(conversation)
        assert key is not None  # noqa: S101  place() has looked
        return self._bot.get_partial_messageable(thread.parent_id, guild_id=int(key.space))

    async def _type(self, conversation: str) -> None:
        try:
            await called("typing", self._bot.http.send_typing(self._bot.place(conversation).id))
        except (Gone, Unclear, Later) as error:
            log.debug("no sign in %s: %s", conversation, error)
