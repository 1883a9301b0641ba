"""Refusals, each said to a person once in a while: whoever asks again and again would fill a channel with them."""

from __future__ import annotations

from restate import ObjectContext

from bots.common.dependencies import IntakeDependencies, send_ephemeral
from bots.common.events import MessageEvent
from chat_service.storage.record import StateRecord
from chat_service.storage.serde import set_record

SECONDS = 600.0
LONGEST = 3_600.0
MANY = 200


class SentRefusals(StateRecord):
    """Who was told what lately, and until when it need not be said again (seconds since 1970)."""

    until: dict[str, float] = {}


async def send_refusal(
    ctx: ObjectContext, it: IntakeDependencies, heard: MessageEvent, text: str, *, why: str, wait: float = SECONDS
) -> None:
    """Tell the author of a message why it is not answered, unless they were told in the last `wait` seconds (an hour
    at most). `why` names the reason, where its words differ from time to time."""
    person = heard.author.id if heard.author else ""
    now = await ctx.time()
    known = await ctx.get("refused", type_hint=SentRefusals) or SentRefusals()
    if known.until.get(f"{person}:{why}", 0.0) > now:
        return
    left = {one: until for one, until in known.until.items() if until > now}
    left[f"{person}:{why}"] = now + min(wait, LONGEST)
    set_record(ctx, "refused", SentRefusals(until=dict(list(left.items())[-MANY:])))
    await send_ephemeral(ctx, it, heard, text)
