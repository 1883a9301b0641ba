"""`SlackDelivery`, `DiscordDelivery`: bring each turn's outcome to its thread, once.

One `deliver` at a time per conversation, hosted by the process that has the platform's token. Every message is looked
for before it is posted a second time, and completed where it stands, whatever died in between.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from restate import ObjectContext, RunOptions, TerminalError, VirtualObject

from bots.common.dependencies import StepDone, best_effort
from bots.common.errors import PermanentError
from bots.common.posting import GONE_STATUS, DeliveryDependencies, post_once
from bots.common.protocols import DeliveryTarget, PostedMessage, TurnOutcome
from chat_service.contracts import (
    Contract,
    CutOff,
    DeliverRequest,
    DeliveryReport,
    History,
    HistoryRequest,
    Reply,
    TurnRequest,
)
from chat_service.objects import invocation_policy
from chat_service.objects.chat import get_history, get_turn
from chat_service.objects.chat_edits import delivered, tend
from chat_service.settings import Settings
from chat_service.storage.record import StateRecord
from chat_service.storage.serde import set_record

log = logging.getLogger(__name__)

SWEEPS = (timedelta(seconds=10), timedelta(minutes=3))
"""A commit can come later than that, too: after an unclear try the thread is looked through so much later again."""
KEPT_TURNS = 20
LOOKS = 5
LOOK_PAUSE = timedelta(seconds=1)


class Posted(StateRecord):
    """The messages of a turn, in order, and the reply they show (0: none yet)."""

    opened: PostedMessage | None = None
    more: list[str] = []
    seq: int = 0


class Sweep(Contract):
    """A turn one of whose posts got no clear answer."""

    spot: DeliveryTarget


class Turns(StateRecord):
    """The turns whose messages are remembered."""

    turns: list[int] = []


def delivery_object(name: str, it: DeliveryDependencies, settings: Settings) -> VirtualObject:
    """The delivery object of a platform; `name` is the key's prefix with a capital (`Slack`)."""
    obj = VirtualObject(
        f"{name}Delivery",
        description=f"Brings replies to {name}.",
        ingress_private=True,
        state_preload=False,
        invocation_retry_policy=invocation_policy.PATIENT,
        inactivity_timeout=timedelta(seconds=settings.turn_inactivity_seconds),
        abort_timeout=timedelta(hours=1),
        journal_retention=invocation_policy.BRIEF,
    )

    @obj.handler()
    async def sweep(ctx: ObjectContext, request: Sweep) -> None:
        """Look for a post that was committed late, long after it was tried. Waits for the delivery that runs."""
        posted = await ctx.get(_slot(request.spot.turn), type_hint=Posted)
        if posted is not None and posted.opened is not None:
            kept = [posted.opened.id, *posted.more]
            await best_effort(ctx, "sweep", lambda: it.outlet.remove_duplicates(request.spot, kept))

    @obj.handler()
    async def deliver(ctx: ObjectContext, order: DeliverRequest) -> None:
        """Bring the outcome of a turn: a message now, the reply in it when it is there."""
        spot = DeliveryTarget(conversation=ctx.key(), turn=order.turn, question=order.question)

        def doubt(opened: PostedMessage) -> None:
            for pause in () if opened.confirmed else SWEEPS:
                ctx.object_send(sweep, ctx.key(), Sweep(spot=spot), send_delay=pause)

        try:
            await _deliver(ctx, it, order, spot, doubt)
        except TerminalError as error:
            # Cancelled by an operator, or gone for good; either way the key goes on, and somebody has to know.
            await it.previews.end(spot)
            log.error("turn %s of %s is undelivered: %s", order.turn, ctx.key(), error.message)
            ctx.object_send(delivered, ctx.key(), DeliveryReport(turn=order.turn, undelivered=error.message))
            await _settle(ctx, it, spot, TurnOutcome(status="failed", turn=order.turn))

    return obj


async def _deliver(
    ctx: ObjectContext,
    it: DeliveryDependencies,
    order: DeliverRequest,
    spot: DeliveryTarget,
    doubt: Callable[[PostedMessage], None],
) -> None:
    posted = await ctx.get(_slot(order.turn), type_hint=Posted) or Posted()
    if posted.opened is None:
        posted.opened = await post_once(ctx, it, spot, 0, lambda: it.outlet.open(spot))
        doubt(posted.opened)
        set_record(ctx, _slot(order.turn), posted)
    elif posted.seq:
        page: History = await ctx.object_call(get_history, ctx.key(), HistoryRequest(limit=1))
        if page.running is not None and page.running.turn == order.turn:  # answered anew, and not just told again
            await _step(ctx, "open again", lambda: it.outlet.reopen(spot, _opened(posted)))
    it.previews.watch(spot, posted.opened)
    reply = await _outcome(ctx, order)
    if posted.seq and reply.seq == posted.seq:
        await it.previews.end(spot)
        return  # a repeat: it says so already
    await _finish(ctx, it, spot, posted, reply, doubt)
    if order.late:
        ctx.object_send(delivered, ctx.key(), DeliveryReport(turn=order.turn))


