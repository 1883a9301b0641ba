"""The sign that a message has arrived, put there as soon as Restate has it: what the intake reads first (names, files,
the thread) takes its time, and so may what came before it.

It looks as the intake will, without asking the platform for anything; where the intake then sees it otherwise, it takes
the sign off.
"""

from __future__ import annotations

import asyncio
import logging

from bots.common.classify import classify
from bots.common.events import MessageEvent
from bots.common.protocols import Messenger
from chat_service import keys
from chat_service.ingress import IngressClient, IngressError
from chat_service.objects.channel_threads import Place, PlaceRequest
from chat_service.settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 3


async def mark_arrival(
    ingress: IngressClient, settings: Settings, ears: Messenger, conversation: str, heard: MessageEvent
) -> None:
    """Mark a message that will be answered, as far as can be told from the message alone. Lossy: the intake marks it
    too, when it comes to it."""
    key = keys.parse(conversation)
    if key is None or not heard.has_question_content:
        return
    wide, narrow = key.scopes
    asked = [(wide, PlaceRequest()), (narrow, PlaceRequest(conversation=conversation))]
    if heard.parent_scope:
        asked.insert(1, (heard.parent_scope, PlaceRequest()))
    try:
        places = await asyncio.gather(
            *(ingress.call("Channel", scope, "look", one, Place, timeout=LOOK_SECONDS) for scope, one in asked)
        )
    except (IngressError, TimeoutError) as error:
        log.debug("%s is marked in its turn: %s", conversation, error)
        return
    if classify(heard, key, places, settings).kind == "ask":
        await ears.add_status(conversation, heard)
