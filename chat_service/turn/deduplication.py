"""Messages that come again: known by their id, however long ago they were here, and answered as they were then."""

from __future__ import annotations

from collections.abc import Iterable

from restate import ObjectContext

from chat_service.contracts import Inbound, Reply
from chat_service.domain.conversation import Conversation
from chat_service.objects import transcript
from chat_service.storage import pages, persistence, turn_lookup
from chat_service.storage.clock import now
from chat_service.storage.state import Outbox, Recent

ONLY_A_MARK = 0
"""Stands for the sequence number of what was forgotten, or taken back before its turn came."""


async def drop_repeats(ctx: ObjectContext, conversation: Conversation, inbound: Iterable[Inbound]) -> list[Inbound]:
    """Those of the messages that were not accepted before, however long ago."""
    known = [(one, await _was_here(ctx, conversation, one)) for one in inbound]
    if any(seq == ONLY_A_MARK for _, seq in known):  # the repeat has brought its text back into the journal
        await persistence.purge_journal(ctx, conversation.meta.people)
    return [one for one, seq in known if seq is None]


async def _was_here(ctx: ObjectContext, conversation: Conversation, inbound: Inbound) -> int | None:
    """The sequence number of this message if it was accepted before, however long ago; `ONLY_A_MARK` when no more is
    left of it."""
    if inbound.id is None:
        return None
    known = conversation.find(inbound.id)
    if known is None and conversation.may_be_repeat(inbound):
        outbox = await ctx.get("outbox", type_hint=Outbox) or Outbox()
        known = next((m for m in outbox.messages if m.id == inbound.id), None)
        if known is None:
            mark = await ctx.object_call(transcript.find, ctx.key(), pages.FindRequest(id=inbound.id))
            return mark.seq
    return known.seq if known else None


async def remember_withdrawn(ctx: ObjectContext, conversation: Conversation, inbound: Inbound) -> None:
    """Remember a message that was taken back before its turn came, or a late repeat of it would be answered.

    What came along with an earlier message finds itself in the conversation, and needs no mark.
    """
    if inbound.id is None or await _was_here(ctx, conversation, inbound) is not None:
        return
    at = await now(ctx)
    at = min(inbound.at or at, at)
    conversation.meta.latest_removed_at = max(conversation.meta.latest_removed_at or at, at)
    ctx.object_send(transcript.mark, ctx.key(), pages.Tombstones(ids=[inbound.id]))
    await persistence.save(ctx, conversation)


async def earlier_reply(ctx: ObjectContext, conversation: Conversation, inbound: Inbound) -> Reply:
    """The reply that a repeated message got the first time, however long ago, or word that it gets none."""
    held = Conversation(conversation.meta, Recent(messages=await turn_lookup.held_messages(ctx, conversation.recent.messages)))
    known = held.find(inbound.id) if inbound.id else None
    if known:
        reply = turn_lookup.reply_from_held(held, known.turn)
    else:
        reply = await turn_lookup.reply_from_transcript(ctx, held, pages.FindRequest(id=inbound.id))
    return reply or Reply(reply="", status="withdrawn" if inbound.queued else "forgotten")