async def _finish(
    ctx: ObjectContext,
    it: DeliveryDependencies,
    spot: DeliveryTarget,
    posted: Posted,
    reply: Reply,
    doubt: Callable[[PostedMessage], None],
) -> None:
    """The reply in its message, what does not fit behind it, and nothing of an older version left."""
    opened = _opened(posted)
    if reply.status not in ("answered", "stopped", "failed"):

        async def take_away() -> None:
            shown = await it.previews.end(spot)
            if opened.streaming:
                await it.outlet.complete(spot, opened, shown, "…", TurnOutcome(status=reply.status, turn=spot.turn))
            await it.outlet.remove(spot, opened.id)

        await _step(ctx, "take away", take_away)
        ctx.clear(_slot(spot.turn))
        await _settle(ctx, it, spot, TurnOutcome(status=reply.status, turn=spot.turn))
        return
    parts = it.outlet.split(told(reply))

    def ending(number: int) -> TurnOutcome:
        return TurnOutcome(status=reply.status, turn=spot.turn, seq=reply.seq, last=number == len(parts) - 1)

    async def complete() -> None:
        shown = await it.previews.end(spot)  # a replay that did not begin it knows nothing: None
        await it.outlet.complete(spot, opened, shown, parts[0], ending(0))

    await _step(ctx, "complete", complete)
    posted.opened = PostedMessage(id=opened.id)
    for surplus in posted.more:

        async def remove(id: str = surplus) -> None:
            await it.outlet.remove(spot, id)

        await _step(ctx, "remove what is left over", remove)
    posted.more = []
    for number in range(1, len(parts)):

        async def post(number: int = number) -> PostedMessage:
            return await it.outlet.post(spot, number, parts[number], ending(number))

        more = await post_once(ctx, it, spot, number, post)
        doubt(more)
        posted.more.append(more.id)
    posted.seq = reply.seq
    set_record(ctx, _slot(spot.turn), posted)
    await _keep_few(ctx, spot.turn)
    await _settle(ctx, it, spot, ending(len(parts) - 1))


async def _settle(ctx: ObjectContext, it: DeliveryDependencies, spot: DeliveryTarget, ending: TurnOutcome) -> None:
    async def settle() -> None:
        await it.outlet.clear_status(spot, ending)

    await _step(ctx, "settle", settle)


async def _outcome(ctx: ObjectContext, order: DeliverRequest) -> Reply:
    """Wait for the turn, however long it takes."""
    try:
        return await ctx.attach_invocation(order.invocation, type_hint=Reply)
    except TerminalError as error:
        if error.status_code not in (404, 409):
            log.warning("turn %s of %s ended as %s", order.turn, ctx.key(), error.message)
    # Kept no longer, cancelled, or killed: the truth lies in the conversation. A turn that was killed for the sake of
    # a new version is soon taken up by it; one that an operator has killed stays open until somebody closes it.
    for _ in range(LOOKS):
        page: History = await ctx.object_call(get_history, ctx.key(), HistoryRequest(limit=1))
        if page.running is None or page.running.invocation != order.invocation:
            break
        await ctx.sleep(LOOK_PAUSE)
    else:
        await ctx.object_call(tend, ctx.key(), arg=None)
    while True:
        try:
            reply: Reply = await ctx.object_call(get_turn, ctx.key(), TurnRequest(turn=order.turn))
        except TerminalError:
            return Reply(reply="", status="forgotten", turn=order.turn)
        if reply.status not in ("running", "waiting"):
            return reply
        await ctx.sleep(LOOK_PAUSE)


CUTS: dict[CutOff, str] = {
    "length": "cut off here, at the model's limit: ask it to go on",
    "filter": "cut off here, by a filter of the model's provider",
}


SHORTENED = "what you wrote was longer than this model can read: its middle was left out"


def told(reply: Reply) -> str:
    """What a person reads: the reply, and how it ended where that is not plain."""
    text = reply.reply.strip()
    if reply.status == "stopped":
        return f"{text}\n\n_(stopped)_" if text else "_(stopped)_"
    if reply.status == "failed":
        error = reply.error or "Something went wrong. Nothing was lost: please try again."
        return f"{text}\n\n⚠️ {error}" if text else f"⚠️ {error}"
    marks = [CUTS[reply.cut]] if reply.cut else []
    marks += [SHORTENED] if reply.shortened else []
    return "\n\n".join([text, *(f"_({mark})_" for mark in marks)])


async def _step(ctx: ObjectContext, name: str, work: Callable[[], Awaitable[None]]) -> None:
    """A step that may run twice; what fails is tried again without limit, what is gone for good ends the delivery."""

    async def attempt() -> StepDone:
        try:
            await work()
        except PermanentError as gone:
            raise TerminalError(str(gone), status_code=GONE_STATUS) from gone
        return StepDone()

    await ctx.run_typed(
        name,
        attempt,
        RunOptions(
            type_hint=StepDone,
            initial_retry_interval=timedelta(milliseconds=500),
            max_retry_interval=timedelta(seconds=10),
            retry_interval_factor=2,
        ),
    )


async def _keep_few(ctx: ObjectContext, turn: int) -> None:
    """Remember the messages of the last turns only: older ones are not answered anew."""
    kept = await ctx.get("turns", type_hint=Turns) or Turns()
    kept.turns = [*(one for one in kept.turns if one != turn), turn]
    for old in kept.turns[:-KEPT_TURNS]:
        ctx.clear(_slot(old))
    kept.turns = kept.turns[-KEPT_TURNS:]
    set_record(ctx, "turns", kept)


def _opened(posted: Posted) -> PostedMessage:
    assert posted.opened is not None  # noqa: S101
    return posted.opened


def _slot(turn: int) -> str:
    return f"turn:{turn}"


__all__ = ["DeliveryDependencies", "delivery_object"]
