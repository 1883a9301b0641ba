"""Ask a platform's bot, at the start of a turn, to deliver the turn's reply.

The delivery object follows from the prefix of the conversation's key (`slack` → `SlackDelivery`), never from a payload.
The web has none: its windows read the history themselves.
"""

from __future__ import annotations

import time

import aiohttp
from restate import ObjectContext, RunOptions

from chat_service import handlers, keys, runtime
from chat_service.calls import send
from chat_service.contracts import DeliverRequest, Message, QuestionMessage, RunningTurn
from chat_service.contracts.channel import PostponedDelivery

REGISTERED_CACHE_SECONDS = 60.0
"""A bot that was registered once is expected back: its service stays registered while its process is down."""
UNREGISTERED_CACHE_SECONDS = 2.0
ADMIN_TIMEOUT_SECONDS = 2.0
BOT_NOT_REGISTERED = "the bot of this platform has not started yet"

_registered: dict[str, tuple[bool, float]] = {}
"""By service: whether it is registered, and until when this is valid, in seconds of the monotonic clock."""


async def request_delivery(ctx: ObjectContext, running: RunningTurn, question: list[Message]) -> str | None:
    """Send the turn to its platform's delivery object, or postpone it until that is registered.

    Returns the reason why it is not delivered now, or None.

    Trap: a send to a service that does not exist would block the key, so Restate is asked first. Conversations of the
    web and of the bare ingress cost no journal entry here.
    """
    key = keys.parse(ctx.key())
    deliver = handlers.delivery_handler(key.platform) if key else None
    if key is None or deliver is None:
        return None
    messages = [QuestionMessage(id=m.id, person=m.author.id if m.author else "") for m in question]
    request = DeliverRequest(turn=running.turn, invocation=running.invocation, question=messages)

    async def is_registered() -> bool:
        """Only reads, so it may be repeated."""
        return await _is_registered(deliver.service)

    if await ctx.run_typed("check delivery service", is_registered, RunOptions(type_hint=bool)):
        send(ctx, deliver, ctx.key(), request)
        return None
    postponed = PostponedDelivery(conversation=ctx.key(), request=request.model_copy(update={"late": True}))
    send(ctx, handlers.CHANNEL_POSTPONE_DELIVERY, key.scopes[0], postponed)
    return BOT_NOT_REGISTERED


async def _is_registered(service: str) -> bool:
    """Ask Restate whether it knows the service; no answer counts as no. The result is cached for some seconds."""
    is_registered, valid_until = _registered.get(service, (False, 0.0))
    if time.monotonic() < valid_until:
        return is_registered
    url = f"{runtime.current().settings.admin_url}/services/{service}"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ADMIN_TIMEOUT_SECONDS)) as session,
            session.get(url) as response,
        ):
            is_registered = response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        is_registered = False
    seconds = REGISTERED_CACHE_SECONDS if is_registered else UNREGISTERED_CACHE_SECONDS
    _registered[service] = (is_registered, time.monotonic() + seconds)
    return is_registered
