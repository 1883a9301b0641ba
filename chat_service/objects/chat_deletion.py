"""Handlers of `Chat` that delete a conversation or a part of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from restate import ObjectContext, ObjectSharedContext

from chat_service import handlers, keys, runtime
from chat_service.calls import call, send
from chat_service.contracts import StopRequest, WithdrawRequest
from chat_service.contracts.deletion import DeletionScope
from chat_service.contracts.directory import DirectoryRemoval
from chat_service.contracts.transcript import EraseRequest, PruneRequest, Tombstones
from chat_service.domain.conversation import MAX_PEOPLE, Conversation
from chat_service.domain.deletion import participant_ids
from chat_service.live import LiveEvent
from chat_service.storage import persistence
from chat_service.storage.clock import now
from chat_service.storage.serde import set_record
from chat_service.storage.state import Meta, Outbox
from chat_service.turn import directory_updates, summary_requests


async def forget(ctx: ObjectSharedContext) -> None:
    """Delete the conversation: stop the running turn, withdraw the queue, then erase all messages."""
    meta = await ctx.get("meta", type_hint=Meta) or Meta()
    send(ctx, handlers.CHAT_STOP, ctx.key(), StopRequest(all=True))
    if (key := keys.parse(ctx.key())) is not None:
        for owner in key.directories(tuple(meta.people)):
            send(ctx, handlers.DIRECTORY_REMOVE, owner, DirectoryRemoval(conversation=ctx.key()))
    await call(ctx, handlers.CHAT_ERASE, ctx.key(), None)


async def erase(ctx: ObjectContext) -> None:
    """Erase all messages at the end of `forget`. Waits for a running turn.

    Counters and tombstones without text are kept: otherwise a backfill would answer the messages again.
    """
    conversation = await persistence.load(ctx)
    outbox = await ctx.get("outbox", type_hint=Outbox) or Outbox()
    has_unlisted_people = len(conversation.meta.people) >= MAX_PEOPLE
    people = participant_ids(conversation.meta.people, outbox.messages, conversation.recent.messages)
    ids = [*conversation.forget(), *(m.id for m in outbox.messages if m.id)]
    ctx.clear_all()
    set_record(ctx, "meta", conversation.meta)
    request = EraseRequest(epoch=conversation.meta.epoch, ids=ids, has_unlisted_people=has_unlisted_people)
    send(ctx, handlers.TRANSCRIPT_ERASE, ctx.key(), request)
    await persistence.purge_journal(ctx, people, all_forgotten=True)
    if (key := keys.parse(ctx.key())) is not None:
        for owner in key.directories(people):
            send(ctx, handlers.DIRECTORY_REMOVE, owner, DirectoryRemoval(conversation=ctx.key()))
    await persistence.publish_event(ctx, LiveEvent(conversation=ctx.key(), kind="changed"))


async def prune(ctx: ObjectContext, scope: DeletionScope) -> None:
    """Delete one person's messages, or the turns that have reached an age. Waits for a running turn."""
    await _prune(ctx, await persistence.load(ctx), scope)


async def expire(ctx: ObjectContext) -> None:
    """Delete the turns older than `RETENTION_DAYS`. Sent by a durable timer; waits for a running turn."""
    conversation = await persistence.load(ctx)
    meta = conversation.meta
    days = runtime.current().settings.retention_days
    if days is None:  # the setting was removed after the timer was set
        meta.has_retention_timer = False
        await persistence.save(ctx, conversation)
        return
    meta.has_retention_timer = True  # so that no timer is set until the oldest remaining turn is known
    before = await now(ctx) - timedelta(days=days)
    oldest = await _prune(ctx, conversation, DeletionScope(before=before))
    meta.has_retention_timer = False
    if oldest is not None:
        await persistence.schedule_retention_timer(ctx, conversation, oldest)
    set_record(ctx, "meta", meta)


async def _prune(ctx: ObjectContext, conversation: Conversation, scope: DeletionScope) -> datetime | None:
    """Delete the messages in `scope` everywhere. Returns the end of the oldest remaining turn.

    Tombstones are kept: otherwise a backfill would answer the messages again. A summary that covered deleted messages
    is written again from the remaining ones, and the journal is purged.
    """
    if scope.person is not None:
        send(ctx, handlers.QUEUE_WITHDRAW, ctx.key(), WithdrawRequest(author=scope.person))
    else:
        send(ctx, handlers.QUEUE_RELEASE_TAKEN, ctx.key(), None)  # a deleted message would seem to wait
    outbox = await ctx.get("outbox", type_hint=Outbox) or Outbox()
    held = [*outbox.messages, *conversation.recent.messages]
    request = PruneRequest(
        scope=scope, held_by_chat=[m.model_copy(update={"text": "", "attachments": []}) for m in held]
    )
    pruned = await call(ctx, handlers.TRANSCRIPT_PRUNE, ctx.key(), request)
    removed, outbox.messages = conversation.prune(scope, outbox.messages)
    if outbox.messages:
        set_record(ctx, "outbox", outbox)
    else:
        ctx.clear("outbox")
    if ids := [m.id for m in removed if m.id]:
        send(ctx, handlers.TRANSCRIPT_ADD_TOMBSTONES, ctx.key(), Tombstones(ids=ids))
    has_changed = bool(removed or pruned.removed)
    is_empty = pruned.oldest_turn_end is None  # this includes the messages of the Transcript
    meta = conversation.meta
    people = list(meta.people)
    meta.people = [] if is_empty else [person for person in people if person != scope.person]
    summary_upto = _drop_derived_texts(conversation) if has_changed else 0
    # Saved before the summary and title are requested: their writers must not read deleted messages.
    await persistence.save(ctx, conversation)
    if has_changed:
        if summary_upto:
            summary_requests.send_summary_request(ctx, conversation, summary_upto)
        await _update_directories(ctx, conversation, people, is_empty=is_empty)
    if has_changed or len(meta.people) < len(people):
        await persistence.purge_journal(ctx, people)
    await persistence.publish_event(ctx, LiveEvent(conversation=ctx.key(), kind="changed"))
    return pruned.oldest_turn_end


def _drop_derived_texts(conversation: Conversation) -> int:
    """Drop the summary and the written title, which may quote deleted messages. Returns the end of the summary."""
    meta = conversation.meta
    upto = conversation.drop_summary()
    meta.title_epoch += 1
    if not meta.renamed:
        meta.title = "" if directory_updates.first_words(conversation) else directory_updates.DELETED_TITLE
    return upto


async def _update_directories(
    ctx: ObjectContext, conversation: Conversation, previous_people: list[str], *, is_empty: bool
) -> None:
    """Update the directories of the remaining people, and remove the conversation from those of all others."""
    key = keys.parse(ctx.key())
    if key is None:
        return
    removed = [person for person in previous_people if person not in conversation.meta.people]
    owners = key.directories(tuple(previous_people)) if is_empty else key.people_directories(removed)
    for owner in owners:
        send(ctx, handlers.DIRECTORY_REMOVE, owner, DirectoryRemoval(conversation=ctx.key()))
    if not is_empty:
        directory_updates.request_title(ctx, conversation)
        directory_updates.update_directories(ctx, conversation, await now(ctx))
