"""Handlers of `Chat` that change stored messages: notes, edits, deletions, feedback, results of deliveries.

None of them leads to a reply. All of them wait for a running turn, so callers send to them.
"""

from __future__ import annotations

from restate import ObjectContext

from chat_service import handlers
from chat_service.calls import call, send
from chat_service.contracts import DeliveryReport, EditRequest, FeedbackRequest, Notes, RedactRequest, Reply
from chat_service.contracts.transcript import FindRequest, Revision, Tombstones
from chat_service.domain import edits
from chat_service.domain.conversation import Conversation
from chat_service.storage import persistence
from chat_service.storage.clock import now
from chat_service.storage.serde import set_record
from chat_service.storage.state import Outbox
from chat_service.turn import deduplication, directory_updates, summary_requests


async def add_notes(ctx: ObjectContext, notes: Notes) -> Reply:
    """Store messages that were written in the thread but not to the bot, each of them once."""
    conversation = await persistence.load(ctx)
    fresh = await deduplication.drop_repeats(ctx, conversation, notes.messages)
    if not fresh:
        return Reply(reply="", status="noted")
    turn = conversation.add_unanswered(fresh, await now(ctx), "noted")
    await persistence.save(ctx, conversation)
    await directory_updates.list_for_new_people(ctx, conversation)
    return Reply(reply="", status="noted", turn=turn)


async def edit(ctx: ObjectContext, request: EditRequest) -> None:
    """Replace the text of a stored message."""
    conversation = await persistence.load(ctx)
    revision = Revision(id=request.id, text=request.message, attachments=request.attachments)
    seq = await _revise(ctx, conversation, revision)
    meta = conversation.meta
    if seq and seq <= max(meta.summary_upto, meta.summary_requested_upto):  # the summary covers the old text
        upto = conversation.drop_summary(seq)
        await persistence.save_and_notify(ctx, conversation)
        if upto:
            summary_requests.send_summary_request(ctx, conversation, upto)


async def redact(ctx: ObjectContext, request: RedactRequest) -> None:
    """Delete a message and the reply to it, which may quote it. A tombstone keeps a repeat from being answered."""
    conversation = await persistence.load(ctx)
    first_words = directory_updates.first_words(conversation)
    seq = await _revise(ctx, conversation, Revision(id=request.id, forget=True))
    meta = conversation.meta
    upto = 0
    if seq is None:
        at = await now(ctx)
        at = min(request.at or at, at)
        meta.latest_removed_at = max(meta.latest_removed_at or at, at)
        send(ctx, handlers.TRANSCRIPT_ADD_TOMBSTONES, ctx.key(), Tombstones(ids=[request.id]))
    elif seq:
        upto = conversation.drop_summary(seq)
    meta.title_epoch += 1
    has_new_first_words = directory_updates.first_words(conversation) != first_words
    if seq and not meta.renamed and (meta.title or has_new_first_words):
        # The model's title may quote the deleted message, and so may the first words that stand in for a title.
        meta.title = directory_updates.DELETED_TITLE
        directory_updates.update_directories(ctx, conversation, await now(ctx))
    await persistence.save_and_notify(ctx, conversation)
    if upto:
        summary_requests.send_summary_request(ctx, conversation, upto)
    await persistence.purge_journal(ctx, meta.people)


async def set_feedback(ctx: ObjectContext, request: FeedbackRequest) -> None:
    """Store a person's rating of a reply."""
    conversation = await persistence.load(ctx)
    if request.value:
        conversation.add_person(request.person)
    revision = Revision(seq=request.seq, person=request.person, rating=request.value)
    if await _revise(ctx, conversation, revision) is not None:
        await directory_updates.list_for_new_people(ctx, conversation)


async def report_delivery(ctx: ObjectContext, report: DeliveryReport) -> None:
    """Store whether a turn's reply reached its platform."""
    conversation = await persistence.load(ctx)
    reply = conversation.find_reply(report.turn)
    if reply is None or reply.undelivered == report.undelivered:
        return  # a reply that has left `Chat` keeps its state; the log has the error
    reply.undelivered = report.undelivered
    await persistence.save_and_notify(ctx, conversation)


async def close_interrupted_turn(ctx: ObjectContext) -> None:
    """Close a turn whose invocation was killed by an operator, so that its thread can be informed."""
    await persistence.save_and_notify(ctx, await persistence.load(ctx))


async def _revise(ctx: ObjectContext, conversation: Conversation, revision: Revision) -> int | None:
    """Change a message wherever it is stored. Idempotent.

    Returns its sequence number: 0 when only a tombstone is left, None when it was never here.
    """
    recent = conversation.recent.messages
    found = edits.apply_revision(recent, revision)
    if found is not None:
        await persistence.save_and_notify(ctx, conversation)
        return found.seq
    seq: int | None = None
    outbox = await ctx.get("outbox", type_hint=Outbox) or Outbox()
    held = outbox.messages + recent
    found = edits.apply_revision(held, revision)
    if found is not None:
        seq = found.seq
        outbox.messages, recent[:] = held[: len(outbox.messages)], held[len(outbox.messages) :]
        # Its page was already sent: the Transcript gets the page before the revision below.
        set_record(ctx, "outbox", outbox)
    elif conversation.meta.latest_removed_at is None:
        return None
    elif revision.id is not None:
        location = await call(ctx, handlers.TRANSCRIPT_FIND, ctx.key(), FindRequest(id=revision.id))
        if not location.seq:
            return location.seq
        seq = location.seq
    # Awaited: a summary that is requested next must not read what has just been deleted.
    result = await call(ctx, handlers.TRANSCRIPT_REVISE, ctx.key(), revision)
    if revision.forget and result.turn:
        # The reply to the last question in the Transcript may still be here.
        if edits.forget_replies(outbox.messages, result.turn):
            set_record(ctx, "outbox", outbox)
        edits.forget_replies(recent, result.turn)
    await persistence.save_and_notify(ctx, conversation)
    return seq or revision.seq
