"""`SlackDelivery`, `DiscordDelivery`: bring each turn's outcome to its thread, once.

One `deliver` runs at a time per conversation, in the process that has the platform's token. Every message is looked for
before it is posted a second time, and completed where it is, whichever process died in between.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from restate import ObjectContext, RunOptions, TerminalError, VirtualObject

from bots.common import texts
from bots.common.dependencies import StepDone, best_effort
from bots.common.errors import PermanentError
from bots.common.posting import PERMANENT_STATUS, DeliveryDependencies, post_once
from bots.common.protocols import DeliveryTarget, PostedMessage, TurnOutcome
from chat_service import calls, handlers
from chat_service.contracts import Contract, DeliverRequest, DeliveryReport, HistoryRequest, Reply, TurnRequest
from chat_service.invocation_policy import RETAIN_BRIEFLY, RETRY_FOREVER
from chat_service.keys import Platform
from chat_service.settings import Settings
from chat_service.storage.record import StateRecord
from chat_service.storage.serde import set_record

log = logging.getLogger(__name__)

DUPLICATE_CHECK_DELAYS = (timedelta(seconds=10), timedelta(minutes=3))
"""When a thread is searched for duplicates after a post without a clear response, which may take effect late."""
MAX_TURNS = 20
END_CHECKS = 5
CHECK_PAUSE = timedelta(seconds=1)


class PostedReply(StateRecord):
    """The messages that show a turn's reply.

    `first` is the message that shows the running turn, `more` the ids of the others in order, and `seq` the number of
    the reply that they show (0: none yet). `is_posting`: an invocation has begun to post and has not recorded all.
    """

    first: PostedMessage | None = None
    more: list[str] = []
    seq: int = 0
    is_posting: bool = False


class DuplicateCheck(Contract):
    """Searches the thread of a turn one of whose posts had no clear response."""

    target: DeliveryTarget


class DeliveredTurns(StateRecord):
    """The turns whose messages are remembered, the latest last."""

    turns: list[int] = []


def delivery_object(platform: Platform, deps: DeliveryDependencies, settings: Settings) -> VirtualObject:
    """Return the delivery object of a platform."""
    obj = VirtualObject(
        f"{platform.capitalize()}Delivery",
        description=f"Brings replies to {platform.capitalize()}.",
        ingress_private=True,
        state_preload=False,
        invocation_retry_policy=RETRY_FOREVER,
        inactivity_timeout=timedelta(seconds=settings.turn_inactivity_seconds),
        abort_timeout=timedelta(hours=1),
        journal_retention=RETAIN_BRIEFLY,
    )

    @obj.handler()
    async def remove_duplicates(ctx: ObjectContext, request: DuplicateCheck) -> None:
        """Remove a message that a post made long after it was tried. Waits for the running delivery."""
        posted = await ctx.get(_state_key(request.target.turn), type_hint=PostedReply)
        if posted is not None and posted.first is not None:
            kept = [posted.first.id, *posted.more]
            await best_effort(ctx, "remove duplicates", lambda: deps.writer.remove_duplicates(request.target, kept))

    @obj.handler()
    async def deliver(ctx: ObjectContext, request: DeliverRequest) -> None:
        """Deliver a turn: post a message now, and show the reply in it when the turn has ended."""
        target = DeliveryTarget(conversation=ctx.key(), turn=request.turn, question=request.question)

        def check_later(message: PostedMessage) -> None:
            for delay in () if message.confirmed else DUPLICATE_CHECK_DELAYS:
                ctx.object_send(remove_duplicates, ctx.key(), DuplicateCheck(target=target), send_delay=delay)

        delivery = _Delivery(ctx, deps, target, check_later)
        try:
            await delivery.run(request)
        except TerminalError as error:
            # Cancelled by an operator, or not possible any more. The key must go on, and the history must show it.
            await delivery.give_up(error.message)

    return obj


class _Delivery:
    """One delivery of a turn. `check_later` is called with each posted message."""

    def __init__(
        self,
        ctx: ObjectContext,
        deps: DeliveryDependencies,
        target: DeliveryTarget,
        check_later: Callable[[PostedMessage], None],
    ) -> None:
        self._ctx, self._deps, self._target, self._check_later = ctx, deps, target, check_later
        self._writer, self._previews = deps.writer, deps.previews
        self._searches_first = False
        """An earlier invocation, which a new version restarted, may have posted what it could not record."""

    async def run(self, request: DeliverRequest) -> None:
        """Post the first message, wait for the turn, and show its reply."""
        ctx, target = self._ctx, self._target
        posted = await ctx.get(_state_key(target.turn), type_hint=PostedReply) or PostedReply()
        first = posted.first
        self._searches_first = posted.is_posting
        if first is None:
            posted.is_posting = True
            set_record(ctx, _state_key(target.turn), posted)
            first = await self._post_first()
            posted.first = first
            set_record(ctx, _state_key(target.turn), posted)
        elif posted.seq:
            await self._reopen_if_regenerated(first)
        self._previews.start(target, first)
        reply = await _wait_for_reply(ctx, request)
        if posted.seq and reply.seq == posted.seq:
            await self._previews.end(target)
            return  # delivered before: the messages show this reply
        if reply.status in ("answered", "stopped", "failed"):
            await self._show_reply(posted, first, reply)
        else:
            await self._remove(first, reply)
        if request.late:
            calls.send(ctx, handlers.CHAT_REPORT_DELIVERY, ctx.key(), DeliveryReport(turn=request.turn))

    async def give_up(self, reason: str) -> None:
        """Record in the history that the reply could not be delivered."""
        ctx, turn = self._ctx, self._target.turn
        await self._previews.end(self._target)
        log.error("turn %s of %s is undelivered: %s", turn, ctx.key(), reason)
        report = DeliveryReport(turn=turn, undelivered=reason)
        calls.send(ctx, handlers.CHAT_REPORT_DELIVERY, ctx.key(), report)
        await self._clear_status(TurnOutcome(status="failed", turn=turn))

    async def _post_first(self) -> PostedMessage:
        first = await self._post_once(0, lambda: self._writer.open(self._target))
        self._check_later(first)
        return first

    async def _post_once(self, number: int, post: Callable[[], Awaitable[PostedMessage]]) -> PostedMessage:
        return await post_once(self._ctx, self._deps, self._target, number, post, searches_first=self._searches_first)

    async def _reopen_if_regenerated(self, first: PostedMessage) -> None:
        ctx, target = self._ctx, self._target
        page = await calls.call(ctx, handlers.CHAT_GET_HISTORY, ctx.key(), HistoryRequest(limit=1))
        if page.running is not None and page.running.turn == target.turn:  # else a finished turn is delivered again
            await self._step("reopen", lambda: self._writer.reopen(target, first))

    async def _remove(self, first: PostedMessage, reply: Reply) -> None:
        """Remove the message of a turn that has no reply: its question was deleted."""
        target = self._target
        outcome = TurnOutcome(status=reply.status, turn=target.turn)

        async def remove() -> None:
            shown = await self._previews.end(target)
            if first.streaming:
                await self._writer.complete(target, first, shown, "…", outcome)
            await self._writer.remove(target, first.id)

        await self._step("remove message", remove)
        self._ctx.clear(_state_key(target.turn))
        await self._clear_status(outcome)

    async def _show_reply(self, posted: PostedReply, first: PostedMessage, reply: Reply) -> None:
        """Show the reply in the first message and the parts that do not fit in further ones."""
        target = self._target
        parts = self._writer.split(reply_text(reply))
        outcomes = [
            TurnOutcome(status=reply.status, turn=target.turn, seq=reply.seq, last=number == len(parts) - 1)
            for number in range(len(parts))
        ]

        async def complete() -> None:
            shown = await self._previews.end(target)  # None in a replay that did not start the previews
            await self._writer.complete(target, first, shown, parts[0], outcomes[0])

        await self._step("complete", complete)
        posted.first = PostedMessage(id=first.id)
        await self._remove_older_version(posted.more)
        posted.more = []
        for number in range(1, len(parts)):

            async def post(number: int = number) -> PostedMessage:
                return await self._writer.post(target, number, parts[number], outcomes[number])

            message = await self._post_once(number, post)
            self._check_later(message)
            posted.more.append(message.id)
        posted.seq, posted.is_posting = reply.seq, False
        set_record(self._ctx, _state_key(target.turn), posted)
        await _forget_older_turns(self._ctx, target.turn)
        await self._clear_status(outcomes[-1])

    async def _remove_older_version(self, ids: list[str]) -> None:
        """Remove the further messages of the version that the reply replaces."""
        for id in ids:

            async def remove(id: str = id) -> None:
                await self._writer.remove(self._target, id)

            await self._step("remove older version", remove)

    async def _clear_status(self, outcome: TurnOutcome) -> None:
        await self._step("clear status", lambda: self._writer.clear_status(self._target, outcome))

    async def _step(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` in a durable step that may run twice. Only a PermanentError ends the delivery."""

        async def attempt() -> StepDone:
            try:
                await work()
            except PermanentError as error:
                raise TerminalError(str(error), status_code=PERMANENT_STATUS) from error
            return StepDone()

        options = RunOptions(
            type_hint=StepDone,
            initial_retry_interval=timedelta(milliseconds=500),
            max_retry_interval=timedelta(seconds=10),
            retry_interval_factor=2,
        )
        await self._ctx.run_typed(name, attempt, options)


