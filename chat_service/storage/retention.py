"""Removing messages from a living conversation: one person's, or those that have reached an age.

What goes leaves textless marks, or catch-up would answer it again; a summary that covered it is written anew from
what is left; and the engine's journal is purged.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from restate import ObjectContext

from chat_service import keys, runtime
from chat_service.contracts import WithdrawRequest
from chat_service.domain.conversation import Conversation
from chat_service.domain.deletion import DeletionScope
from chat_service.live import LiveEvent
from chat_service.objects import directory, queue, summaries, transcript
from chat_service.storage import pages, persistence
from chat_service.storage.clock import now
from chat_service.storage.serde import set_record
from chat_service.storage.state import Outbox
from chat_service.turn import directory_updates


async def prune_conversation(ctx: ObjectContext, conversation: Conversation, scope: DeletionScope) -> datetime | None:
    """Remove what `scope` names from everywhere; gives the end of the oldest turn that is left."""
    if scope.person is not None:
        ctx.object_send(queue.withdraw, ctx.key(), WithdrawRequest(author=scope.person))
    else:
        ctx.object_send(queue.release_taken, ctx.key(), arg=None)  # or it would seem to wait
    outbox = await ctx.get("outbox", type_hint=Outbox) or Outbox()
    held = [*outbox.messages, *conversation.recent.messages]
    request = pages.PruneRequest(scope=scope, held_by_chat=[m.model_copy(update={"text": "", "attachments": []}) for m in held])
    pruned = await ctx.object_call(transcript.prune, ctx.key(), request)
    gone, outbox.messages = conversation.prune(scope, outbox.messages)
    if outbox.messages:
        set_record(ctx, "outbox", outbox)
    else:
        ctx.clear("outbox")
    if ids := [m.id for m in gone if m.id]:
        ctx.object_send(transcript.mark, ctx.key(), pages.Tombstones(ids=ids))
    changed = bool(gone or pruned.removed)
    empty = pruned.oldest_turn_end is None  # older pages may hold something still
    people = list(conversation.meta.people)
    conversation.meta.people = [] if empty else [one for one in people if one != scope.person]
    upto = 0
    if changed:
        # The summary and the title may tell what went: they go too, and are written anew of what is left.
        upto = conversation.drop_summary()
        conversation.meta.title_epoch += 1
        if not conversation.meta.renamed:
            conversation.meta.title = "" if directory_updates.first_words(conversation) else directory_updates.DELETED_TITLE
    # Saved before anything is sent: whoever is asked to write anew must not read what goes.
    await persistence.save(ctx, conversation)
    if changed:
        if upto:
            summaries.send_for_summary(ctx, conversation, upto)
        await _relist(ctx, conversation, people, empty=empty)
    if changed or len(conversation.meta.people) < len(people):
        await persistence.purge_journal(ctx, people)
    await persistence.publish_event(ctx, LiveEvent(conversation=ctx.key(), kind="changed"))
    return pruned.oldest_turn_end


async def remove_expired(ctx: ObjectContext, conversation: Conversation) -> None:
    """Remove what has reached the age, and set the timer for what is left."""
    days = runtime.current().settings.retention_days
    if days is None:  # the setting was taken back after the timer was set
        conversation.meta.has_retention_timer = False
        await persistence.save(ctx, conversation)
        return
    conversation.meta.has_retention_timer = True  # not to be set while it is not known what is left
    before = await now(ctx) - timedelta(days=days)
    oldest = await prune_conversation(ctx, conversation, DeletionScope(before=before))
    conversation.meta.has_retention_timer = False
    if oldest is not None:
        await persistence.schedule_retention_timer(ctx, conversation, oldest)
    set_record(ctx, "meta", conversation.meta)


async def _relist(ctx: ObjectContext, conversation: Conversation, people: list[str], *, empty: bool) -> None:
    """Set right what the directories of those who were here say of the conversation."""
    key = keys.parse(ctx.key())
    if key is None:
        return
    gone = [person for person in people if person not in conversation.meta.people]
    for owner in key.directories(tuple(people)) if empty else key.people_directories(gone):
        ctx.object_send(directory.remove, owner, directory.Removal(conversation=ctx.key()))
    if not empty:
        directory_updates.request_title(ctx, conversation)
        directory_updates.update_directories(ctx, conversation, await now(ctx))
