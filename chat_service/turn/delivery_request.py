"""Telling a platform's delivery object, at the start of a turn, whose outcome to bring.

Which object that is follows from the key's prefix by convention (`slack` → `SlackDelivery`), never from a payload. The
web has none: its windows read the history themselves.
"""

from __future__ import annotations

import time

import aiohttp
from restate import ObjectContext, RunOptions

from chat_service import keys, runtime
from chat_service.contracts import Contract, DeliverRequest, Message, QuestionMessage, RunningTurn
from chat_service.objects.chat_client import CHANNEL

KNOWN_SECONDS = 60.0
"""A bot that came once is expected back: its service stays registered while the process is away."""
ABSENT_SECONDS = 2.0
ASK_SECONDS = 2.0
ABSENT = "the bot of this platform has not come up yet"

_seen: dict[str, tuple[bool, float]] = {}


class PostponedDelivery(Contract):
    """A turn whose platform was not there to be told."""

    conversation: str
    request: DeliverRequest


def delivery_service(platform: keys.Platform) -> str | None:
    """The name of the object that delivers for a platform; None for the web."""
    return None if platform == "web" else f"{platform.capitalize()}Delivery"


async def request_delivery(ctx: ObjectContext, running: RunningTurn, question: list[Message]) -> str | None:
    """Have the turn delivered, or, when nobody delivers yet, remember it for when somebody does.

    Gives the reason why it is not delivered now. A send to a service that does not exist would block the key, so the
    engine is asked first; a conversation of the web, or of the bare ingress, costs no journal entry.
    """
    key = keys.parse(ctx.key())
    service = delivery_service(key.platform) if key else None
    if key is None or service is None:
        return None
    asked = [QuestionMessage(id=m.id, person=m.author.id if m.author else "") for m in question]
    order = DeliverRequest(turn=running.turn, invocation=running.invocation, question=asked)

    async def is_there() -> bool:
        """Only looks, so it may run twice."""
        return await _is_registered(service)

    if await ctx.run_typed("is the bot there", is_there, RunOptions(type_hint=bool)):
        ctx.generic_send(service, "deliver", order.model_dump_json().encode(), key=ctx.key())
        return None
    postponed = PostponedDelivery(conversation=ctx.key(), request=order.model_copy(update={"late": True}))
    ctx.generic_send(CHANNEL, "postpone", postponed.model_dump_json().encode(), key=key.scopes[0])
    return ABSENT


async def _is_registered(service: str) -> bool:
    """Whether the engine knows the service; an engine that does not say counts as no. Kept for some seconds."""
    known, until = _seen.get(service, (False, 0.0))
    if time.monotonic() < until:
        return known
    url = f"{runtime.current().settings.admin_url}/services/{service}"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_SECONDS)) as session,
            session.get(url) as response,
        ):
            known = response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        known = False
    _seen[service] = (known, time.monotonic() + (KNOWN_SECONDS if known else ABSENT_SECONDS))
    return known