async def _wait_for_reply(ctx: ObjectContext, request: DeliverRequest) -> Reply:
    """Wait for the turn without limit."""
    try:
        return await ctx.attach_invocation(request.invocation, type_hint=Reply)
    except TerminalError as error:
        if error.status_code not in (404, 409):
            log.warning("turn %s of %s ended with an error: %s", request.turn, ctx.key(), error.message)
    # The result is no longer kept, or the turn was cancelled or killed: the conversation knows the outcome. A turn
    # killed for a new code version is soon restarted; one that an operator has killed stays open until it is closed.
    for _ in range(END_CHECKS):
        page = await calls.call(ctx, handlers.CHAT_GET_HISTORY, ctx.key(), HistoryRequest(limit=1))
        if page.running is None or page.running.invocation != request.invocation:
            break
        await ctx.sleep(CHECK_PAUSE)
    else:
        await calls.call(ctx, handlers.CHAT_CLOSE_INTERRUPTED_TURN, ctx.key(), None)
    while True:
        try:
            reply = await calls.call(ctx, handlers.CHAT_GET_TURN, ctx.key(), TurnRequest(turn=request.turn))
        except TerminalError:
            return Reply(reply="", status="forgotten", turn=request.turn)
        if reply.status not in ("running", "waiting"):
            return reply
        await ctx.sleep(CHECK_PAUSE)


