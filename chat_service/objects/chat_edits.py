"""What happens to a message after it was said: edits, deletions, feedback, and what became of its delivery.

Handlers of `Chat` and of the `Inbox`, which knows what still waits. None of them leads to an answer. Those of `Chat`
wait for a running turn, so they are sent, not called; those of the Inbox do not.
"""

from __future__ import annotations

from restate import ObjectContext

from chat_service.contracts import (
    DeliveryReport,
    EditRequest,
    FeedbackRequest,
    Notes,
    RedactRequest,
    Reply,
    is_blank,
)
from chat_service.domain import edits
from chat_service.domain.conversation import Conversation
from chat_service.domain.edits import Revision
from chat_service.objects import summaries, transcript
from chat_service.objects.chat import chat
from chat_service.objects.chat_client import send_to_chat
from chat_service.objects.queue import QueuedMessage, QueueState, _slot, queue
from chat_service.storage import pages, persistence
from chat_service.storage.clock import now
from chat_service.storage.serde import set_record
from chat_service.storage.state import Outbox
from chat_service.turn import deduplication, directory_updates


@queue.handler(name="edit")
async def edit_waiting(ctx: ObjectContext, request: EditRequest) -> None:
    """Replace a message's words, whether it waits, is being answered or was answered long ago. Never waits.

    One that waits and says nothing any more is withdrawn: nobody is to answer an empty question, nor words that were
    taken back.
    """
    waiting = await ctx.get(_slot(request.id), type_hint=QueuedMessage)
    if waiting is not None:
        attachments = waiting.inbound.attachments if request.attachments is None else request.attachments
        if is_blank(request.message) and not attachments:
            await _withdraw(ctx, request.id)
        else:
            changes = {"message": request.message, "attachments": attachments}
            waiting.inbound = waiting.inbound.model_copy(update=changes)
            set_record(ctx, _slot(request.id), waiting)
    send_to_chat(ctx, ctx.key(), "edit", request)


@queue.handler(name="redact")
async def redact_waiting(ctx: ObjectContext, request: RedactRequest) -> None:
    """Take a deleted message out, wherever it is; one that waits is withdrawn. Never waits."""
    await _withdraw(ctx, request.id)
    send_to_chat(ctx, ctx.key(), "redact", request)


async def _withdraw(ctx: ObjectContext, id: str) -> None:
    line = await ctx.get("line", type_hint=QueueState) or QueueState()
    ctx.clear(_slot(id))
    line.ids = [one for one in line.ids if one != id]
    line.taken = [one for one in line.taken if one != id]
    set_record(ctx, "line", line)


@chat.handler()
async def edit(ctx: ObjectContext, request: EditRequest) -> None:
    """Replace the words of a message in memory and history. Waits for a running turn."""
    conversation = await persistence.load(ctx)
    revision = Revision(id=request.id, text=request.message, attachments=request.attachments)
    seq = await _revise(ctx, conversation, revision)
    meta = conversation.meta
    if seq and seq <= max(meta.summary_upto, meta.summary_asked):  # the summary tells of the words that stood there
        upto = conversation.drop_summary(seq)
        await persistence.changed(ctx, conversation)
        if upto:
            summaries.send_for_summary(ctx, conversation, upto)


@chat.handler()
async def redact(ctx: ObjectContext, request: RedactRequest) -> None:
    """Take a deleted message out of memory and history, and with it the reply to it, which may quote it; only that they
    were here remains, so that nobody answers it later. Waits for a running turn."""
    conversation = await persistence.load(ctx)
    began = directory_updates.begins(conversation)
    seq = await _revise(ctx, conversation, Revision(id=request.id, forget=True))
    upto = 0
    if seq is None:
        at = await now(ctx)
        at = min(request.at or at, at)
        conversation.meta.horizon = max(conversation.meta.horizon or at, at)
        ctx.object_send(transcript.mark, ctx.key(), pages.Marks(ids=[request.id]))
    elif seq:
        upto = conversation.drop_summary(seq)
    conversation.meta.title_epoch += 1
    if (
        seq
        and not conversation.meta.renamed
        and (conversation.meta.title or directory_updates.begins(conversation) != began)
    ):
        # The bot's own title may quote what is gone, and so may the first words that stand for one.
        conversation.meta.title = directory_updates.DELETED_TITLE
        directory_updates.list_in_directories(ctx, conversation, await now(ctx))
    await persistence.changed(ctx, conversation)
    if upto:
        summaries.send_for_summary(ctx, conversation, upto)
    await persistence.purge_journal(ctx, conversation.meta.people)


