"""`Quota`: how much a person or a channel may use, keyed like a scope (`slack:T1:U7`, `slack:T1:C1`).

Messages a minute are counted when they come; tokens a day when a turn has ended, by the provider's own count.
"""

from __future__ import annotations

from restate import ObjectContext, VirtualObject

from chat_service import keys, runtime
from chat_service.contracts import Contract, Message
from chat_service.contracts.validation_errors import validation_errors_as_text
from chat_service.objects import invocation_policy
from chat_service.storage.serde import StateRecord, set_record

MINUTE = 60.0
DAY = 86_400.0
REMEMBERED = 50
"""Verdicts kept by message id, so that a repeat neither counts twice nor is judged anew."""

quota = VirtualObject(
    "Quota",
    description="What a person or a channel has used.",
    invocation_retry_policy=invocation_policy.PATIENT,
    invocation_context_managers=[validation_errors_as_text],
    journal_retention=invocation_policy.BRIEF,
    idempotency_retention=invocation_policy.BRIEF,
)


class Used(StateRecord):
    """The times of the last minute's messages, today's tokens, and the latest verdicts."""

    times: list[float] = []
    day: int = 0
    tokens: int = 0
    verdicts: dict[str, float] = {}


class Claim(Contract):
    """A message that wants to be answered. 0 means no limit."""

    id: str
    per_minute: int = 0
    tokens_per_day: int = 0


class Granted(Contract):
    """Whether it may, and if not, in how many seconds again."""

    allowed: bool
    wait: float = 0
    over: str = ""


class Tokens(Contract):
    """What a turn has used."""

    tokens: int


@quota.handler()
async def claim(ctx: ObjectContext, request: Claim) -> Granted:
    """Count a message, or refuse it. The same message gets the same verdict."""
    used = await ctx.get("used", type_hint=Used) or Used()
    now = await ctx.time()
    if (wait := used.verdicts.get(request.id)) is not None:
        return Granted(allowed=wait == 0, wait=abs(wait), over="messages" if wait > 0 else "tokens")
    used.times = [one for one in used.times if one > now - MINUTE]
    today = int(now // DAY)
    if used.day != today:
        used.day, used.tokens = today, 0
    granted = Granted(allowed=True)
    if request.tokens_per_day and used.tokens >= request.tokens_per_day:
        granted = Granted(allowed=False, wait=(today + 1) * DAY - now, over="tokens")
    elif request.per_minute and len(used.times) >= request.per_minute:
        granted = Granted(allowed=False, wait=used.times[-request.per_minute] + MINUTE - now, over="messages")
    elif request.per_minute:
        used.times.append(now)
    used.verdicts[request.id] = 0 if granted.allowed else -granted.wait if granted.over == "tokens" else granted.wait
    used.verdicts = dict(list(used.verdicts.items())[-REMEMBERED:])
    set_record(ctx, "used", used)
    return granted


@quota.handler(ingress_private=True)
async def spend(ctx: ObjectContext, request: Tokens) -> None:
    """Count what a turn has used."""
    used = await ctx.get("used", type_hint=Used) or Used()
    today = int(await ctx.time() // DAY)
    if used.day != today:
        used.day, used.tokens = today, 0
    used.tokens += request.tokens
    set_record(ctx, "used", used)


def charge(ctx: ObjectContext, reply: Message, question: list[Message]) -> None:
    """Send what a turn has used to its person's and its channel's quota, where a limit is set."""
    key = keys.parse(ctx.key())
    limits = runtime.current().settings
    if key is None or key.platform == "web" or reply.usage is None:
        return
    tokens = Tokens(tokens=reply.usage.prompt + reply.usage.completion)
    person = next((m.author.id for m in reversed(question) if m.author and m.author.id), "")
    if limits.person_tokens_per_day and person:
        ctx.object_send(spend, f"{key.platform}:{key.space}:{person}", tokens)
    if limits.channel_tokens_per_day:
        ctx.object_send(spend, key.scopes[-1], tokens)
