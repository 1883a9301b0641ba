"""Sends platform events to the platform's intake object."""

from __future__ import annotations

from collections.abc import Callable

from bots.common.events import PlatformEvent, intake_handler
from chat_service.ingress import IngressClient
from chat_service.keys import Platform


class EventSender:
    """Sends the events of one platform.

    `on_new` is called with the conversation and the event when Restate has accepted an event for the first time.
    """

    def __init__(
        self, platform: Platform, ingress: IngressClient, on_new: Callable[[str, PlatformEvent], None] = lambda *_: None
    ) -> None:
        self._handler, self._ingress, self._on_new = intake_handler(platform), ingress, on_new

    async def send(self, conversation: str, id: str, event: PlatformEvent) -> None:
        """Send an event durably. `id` is the idempotency key: a repeat has no effect.

        Raises:
            IngressError: Restate did not accept the event.
        """
        sent = await self._ingress.send(self._handler, conversation, event, idempotency_key=id)
        if not sent.repeated:
            self._on_new(conversation, event)
