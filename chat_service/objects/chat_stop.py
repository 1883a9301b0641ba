"""Ending the running turn, or everything: handlers of `Chat`."""

from __future__ import annotations

from datetime import timedelta

from restate import ObjectContext, ObjectSharedContext

from chat_service.contracts import Contract, Stopped, StopRequest, WithdrawRequest
from chat_service.objects import invocation_policy
from chat_service.objects import queue as inboxes
from chat_service.objects.chat import chat
from chat_service.objects.chat_client import send_to_chat
from chat_service.storage import persistence
from chat_service.storage.state import Meta
from chat_service.turn.cancellation import stop_event
from chat_service.turn.retry_loop import STOP_SIGNAL

STOP_LOOKS = 100
STOP_PAUSE = timedelta(milliseconds=100)


class StopAllBarrier(Contract):
    """Sent to oneself by a "stop all": whatever was accepted before it is withdrawn."""

    mark: str


@chat.handler(
    kind="shared",
    state_preload=False,
    idempotency_retention=invocation_policy.DAY,
    journal_retention=invocation_policy.BRIEF,
)
async def stop(ctx: ObjectSharedContext, request: StopRequest | None) -> Stopped:
    """End the running turn and keep what was said; with `all`, take back what waits too. Never waits for a turn."""
    request = request or StopRequest()
    meta = await ctx.get("meta", type_hint=Meta) or Meta()
    running = meta.running
    if not request.all:
        if running is None or request.turn not in (None, running.turn):
            return Stopped(stopped=False)
        await _halt(ctx, running.turn, running.invocation, None)
        return Stopped(stopped=True, turn=running.turn)

    mark = str(ctx.uuid())
    ctx.object_send(inboxes.withdraw, ctx.key(), WithdrawRequest(all=True))
    send_to_chat(ctx, ctx.key(), "fence", StopAllBarrier(mark=mark))
    # The turn that is told may end by itself in this very moment and the next one begin unaware: so look again
    # until the fence, which queued up behind everything that is to be withdrawn, was reached.
    told: set[int] = set()
    for _ in range(STOP_LOOKS):
        if mark in meta.stop_all_barriers:
            break
        if meta.running and meta.running.turn not in told:
            told.add(meta.running.turn)
            await _halt(ctx, meta.running.turn, meta.running.invocation, mark)
        await ctx.sleep(STOP_PAUSE)
        meta = await ctx.get("meta", type_hint=Meta) or Meta()
    return Stopped(stopped=running is not None, turn=running.turn if running else None)


@chat.handler(ingress_private=True)
async def stop_all_barrier(ctx: ObjectContext, request: StopAllBarrier) -> None:
    """The end of a "stop all": what comes after is answered again."""
    conversation = await persistence.load(ctx)
    conversation.pass_stop_all_barrier(request.mark)
    await persistence.save(ctx, conversation)


async def _halt(ctx: ObjectSharedContext, turn: int, invocation: str, mark: str | None) -> None:
    """Tell the running turn to end, both ways: the signal cannot be lost, the bus cannot be late."""
    ctx.resolve_signal(invocation, STOP_SIGNAL, mark or "")
    await persistence.announce(ctx, stop_event(ctx.key(), turn, mark))
