"""Which messages are handed over at all: what was not said to the bot only where somebody wants it, so that a busy
server costs nothing."""

from __future__ import annotations

import time

from bots.discord.message_snapshot import MessageSnapshot
from chat_service.ingress import IngressClient
from chat_service.objects.channel_threads import Place, PlaceRequest, Rules

KEEP_SECONDS = 5.0
MANY = 10_000


class EventFilter:
    """What this process remembers of places, for some seconds."""

    def __init__(self, ingress: IngressClient) -> None:
        self._ingress = ingress
        self._places: dict[str, tuple[Place, float]] = {}
        self._taken: set[str] = set()

    async def accepts(self, record: MessageSnapshot, *, branched: bool = False) -> bool:
        """Whether a record is anybody's business. `branched`: a thread was opened from the message.

        Raises:
            IngressError, TimeoutError: nobody can tell now.
        """
        conversation = record.conversation
        if record.kind == "said":
            if record.addressed:
                if len(self._taken) > MANY:
                    self._taken.clear()
                self._taken.add(conversation)
                return True
            return await self._answers_all(record)
        if branched or conversation in self._taken:
            return True
        return (await self._look(conversation)).thread is not None

    def changed(self, scope: str) -> None:
        """Rules were changed: forget what is known."""
        self._places.pop(scope, None)
        if scope.count(":") == 1:
            self._places.clear()

    async def _answers_all(self, record: MessageSnapshot) -> bool:
        scopes = [record.conversation, *([f"discord:{record.guild}:{record.parent}"] if record.parent else [])]
        rules: list[Rules] = [(await self._look(one)).rules for one in (*scopes, f"discord:{record.guild}")]
        mode = next((one.reply_mode for one in rules if one.reply_mode), None)
        return record.ours or mode == "everything"

    async def _look(self, scope: str) -> Place:
        known = self._places.get(scope)
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        place = await self._ingress.call("Channel", scope, "look", PlaceRequest(conversation=scope), Place, timeout=10)
        if len(self._places) > MANY:
            self._places.clear()
        self._places[scope] = (place, time.monotonic() + KEEP_SECONDS)
        return place