@chat.handler()
async def feedback(ctx: ObjectContext, request: FeedbackRequest) -> None:
    """Keep a person's word on a reply with its turn. Waits for a running turn."""
    conversation = await persistence.load(ctx)
    if request.value:
        conversation.meet(request.person)
    revision = Revision(seq=request.seq, person=request.person, verdict=request.value)
    if await _revise(ctx, conversation, revision) is not None:
        await directory_updates.list_newcomers(ctx, conversation)


@chat.handler()
async def note(ctx: ObjectContext, notes: Notes) -> Reply:
    """Keep what was said in the thread without the bot, each message once. Waits for a running turn."""
    conversation = await persistence.load(ctx)
    fresh = await deduplication.without_repeats(ctx, conversation, notes.messages)
    if not fresh:
        return Reply(reply="", status="noted")
    turn = conversation.note(fresh, await now(ctx), "noted")
    await persistence.save(ctx, conversation)
    await directory_updates.list_newcomers(ctx, conversation)
    return Reply(reply="", status="noted", turn=turn)


@chat.handler(ingress_private=True)
async def delivered(ctx: ObjectContext, report: DeliveryReport) -> None:
    """What became of a turn's delivery, for the history and the operator. Waits for a running turn."""
    conversation = await persistence.load(ctx)
    reply = conversation.reply_of(report.turn)
    if reply is None or reply.undelivered == report.undelivered:
        return  # scrolled out since: the log has it
    reply.undelivered = report.undelivered
    await persistence.changed(ctx, conversation)


@chat.handler(ingress_private=True)
async def tend(ctx: ObjectContext) -> None:
    """Close a turn whose invocation is no more (an operator has killed it), so that its thread can be told. Waits for
    a running turn."""
    await persistence.changed(ctx, await persistence.load(ctx))


async def _revise(ctx: ObjectContext, conversation: Conversation, revision: Revision) -> int | None:
    """Change a message wherever it lies; gives its sequence number: 0 when only a mark of it is left, None when it was
    never here. Run twice it says the same."""
    recent = conversation.recent.messages
    found = edits.change(recent, revision)
    if found is not None:
        await persistence.changed(ctx, conversation)
        return found.seq
    seq: int | None = None
    outbox = await ctx.get("outbox", type_hint=Outbox) or Outbox()
    held = outbox.messages + recent
    found = edits.change(held, revision)
    if found is not None:
        seq = found.seq
        outbox.messages, recent[:] = held[: len(outbox.messages)], held[len(outbox.messages) :]
        set_record(ctx, "outbox", outbox)  # its page is on the way: the Transcript gets it before the revision below
    elif conversation.meta.horizon is None:
        return None
    elif revision.id is not None:
        mark = await ctx.object_call(transcript.find, ctx.key(), pages.FindRequest(id=revision.id))
        if not mark.seq:
            return mark.seq
        seq = mark.seq
    # Awaited: a summary that is asked for next must not read what has just been deleted.
    done = await ctx.object_call(transcript.revise, ctx.key(), revision)
    if revision.forget and done.turn:
        # The last question there may have its reply here.
        if edits.forget_replies(outbox.messages, done.turn):
            set_record(ctx, "outbox", outbox)
        edits.forget_replies(recent, done.turn)
    await persistence.changed(ctx, conversation)
    return seq or revision.seq
