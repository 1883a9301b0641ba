"""`stop`, said in words: it waits for nothing that is read before it, since every second shows.

The intake takes it in as it does everything else, durably and in order; both call by one key, so that the second of
them stops nothing that began meanwhile.
"""

from __future__ import annotations

import logging

from bots.common import commands
from bots.common.access import ButtonAction, is_shut_out
from chat_service.contracts import Stopped, StopRequest
from chat_service.ingress import IngressClient, IngressError
from chat_service.settings import Settings

log = logging.getLogger(__name__)

STOP_SECONDS = 5.0


def is_stop(text: str) -> bool:
    """Whether a message to the bot, without its name, ends what runs and nothing else: after half of a "stop all" the
    next in line would begin."""
    return commands.command_of(text) == "stop"


def stop_once(id: str) -> str:
    """The key by which a message stops once."""
    return f"stop:{id}"


async def stop_at_once(ingress: IngressClient, settings: Settings, press: ButtonAction) -> None:
    """End what runs before the intake comes to it, if the person may. Never raises: the intake comes to it."""
    try:
        if not await is_shut_out(ingress, settings, press):
            await ingress.call(
                "Chat",
                press.conversation,
                "stop",
                StopRequest(),
                Stopped,
                timeout=STOP_SECONDS,
                idempotency_key=stop_once(press.id),
            )
    except (IngressError, TimeoutError) as error:
        log.warning("%s is stopped in its turn: %s", press.conversation, error)
