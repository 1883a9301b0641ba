"""The received reaction in Slack channels. Direct messages show an agent session's status instead."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from bots.common.background_tasks import BackgroundTasks
from bots.common.errors import TransientError
from bots.common.events import PlatformEvent
from bots.common.protocols import Messenger
from bots.common.reactions import StatusReactions, mark_received
from bots.slack.client import SlackApiCallError, SlackClient
from bots.slack.events import PERSON_SUBTYPES, EventParser
from chat_service import keys
from chat_service.ingress import IngressClient
from chat_service.settings import Settings

RECEIVED = "eyes"


def slack_status_reactions(slack: SlackClient) -> StatusReactions:
    """Return the reactions of one workspace."""

    async def add(conversation: str, id: str) -> None:
        await react(slack.web.reactions_add, conversation, id)

    async def remove(conversation: str, id: str) -> None:
        await react(slack.web.reactions_remove, conversation, id)

    async def react(call: Callable[..., Awaitable[Any]], conversation: str, id: str) -> None:
        key = keys.parse(conversation)
        assert key is not None  # noqa: S101  the intake has checked the key
        try:
            await slack(call, channel=key.channel, timestamp=id, name=RECEIVED)
        except SlackApiCallError as error:
            raise TransientError(str(error)) from error  # already_reacted, no_reaction

    return StatusReactions(add, remove, is_used=_is_channel)


def _is_channel(conversation: str) -> bool:
    key = keys.parse(conversation)
    return key is not None and not key.channel.startswith("D")


class EarlyStatus:
    """Shows that a new message was received before the intake has parsed it."""

    def __init__(
        self,
        ingress: IngressClient,
        settings: Settings,
        parser: EventParser,
        messenger: Messenger,
        background: BackgroundTasks,
    ) -> None:
        self._ingress, self._settings, self._parser = ingress, settings, parser
        self._messenger, self._background = messenger, background

    def show(self, conversation: str, event: PlatformEvent) -> None:
        """Show the status of a new message in the background, unless it is too old to be answered."""
        if event.raw.get("subtype") not in PERSON_SUBTYPES:
            return
        message = self._parser.parse_without_lookups(event.raw)
        if time.time() - message.at.timestamp() < self._settings.catchup_max_age:
            self._background.start(mark_received(self._ingress, self._settings, self._messenger, conversation, message))
