"""The reaction on a user's message that shows that the bot has received it.

Nothing here raises or is waited for: reactions may be lost, and platforms allow a bot only a few of them per second.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

from bots.common.background_tasks import BackgroundTasks
from bots.common.classify import classify
from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.common.events import MessageEvent
from bots.common.protocols import DeliveryTarget, Messenger
from chat_service import handlers, keys
from chat_service.contracts.channel import ChannelViewRequest
from chat_service.ingress import IngressClient, IngressError
from chat_service.settings import Settings

log = logging.getLogger(__name__)

MAX_REMEMBERED = 1_000
CALL_SECONDS = 3
LATE_SECONDS = 6.0
"""After a lost response the reaction may still appear; it is removed once more after this time."""
CLEAR_SECONDS = 1.5
"""How long a delivery waits for reactions to be removed. That is part of a durable step: a removal that a crash
interrupts is repeated."""

React = Callable[[str, str], Awaitable[None]]
"""Add or remove the reaction: conversation, message id."""


class StatusReactions:
    """The received reactions of one process. `is_used` tells whether a conversation shows them at all."""

    def __init__(self, add: React, remove: React, *, is_used: Callable[[str], bool] = lambda _: True) -> None:
        self._add, self._remove, self._is_used = add, remove, is_used
        self._done: OrderedDict[tuple[str, str], None] = OrderedDict()
        """Messages that were answered or will not be: the answer may be faster than the reaction."""
        self._own: OrderedDict[tuple[str, str], None] = OrderedDict()
        """Messages whose status this process has shown."""
        self._unconfirmed: set[tuple[str, str]] = set()
        """Messages whose reaction may still appear, because the response was lost."""
        self.background = BackgroundTasks()

    async def add(self, conversation: str, id: str) -> None:
        """Add the reaction, unless this process has added it before or the message is done."""
        if not self.register(conversation, id) or not self._is_used(conversation):
            return
        try:
            await self._add(conversation, id)
        except (PermanentError, TransientError) as error:
            log.debug("no reaction was added in %s: %s", conversation, error)
        except OutcomeUnknownError as error:
            log.debug("a reaction may have been added in %s: %s", conversation, error)
            self._unconfirmed.add((conversation, id))
        if self.is_done(conversation, id):
            await self._take_off(conversation, id)

    def register(self, conversation: str, id: str) -> bool:
        """Remember that this process shows the message's status. Return whether it is to be shown now: not twice, and
        not for a message that is done."""
        key = (conversation, id)
        is_new = key not in self._own and key not in self._done
        _remember(self._own, key)
        return is_new

    def is_done(self, conversation: str, id: str) -> bool:
        """Return whether this process knows that the message was answered or will not be."""
        return (conversation, id) in self._done

    async def remove(self, conversation: str, ids: Sequence[str], *, own_only: bool = False) -> list[str]:
        """Remove the reaction of messages that were answered or will not be; return the ids of these messages.

        With `own_only`, messages to which this process has added no reaction are left out.
        """
        removed = [id for id in ids if not own_only or (conversation, id) in self._own]
        for id in ids:
            _remember(self._done, (conversation, id))  # a reaction that is not added yet is not added any more
        if self._is_used(conversation):
            for id in removed:
                await self._take_off(conversation, id)
        return removed

    async def clear(self, target: DeliveryTarget) -> None:
        """Remove the reactions of a turn's messages; what takes longer than 1.5 s goes on in the background."""
        work = self._clear(target)
        await asyncio.wait({self.background.start(work)}, timeout=CLEAR_SECONDS)

    async def close(self) -> None:
        """Cancel the running calls."""
        await self.background.close()

    async def _clear(self, target: DeliveryTarget) -> None:
        await self.remove(target.conversation, [message.id for message in target.question if message.id])

    async def _take_off(self, conversation: str, id: str) -> None:
        await self._try_remove(conversation, id)
        if (conversation, id) in self._unconfirmed:
            self._unconfirmed.discard((conversation, id))
            self.background.start(self._remove_later(conversation, id))

    async def _remove_later(self, conversation: str, id: str) -> None:
        await asyncio.sleep(LATE_SECONDS)
        await self._try_remove(conversation, id)

    async def _try_remove(self, conversation: str, id: str) -> None:
        try:
            await self._remove(conversation, id)
        except (PermanentError, TransientError, OutcomeUnknownError) as error:
            log.debug("a reaction may remain in %s: %s", conversation, error)


def _remember(known: OrderedDict[tuple[str, str], None], key: tuple[str, str]) -> None:
    known[key] = None
    while len(known) > MAX_REMEMBERED:
        known.popitem(last=False)


async def mark_received(
    ingress: IngressClient, settings: Settings, messenger: Messenger, conversation: str, event: MessageEvent
) -> None:
    """Show that a message was received as soon as Restate has it: the intake's first steps take their time.

    Decides as the intake will, without asking the platform. Where the intake decides otherwise, it removes the status.
    May be lost: the intake adds the status too.
    """
    key = keys.parse(conversation)
    if key is None or not event.has_question_content:
        return
    space, channel = key.scopes
    requests = [(space, ChannelViewRequest()), (channel, ChannelViewRequest(conversation=conversation))]
    if event.parent_scope:
        requests.insert(1, (event.parent_scope, ChannelViewRequest()))
    try:
        channels = await asyncio.gather(
            *(ingress.call(handlers.CHANNEL_GET, scope, request, timeout=CALL_SECONDS) for scope, request in requests)
        )
    except (IngressError, TimeoutError) as error:
        log.debug("the received status in %s is left to the intake: %s", conversation, error)
        return
    if classify(event, key, channels, settings).kind == "ask":
        await messenger.add_status(conversation, event)
