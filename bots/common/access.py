"""Access lists, quotas, and the refusals that people are shown."""

from __future__ import annotations

from dataclasses import dataclass, field

from restate import ObjectContext

from bots.common import texts
from bots.common.classify import may_use
from bots.common.dependencies import IntakeDependencies, scope_of, send_ephemeral
from bots.common.events import MessageEvent
from chat_service import calls, handlers, keys
from chat_service.contracts.channel import ChannelRules, ChannelViewRequest
from chat_service.contracts.quota import QuotaClaim
from chat_service.ingress import IngressClient
from chat_service.settings import Settings
from chat_service.storage.record import StateRecord
from chat_service.storage.serde import set_record

CALL_SECONDS = 5
REFUSAL_PAUSE_SECONDS = 600.0
"""A person is shown the same refusal once in this time: repeated messages would otherwise fill a channel with them."""
MAX_REFUSAL_PAUSE_SECONDS = 3_600.0
MAX_REFUSALS = 200


@dataclass(frozen=True, slots=True)
class Requester:
    """A person who uses a button or a slash command; `roles` and `parent_scope` as in `MessageEvent`."""

    conversation: str
    person: str
    roles: list[str] = field(default_factory=list)
    parent_scope: str = ""


@dataclass(frozen=True, slots=True)
class QuotaLimit:
    """The limits of one owner of a quota; 0 means no limit."""

    owner: str
    messages_per_minute: int
    tokens_per_day: int


class SentRefusals(StateRecord):
    """Until when a refusal is not repeated, in seconds since 1970, by person and reason."""

    until: dict[str, float] = {}


def quota_limits(settings: Settings, key: keys.ConversationKey, person: str, parent_scope: str) -> list[QuotaLimit]:
    """Return the quotas that a message counts for.

    With a `parent_scope`, the channel around a thread that has a scope of its own, messages are counted for the channel
    and tokens for the thread.
    """
    limits = [
        QuotaLimit(
            f"{key.platform}:{key.space}:{person}", settings.person_messages_per_minute, settings.person_tokens_per_day
        )
    ]
    if parent_scope:
        limits.append(QuotaLimit(parent_scope, settings.channel_messages_per_minute, 0))
        limits.append(QuotaLimit(key.scopes[-1], 0, settings.channel_tokens_per_day))
    else:
        per_minute, per_day = settings.channel_messages_per_minute, settings.channel_tokens_per_day
        limits.append(QuotaLimit(key.scopes[-1], per_minute, per_day))
    return [limit for limit in limits if limit.messages_per_minute or limit.tokens_per_day]


async def claim_quota(
    ctx: ObjectContext,
    deps: IntakeDependencies,
    event: MessageEvent,
    key: keys.ConversationKey,
    *,
    count_messages: bool = True,
) -> bool:
    """Count a message and return whether it is within the limits; if not, the author is informed.

    Messages a minute do not count without `count_messages`: messages that a backfill found arrive all at once.
    """
    channel = scope_of(ctx)
    parent_scope = event.parent_scope or (channel if channel != key.scopes[-1] else "")
    for limit in quota_limits(deps.settings, key, event.author_id, parent_scope):
        per_minute = limit.messages_per_minute if count_messages else 0
        if not per_minute and not limit.tokens_per_day:
            continue
        request = QuotaClaim(id=f"{ctx.key()}:{event.id}", per_minute=per_minute, tokens_per_day=limit.tokens_per_day)
        decision = await calls.call(ctx, handlers.QUOTA_CLAIM, limit.owner, request)
        if not decision.is_allowed:
            text = texts.over_limit(decision.outcome, decision.retry_after)
            await send_refusal(ctx, deps, event, text, reason=decision.outcome, pause=decision.retry_after)
            return False
    return True


async def send_refusal(
    ctx: ObjectContext,
    deps: IntakeDependencies,
    event: MessageEvent,
    text: str,
    *,
    reason: str,
    pause: float = REFUSAL_PAUSE_SECONDS,
) -> None:
    """Tell the author of a message why it is not answered, unless they were told in the last `pause` seconds.

    `pause` is an hour at most. `reason` identifies the refusal, whose text may contain changing figures.
    """
    refusal = f"{event.author_id}:{reason}"
    now = await ctx.time()
    sent = await ctx.get("sent_refusals", type_hint=SentRefusals) or SentRefusals()
    if sent.until.get(refusal, 0.0) > now:
        return
    current = {key: until for key, until in sent.until.items() if until > now}
    current[refusal] = now + min(pause, MAX_REFUSAL_PAUSE_SECONDS)
    set_record(ctx, "sent_refusals", SentRefusals(until=dict(list(current.items())[-MAX_REFUSALS:])))
    await send_ephemeral(ctx, deps, event, text)


async def claim_quota_by_ingress(
    ingress: IngressClient, settings: Settings, requester: Requester, id: str
) -> str | None:
    """Count a request that is no message; return the text of the refusal if a limit is reached.

    Raises:
        IngressError, TimeoutError: Restate cannot be reached.
    """
    key = keys.parse(requester.conversation)
    assert key is not None  # noqa: S101  find_refusal has checked the key
    for limit in quota_limits(settings, key, requester.person, requester.parent_scope):
        request = QuotaClaim(
            id=f"{requester.conversation}:{id}",
            per_minute=limit.messages_per_minute,
            tokens_per_day=limit.tokens_per_day,
        )
        decision = await ingress.call(handlers.QUOTA_CLAIM, limit.owner, request, timeout=CALL_SECONDS)
        if not decision.is_allowed:
            return texts.over_limit(decision.outcome, decision.retry_after)
    return None


async def find_refusal(ingress: IngressClient, settings: Settings, requester: Requester) -> str | None:
    """Return why a person may not ask the bot something in this channel, or None if they may.

    Raises:
        IngressError, TimeoutError: Restate cannot be reached.
    """
    key = keys.parse(requester.conversation)
    if key is None:
        return texts.NOT_ALLOWED
    rules = await _read_rules(ingress, requester, key)
    if any(rule.off for rule in rules):
        return texts.SWITCHED_OFF
    return None if _is_allowed(key, settings, requester, rules) else texts.NOT_ALLOWED


async def is_blocked(ingress: IngressClient, settings: Settings, requester: Requester) -> bool:
    """Return whether the access lists keep a person from using the bot in this channel.

    Raises:
        IngressError, TimeoutError: Restate cannot be reached.
    """
    key = keys.parse(requester.conversation)
    return key is None or not _is_allowed(key, settings, requester, await _read_rules(ingress, requester, key))


def _is_allowed(key: keys.ConversationKey, settings: Settings, requester: Requester, rules: list[ChannelRules]) -> bool:
    other_ids = (*requester.roles, requester.parent_scope.rpartition(":")[2])
    return may_use(key, requester.person, settings, *rules, other_ids=other_ids)


async def _read_rules(ingress: IngressClient, requester: Requester, key: keys.ConversationKey) -> list[ChannelRules]:
    space, channel = key.scopes
    scopes = [space, *([requester.parent_scope] if requester.parent_scope else []), channel]
    return [
        (await ingress.call(handlers.CHANNEL_GET, scope, ChannelViewRequest(), timeout=CALL_SECONDS)).rules
        for scope in scopes
    ]
