"""How much a person and a channel may ask, and trying again by a button, which costs what a question costs."""

from __future__ import annotations

from dataclasses import dataclass, field

from restate import ObjectContext

from bots.common import commands
from bots.common.classify import may_use
from bots.common.dependencies import IntakeDependencies, scope_of
from bots.common.events import MessageEvent
from bots.common.refusals import send_refusal
from chat_service import keys
from chat_service.contracts import History, HistoryRequest, Reply, TurnRequest
from chat_service.ingress import IngressClient, IngressError
from chat_service.objects.channel_threads import Place, PlaceRequest, Rules
from chat_service.objects.quota import QuotaClaim, QuotaDecision, claim
from chat_service.settings import Settings

LOOK_SECONDS = 5
OUTCOME_SECONDS = 20.0
"""So long a retry is watched for a word that it cannot be; it goes on whether it is watched or not."""
LAST = 20


@dataclass(frozen=True, slots=True)
class ButtonAction:
    """Somebody wants a reply anew. `id` tells this press from the next; `roles` and `parent` as in `Heard`."""

    id: str
    conversation: str
    person: str
    turn: int = 0
    seq: int = 0
    roles: list[str] = field(default_factory=list)
    parent: str = ""

    @property
    def also(self) -> tuple[str, ...]:
        """What else an allow or block list may name."""
        return (*self.roles, self.parent.rpartition(":")[2])


def claims_of(settings: Settings, key: keys.ConversationKey, person: str, wider: str) -> list[tuple[str, int, int]]:
    """Whose quota a message counts for, with the limits: messages a minute and tokens a day (0: none).

    `wider` is the channel around a thread that is a place of its own: its messages count there, while tokens are
    counted by conversation.
    """
    claims = [
        (f"{key.platform}:{key.space}:{person}", settings.person_messages_per_minute, settings.person_tokens_per_day),
        (key.scopes[-1], settings.channel_messages_per_minute, settings.channel_tokens_per_day),
    ]
    if wider:
        claims[1:] = [
            (wider, settings.channel_messages_per_minute, 0),
            (key.scopes[-1], 0, settings.channel_tokens_per_day),
        ]
    return [one for one in claims if one[1] or one[2]]


async def within_limits(
    ctx: ObjectContext, it: IntakeDependencies, heard: MessageEvent, key: keys.ConversationKey, *, paced: bool = True
) -> bool:
    """Count a message; its author is told when it is too much. Not `paced`: when it came says nothing, so messages a
    minute do not count."""
    person = heard.author.id if heard.author else ""
    wider = heard.parent_scope or (scope_of(ctx) if scope_of(ctx) != key.scopes[-1] else "")
    for owner, per_minute, per_day in claims_of(it.settings, key, person, wider):
        if not paced and not per_day:
            continue
        pace = per_minute if paced else 0
        request = QuotaClaim(id=f"{ctx.key()}:{heard.id}", per_minute=pace, tokens_per_day=per_day)
        granted = await ctx.object_call(claim, owner, request)
        if not granted.allowed:
            word = commands.wait_a_bit(granted.over, granted.retry_after)
            await send_refusal(ctx, it, heard, word, why=granted.over, wait=granted.retry_after)
            return False
    return True


async def try_again(ingress: IngressClient, settings: Settings, press: ButtonAction) -> str | None:
    """Have the last reply answered anew; gives the reason when it is not. Waits some seconds for that reason at most.

    That the person may read the conversation is the platform's to check, before.

    Raises:
        IngressError, TimeoutError: Restate is away.
    """
    key = keys.parse(press.conversation)
    if key is None:
        return commands.NOT_THE_LAST
    if (word := await refusal(ingress, settings, press)) is not None:
        return word
    if (word := await _is_passed(ingress, press)) is not None:
        return word
    for owner, per_minute, per_day in claims_of(settings, key, press.person, press.parent):
        one = QuotaClaim(id=f"{press.conversation}:{press.id}", per_minute=per_minute, tokens_per_day=per_day)
        granted = await ingress.call("Quota", owner, "claim", one, QuotaDecision, timeout=LOOK_SECONDS)
        if not granted.allowed:
            return commands.wait_a_bit(granted.over, granted.retry_after)
    return await _regenerate(ingress, press)


async def refusal(ingress: IngressClient, settings: Settings, press: ButtonAction) -> str | None:
    """What whoever wants an answer where they press or command something is told instead, if anything.

    Raises:
        IngressError, TimeoutError: Restate is away.
    """
    key = keys.parse(press.conversation)
    if key is None:
        return commands.NOT_ALLOWED
    rules = await _rules(ingress, press)
    if any(one.off for one in rules):
        return commands.OFF
    return None if may_use(key, press.person, settings, *rules, also=press.also) else commands.NOT_ALLOWED


async def is_shut_out(ingress: IngressClient, settings: Settings, press: ButtonAction) -> bool:
    """Whether a person may not use the bot where they press or command something.

    Raises:
        IngressError, TimeoutError: Restate is away.
    """
    key = keys.parse(press.conversation)
    return key is None or not may_use(key, press.person, settings, *await _rules(ingress, press), also=press.also)


async def _rules(ingress: IngressClient, press: ButtonAction) -> list[Rules]:
    key = keys.parse(press.conversation)
    assert key is not None  # noqa: S101  whoever calls has looked
    wide, narrow = key.scopes
    scopes = [wide, *([press.parent] if press.parent else []), narrow]
    return [
        (await ingress.call("Channel", scope, "look", PlaceRequest(), Place, timeout=LOOK_SECONDS)).rules
        for scope in scopes
    ]


async def _is_passed(ingress: IngressClient, press: ButtonAction) -> str | None:
    """What is told if the conversation has gone on since that reply, or its question is gone."""
    request = HistoryRequest(limit=LAST)
    page = await ingress.call("Chat", press.conversation, "get_history", request, History, timeout=LOOK_SECONDS)
    if page.running is not None:
        return None if page.running.turn == press.turn else commands.NOT_THE_LAST
    last = next((one for one in reversed(page.messages) if one.role == "assistant"), None)
    if page.waiting or last is None or last.turn != press.turn:
        return commands.NOT_THE_LAST
    return commands.QUESTION_GONE if last.status == "forgotten" else None


async def _regenerate(ingress: IngressClient, press: ButtonAction) -> str | None:
    # Pressed twice, also by two people, it is one retry of that reply.
    once, request = f"retry:{press.seq}", TurnRequest(turn=press.turn)
    sent = await ingress.send("Chat", press.conversation, "regenerate", request, idempotency_key=once)
    try:
        await ingress.attach(sent.invocationId, Reply, timeout=OUTCOME_SECONDS)
    except IngressError as error:
        if error.status in (404, 409) and error.from_handler and not sent.repeated:
            return commands.NOT_THE_LAST
    except TimeoutError:
        pass  # it is being answered
    return None
