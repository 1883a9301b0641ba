"""`Quota`: what a person or a channel may use, keyed like a scope (`slack:T1:U7`, `slack:T1:C1`).

Messages per minute are counted when they arrive. Tokens per day are counted when a turn has ended, by the provider's
own figures.
"""

from __future__ import annotations

from restate import ObjectContext

from chat_service.contracts.quota import QuotaClaim, QuotaDecision, TokenUsage
from chat_service.storage.record import StateRecord
from chat_service.storage.serde import set_record

MINUTE_SECONDS = 60.0
DAY_SECONDS = 86_400.0
MAX_DECISIONS = 50
"""Decisions kept by message id, so that a repeated message is neither counted nor decided again."""


class QuotaUsage(StateRecord):
    """The times of the last minute's messages, the tokens of `day` (days since the epoch), and the last decisions."""

    times: list[float] = []
    day: int = 0
    tokens: int = 0
    decisions: dict[str, QuotaDecision] = {}


async def claim(ctx: ObjectContext, request: QuotaClaim) -> QuotaDecision:
    """Count a message, or refuse it. The same message always gets the same decision."""
    usage = await ctx.get("usage", type_hint=QuotaUsage) or QuotaUsage()
    now = await ctx.time()
    if (earlier := usage.decisions.get(request.id)) is not None:
        return earlier
    usage.times = [time for time in usage.times if time > now - MINUTE_SECONDS]
    _start_day(usage, now)
    decision = _decide(usage, request, now)
    if decision.is_allowed and request.per_minute:
        usage.times.append(now)
    usage.decisions[request.id] = decision
    usage.decisions = dict(list(usage.decisions.items())[-MAX_DECISIONS:])
    set_record(ctx, "usage", usage)
    return decision


async def add_tokens(ctx: ObjectContext, request: TokenUsage) -> None:
    """Count the tokens of a turn."""
    usage = await ctx.get("usage", type_hint=QuotaUsage) or QuotaUsage()
    _start_day(usage, await ctx.time())
    usage.tokens += request.tokens
    set_record(ctx, "usage", usage)


def _decide(usage: QuotaUsage, request: QuotaClaim, now: float) -> QuotaDecision:
    if request.tokens_per_day and usage.tokens >= request.tokens_per_day:
        return QuotaDecision(outcome="too_many_tokens", retry_after=(usage.day + 1) * DAY_SECONDS - now)
    if request.per_minute and len(usage.times) >= request.per_minute:
        retry_after = usage.times[-request.per_minute] + MINUTE_SECONDS - now
        return QuotaDecision(outcome="too_many_messages", retry_after=retry_after)
    return QuotaDecision(outcome="allowed")


def _start_day(usage: QuotaUsage, now: float) -> None:
    today = int(now // DAY_SECONDS)
    if usage.day != today:
        usage.day, usage.tokens = today, 0
