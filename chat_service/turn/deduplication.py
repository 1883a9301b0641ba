"""Recognize messages that were accepted before, by their id, and answer them as they were answered then."""

from __future__ import annotations

from collections.abc import Iterable

from restate import ObjectContext

from chat_service import handlers
from chat_service.calls import call, send
from chat_service.contracts import Inbound, Reply
from chat_service.contracts.transcript import FindRequest, Tombstones
from chat_service.domain.conversation import Conversation
from chat_service.storage import persistence, turn_lookup
from chat_service.storage.clock import now
from chat_service.storage.state import Outbox, Recent

TOMBSTONE_SEQ = 0
"""Used as sequence number of a message that was deleted, or withdrawn before its turn."""


async def drop_repeats(ctx: ObjectContext, conversation: Conversation, inbound: Iterable[Inbound]) -> list[Inbound]:
    """Return the messages that were not accepted before, however long ago."""
    known = [(message, await _find_seq(ctx, conversation, message)) for message in inbound]
    if any(seq == TOMBSTONE_SEQ for _, seq in known):  # the repeat has brought the text back into the journal
        await persistence.purge_journal(ctx, conversation.meta.people)
    return [message for message, seq in known if seq is None]


async def remember_withdrawn(ctx: ObjectContext, conversation: Conversation, inbound: Inbound) -> None:
    """Store a tombstone for a message that was withdrawn before its turn, so that a late repeat is not answered.

    A message that became part of an earlier message's question is in the conversation and needs no tombstone.
    """
    if inbound.id is None or await _find_seq(ctx, conversation, inbound) is not None:
        return
    at = await now(ctx)
    at = min(inbound.at or at, at)
    conversation.meta.latest_removed_at = max(conversation.meta.latest_removed_at or at, at)
    send(ctx, handlers.TRANSCRIPT_ADD_TOMBSTONES, ctx.key(), Tombstones(ids=[inbound.id]))
    await persistence.save(ctx, conversation)


async def earlier_reply(ctx: ObjectContext, conversation: Conversation, inbound: Inbound) -> Reply:
    """Return the reply that a repeated message got the first time, or the status that says that it gets none."""
    held = Conversation(
        conversation.meta, Recent(messages=await turn_lookup.held_messages(ctx, conversation.recent.messages))
    )
    known = held.find(inbound.id) if inbound.id else None
    if known:
        reply = turn_lookup.reply_from_held(held, known.turn)
    else:
        reply = await turn_lookup.reply_from_transcript(ctx, held, FindRequest(id=inbound.id))
    return reply or Reply(reply="", status="withdrawn" if inbound.queued else "forgotten")


async def _find_seq(ctx: ObjectContext, conversation: Conversation, inbound: Inbound) -> int | None:
    """Return the sequence number of a message that was accepted before, `TOMBSTONE_SEQ`, or None for a new message."""
    if inbound.id is None:
        return None
    known = conversation.find(inbound.id)
    if known is None and conversation.may_be_repeat(inbound):
        outbox = await ctx.get("outbox", type_hint=Outbox) or Outbox()
        known = next((m for m in outbox.messages if m.id == inbound.id), None)
        if known is None:
            location = await call(ctx, handlers.TRANSCRIPT_FIND, ctx.key(), FindRequest(id=inbound.id))
            return location.seq
    return known.seq if known else None
