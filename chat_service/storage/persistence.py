"""Load and save a conversation, and the tasks that belong to saving: sending pages to the Transcript, setting the
retention timer, notifying windows, and purging the journal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from restate import ObjectContext, ObjectSharedContext

from chat_service import handlers, keys, runtime
from chat_service.calls import call, send
from chat_service.contracts.background import PurgeJournalRequest
from chat_service.contracts.transcript import AppendRequest
from chat_service.domain.conversation import Conversation
from chat_service.domain.deletion import oldest_turn_end
from chat_service.domain.window import message_characters
from chat_service.live import LiveEvent
from chat_service.storage.clock import now
from chat_service.storage.serde import set_record
from chat_service.storage.state import Meta, Outbox, Recent, TurnResult, set_start_time
from chat_service.turn import delivery_request

INTERRUPTED_ERROR = "This turn was interrupted and could not be completed. Please try again."
MIN_TIMER_DELAY = timedelta(seconds=1)
PURGE_DELAY = timedelta(seconds=2)
MAX_OUTBOX_CHARACTERS = 2 * 1024 * 1024
"""Characters on their way to the Transcript. Its confirmation waits behind every message that was accepted before. With
large messages the outbox would exceed what Restate accepts (32 MiB of state), so beyond this limit the page is sent
with a call that waits for the Transcript."""


async def load(ctx: ObjectContext, taken_over: str | None = None) -> Conversation:
    """Return the conversation. A turn whose invocation no longer exists (killed by an operator) is closed as failed.

    `taken_over` is a killed invocation whose open turn the caller continues.
    """
    meta = await ctx.get("meta", type_hint=Meta) or Meta()
    recent = await ctx.get("recent", type_hint=Recent) or Recent()
    conversation = Conversation(meta, recent)
    running = meta.running
    if running is not None and running.invocation not in (ctx.request().id, taken_over):
        at = await now(ctx)
        set_start_time(running, at)
        ended = min(running.started_at or at, at)
        reply = conversation.close_turn(TurnResult(status="failed", error=INTERRUPTED_ERROR, at=ended))
        # Trap: Restate kills the sends of a killed invocation along with it, so its delivery has to be requested again.
        reply.undelivered = await delivery_request.request_delivery(ctx, running, running.question)
        # Saved immediately: the delivery reads the turn from the history, perhaps long before the next turn ends.
        set_record(ctx, "recent", conversation.recent)
        set_record(ctx, "meta", conversation.meta)
    return conversation


async def save(ctx: ObjectContext, conversation: Conversation) -> None:
    """Write the conversation to the state, and send messages that leave the window to the Transcript."""
    await schedule_retention_timer(ctx, conversation)
    scrolled_out = conversation.scroll_out()
    if scrolled_out:
        outbox = await ctx.get("outbox", type_hint=Outbox) or Outbox()
        request = AppendRequest(epoch=conversation.meta.epoch, messages=scrolled_out)
        if sum(map(message_characters, [*outbox.messages, *scrolled_out])) > MAX_OUTBOX_CHARACTERS:
            await call(ctx, handlers.TRANSCRIPT_APPEND, ctx.key(), request)
            # The Transcript takes pages in order, so it has stored the earlier ones too. Trap: if they stayed here,
            # readers would look for nothing between them and `recent`, and miss the page that was just stored.
            ctx.clear("outbox")
        else:
            # The copy stays until `confirm_page`, so that readers find no gap while the page is on its way.
            outbox.messages += scrolled_out
            set_record(ctx, "outbox", outbox)
            send(ctx, handlers.TRANSCRIPT_APPEND, ctx.key(), request)
        if any(m.id for m in scrolled_out):
            # The queue shows the messages that it handed out last until it hands out the next ones. Readers compare
            # them by id with what `Chat` holds, so a message that has scrolled out would seem to wait.
            send(ctx, handlers.QUEUE_RELEASE_TAKEN, ctx.key(), None)
    set_record(ctx, "recent", conversation.recent)
    set_record(ctx, "meta", conversation.meta)


async def save_and_notify(ctx: ObjectContext, conversation: Conversation) -> None:
    """Write the conversation to the state after a change that is no turn, and notify the windows."""
    conversation.meta.version += 1
    set_record(ctx, "meta", conversation.meta)
    set_record(ctx, "recent", conversation.recent)
    await ctx.run_typed("flush state", _do_nothing)  # Restate has stored the state before a window reads it
    await publish_event(ctx, LiveEvent(conversation=ctx.key(), kind="changed"))


async def publish_event(ctx: ObjectContext | ObjectSharedContext, event: LiveEvent) -> None:
    """Publish an event in a step of its own. If it is repeated, windows read the history twice."""

    async def publish() -> None:
        runtime.current().bus.publish(event)

    await ctx.run_typed("publish event", publish)


async def schedule_retention_timer(
    ctx: ObjectContext, conversation: Conversation, oldest: datetime | None = None
) -> None:
    """Set the conversation's only retention timer, if `RETENTION_DAYS` is set and the timer is not.

    It expires when `oldest`, the end of the oldest turn, reaches that age. It expires at once when the oldest turn is
    not known, because the setting is younger than the pages of the Transcript.
    """
    days, meta = runtime.current().settings.retention_days, conversation.meta
    if days is None or meta.has_retention_timer:
        return
    if oldest is None and meta.latest_removed_at is None:
        oldest = oldest_turn_end(conversation.recent.messages)
        if oldest is None:
            return
    meta.has_retention_timer = True
    delay = timedelta(0)
    if oldest:
        at = await now(ctx)
        delay = min(oldest, at) + timedelta(days=days) - at  # `min`: a time far in the future plus days overflows
    send(ctx, handlers.CHAT_EXPIRE, ctx.key(), None, max(delay, MIN_TIMER_DELAY))


async def purge_journal(ctx: ObjectContext, people: Iterable[str], *, all_forgotten: bool = False) -> None:
    """Request that Restate's journal entries of the conversation up to now are removed.

    `people` are those whose directories list it; `all_forgotten` says that the whole conversation was deleted.
    """
    key = keys.parse(ctx.key())
    owners = list(key.directories(tuple(people))) if key else []
    request = PurgeJournalRequest(conversation=ctx.key(), directories=owners, upto=await now(ctx), whole=all_forgotten)
    send(ctx, handlers.BACKGROUND_PURGE_JOURNAL, None, request, PURGE_DELAY)


async def _do_nothing() -> None:
    pass
