"""A conversation's way out of the engine's state and back, and what goes with that: what no longer fits sets out for
the Transcript, the timer of its age is set, windows are told of changes, the journal is purged of what is gone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from restate import ObjectContext, ObjectSharedContext

from chat_service import keys, runtime
from chat_service.domain.conversation import Conversation
from chat_service.domain.deletion import oldest_turn_end
from chat_service.domain.window import message_characters
from chat_service.live import LiveEvent
from chat_service.objects import erasure, queue
from chat_service.storage import pages
from chat_service.storage.clock import now
from chat_service.storage.serde import set_record
from chat_service.storage.state import Meta, Outbox, Recent, TurnResult, set_start_time
from chat_service.turn import delivery_request

INTERRUPTED_ERROR = "This turn was interrupted and could not be completed. Please try again."
RING_AFTER = timedelta(seconds=1)
OUTBOX_CHARACTERS = 2 * 1024 * 1024
"""Of what is on its way to the Transcript. Its word that it has arrived waits behind every message that was accepted
before: with large ones the copies would outgrow what the engine takes (32 MiB of state), so beyond this the Transcript
is waited for instead."""


async def load(ctx: ObjectContext, dead: str | None = None) -> Conversation:
    """The conversation, with a turn that died (killed by an operator) told as failed rather than left open.

    `dead` is the invocation whose open turn the caller wants to take over.
    """
    meta = await ctx.get("meta", type_hint=Meta) or Meta()
    recent = await ctx.get("recent", type_hint=Recent) or Recent()
    conversation = Conversation(meta, recent)
    running = meta.running
    if running is not None and running.invocation not in (ctx.request().id, dead):
        at = await now(ctx)
        set_start_time(running, at)
        ended = min(running.started_at or at, at)
        reply = conversation.close_turn(TurnResult(status="failed", error=INTERRUPTED_ERROR, at=ended))
        # The engine kills what an invocation has sent along with it: its delivery is gone, too.
        reply.undelivered = await delivery_request.request_delivery(ctx, running, running.question)
        # At once: whoever delivers it looks for it in the history, maybe long before the turn ends that now begins.
        set_record(ctx, "recent", conversation.recent)
        set_record(ctx, "meta", conversation.meta)
    return conversation


async def save(ctx: ObjectContext, conversation: Conversation) -> None:
    """Write the conversation back; what no longer fits sets out for the Transcript."""
    await schedule_retention_timer(ctx, conversation)
    out = conversation.scroll_out()
    if out:
        outbox = await ctx.get("outbox", type_hint=Outbox) or Outbox()
        batch = pages.AppendRequest(epoch=conversation.meta.epoch, messages=out)
        # By name, since the handler's own serde would send every default along: twice the bytes.
        body = batch.model_dump_json(exclude_defaults=True).encode()
        if sum(map(message_characters, [*outbox.messages, *out])) > OUTBOX_CHARACTERS:
            await ctx.generic_call("Transcript", "append", body, key=ctx.key())
        else:
            # The copy stays until `page_stored` confirms, so that no reader finds a gap while the page moves.
            outbox.messages += out
            set_record(ctx, "outbox", outbox)
            ctx.generic_send("Transcript", "append", body, key=ctx.key())
        if any(m.id for m in out):
            # The Inbox shows what was taken last until the next is; what is not near any more would seem to wait. What
            # has no id was never there.
            ctx.object_send(queue.release_taken, ctx.key(), arg=None)
    set_record(ctx, "recent", conversation.recent)
    set_record(ctx, "meta", conversation.meta)


async def purge_journal(ctx: ObjectContext, people: Iterable[str], *, all_forgotten: bool = False) -> None:
    """Have removed what the engine's journal holds of the conversation of these people up to now; `whole`: all of it
    was forgotten."""
    key = keys.parse(ctx.key())
    also = list(key.directories(tuple(people))) if key else []
    request = erasure.Purge(conversation=ctx.key(), also=also, upto=await now(ctx), whole=all_forgotten)
    ctx.service_send(erasure.purge, request, send_delay=erasure.LOOK_AGAIN)


async def schedule_retention_timer(ctx: ObjectContext, conversation: Conversation, oldest: datetime | None = None) -> None:
    """Set the conversation's one durable timer, where an age is set and no timer is.

    It rings when `oldest`, the end of the oldest turn, reaches the age; at once when that is not known, because the
    setting is younger than pages that lie in the Transcript.
    """
    days, meta = runtime.current().settings.retention_days, conversation.meta
    if days is None or meta.has_retention_timer:
        return
    if oldest is None and meta.latest_removed_at is None:
        oldest = oldest_turn_end(conversation.recent.messages)
        if oldest is None:
            return
    meta.has_retention_timer = True
    due = timedelta(0)
    if oldest:
        at = await now(ctx)
        due = min(oldest, at) + timedelta(days=days) - at  # a time far ahead plus the age is no time at all
    ctx.generic_send("Chat", "expire", b"", key=ctx.key(), send_delay=max(due, RING_AFTER))


async def save_and_notify(ctx: ObjectContext, conversation: Conversation) -> None:
    """Write `meta` back after a change that is no turn, and tell the windows."""
    conversation.meta.version += 1
    set_record(ctx, "meta", conversation.meta)
    set_record(ctx, "recent", conversation.recent)
    await ctx.run_typed("written", _nothing)  # the engine has it before a window hears of it and looks
    await publish_event(ctx, LiveEvent(conversation=ctx.key(), kind="changed"))


async def _nothing() -> None:
    pass


async def publish_event(ctx: ObjectContext | ObjectSharedContext, event: LiveEvent) -> None:
    """Publish from a handler, in a step of its own. Run twice, windows look twice."""

    async def publish() -> None:
        runtime.current().bus.publish(event)

    await ctx.run_typed("announce", publish)
