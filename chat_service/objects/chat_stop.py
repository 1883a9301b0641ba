"""Handlers of `Chat` that stop the running turn, or everything."""

from __future__ import annotations

from datetime import timedelta

from restate import ObjectContext, ObjectSharedContext

from chat_service import handlers
from chat_service.calls import send
from chat_service.contracts import StopRequest, StopResult, WithdrawRequest
from chat_service.contracts.turns import StopAllBarrier
from chat_service.storage import persistence
from chat_service.storage.state import Meta
from chat_service.turn.cancellation import stop_event
from chat_service.turn.retry_loop import STOP_SIGNAL

STOP_ALL_CHECKS = 100
STOP_ALL_INTERVAL = timedelta(milliseconds=100)


async def stop(ctx: ObjectSharedContext, request: StopRequest | None) -> StopResult:
    """End the running turn and keep its partial reply; with `all`, also withdraw the queue. Never waits for a turn."""
    request = request or StopRequest()
    meta = await ctx.get("meta", type_hint=Meta) or Meta()
    running = meta.running
    if request.all:
        await _stop_all(ctx, meta)
        return StopResult(stopped=running is not None, turn=running.turn if running else None)
    if running is None or request.turn not in (None, running.turn):
        return StopResult(stopped=False)
    await _cancel(ctx, running.turn, running.invocation, None)
    return StopResult(stopped=True, turn=running.turn)


async def _stop_all(ctx: ObjectSharedContext, meta: Meta) -> None:
    """Withdraw the queue, and cancel every turn until the barrier is reached.

    A turn may end by itself at this moment, and the next one may begin without knowing of the stop. The barrier is
    queued behind everything that is to be withdrawn, so the state is read again until it was reached.
    """
    marker = str(ctx.uuid())
    send(ctx, handlers.QUEUE_WITHDRAW, ctx.key(), WithdrawRequest(all=True))
    send(ctx, handlers.CHAT_PASS_STOP_ALL_BARRIER, ctx.key(), StopAllBarrier(marker=marker))
    cancelled: set[int] = set()
    for _ in range(STOP_ALL_CHECKS):
        if marker in meta.stop_all_barriers:
            break
        if meta.running and meta.running.turn not in cancelled:
            cancelled.add(meta.running.turn)
            await _cancel(ctx, meta.running.turn, meta.running.invocation, marker)
        await ctx.sleep(STOP_ALL_INTERVAL)
        meta = await ctx.get("meta", type_hint=Meta) or Meta()


async def pass_stop_all_barrier(ctx: ObjectContext, request: StopAllBarrier) -> None:
    """End a "stop all": messages that come after it are answered again."""
    conversation = await persistence.load(ctx)
    conversation.pass_stop_all_barrier(request.marker)
    await persistence.save(ctx, conversation)


async def _cancel(ctx: ObjectSharedContext, turn: int, invocation: str, marker: str | None) -> None:
    """Tell the running turn to end, in two ways: the signal cannot be lost, and the bus is fast."""
    ctx.resolve_signal(invocation, STOP_SIGNAL, marker or "")
    await persistence.publish_event(ctx, stop_event(ctx.key(), turn, marker))