def reply_text(reply: Reply) -> str:
    """Return the text that people read: the reply, and how it ended if it did not end normally."""
    text = reply.reply.strip()
    if reply.status == "stopped":
        return f"{text}\n\n_(stopped)_" if text else "_(stopped)_"
    if reply.status == "failed":
        error = reply.error or "Something went wrong. Nothing was lost: please try again."
        return f"{text}\n\n⚠️ {error}" if text else f"⚠️ {error}"
    notes = [texts.CUT_OFF[reply.cut]] if reply.cut else []
    notes += [texts.QUESTION_SHORTENED] if reply.shortened else []
    return "\n\n".join([text, *(f"_({note})_" for note in notes)])


async def _forget_older_turns(ctx: ObjectContext, turn: int) -> None:
    """Remember the messages of the latest turns only: older ones are not regenerated."""
    delivered = await ctx.get("delivered_turns", type_hint=DeliveredTurns) or DeliveredTurns()
    turns = [*(known for known in delivered.turns if known != turn), turn]
    for old in turns[:-MAX_TURNS]:
        ctx.clear(_state_key(old))
    set_record(ctx, "delivered_turns", DeliveredTurns(turns=turns[-MAX_TURNS:]))


def _state_key(turn: int) -> str:
    return f"turn:{turn}"
