"""Find the outcome of a turn, even of one that left `Chat` long ago."""

from __future__ import annotations

from restate import ObjectContext, ObjectSharedContext

from chat_service import handlers
from chat_service.calls import call
from chat_service.contracts import HistoryRequest, Message, Reply
from chat_service.contracts.transcript import FindRequest
from chat_service.domain.conversation import Conversation
from chat_service.domain.replies import to_reply
from chat_service.domain.versions import MAX_VERSIONS
from chat_service.storage.state import Outbox, Recent

SEARCH_DISTANCE = MAX_VERSIONS + 10
"""Messages after a question in which its reply is searched: all versions of the reply, and the question's messages."""


async def held_messages(ctx: ObjectContext | ObjectSharedContext, recent: list[Message]) -> list[Message]:
    """Return the messages that `Chat` itself holds: those on their way to the Transcript, and `recent`."""
    return [*(await ctx.get("outbox", type_hint=Outbox) or Outbox()).messages, *recent]


def reply_from_held(conversation: Conversation, turn: int) -> Reply | None:
    """Return the reply of a turn, or the status of its question, from the messages that the conversation holds."""
    if reply := conversation.find_reply(turn):
        return to_reply(reply)
    question = next((m for m in conversation.recent.messages if m.turn == turn), None)
    return Reply(reply="", status=question.status, turn=turn) if question else None


async def reply_from_transcript(
    ctx: ObjectContext | ObjectSharedContext, conversation: Conversation, request: FindRequest
) -> Reply | None:
    """Return the reply of a turn whose question has scrolled out; None when only a tombstone or nothing is left.

    `conversation` holds the messages that have not scrolled out, because a turn may lie in both.
    """
    location = await call(ctx, handlers.TRANSCRIPT_FIND, ctx.key(), request)
    if not location.seq:
        return None
    found: list[Message] = []
    while not found or found[0].seq > location.seq:
        before = found[0].seq if found else location.seq + SEARCH_DISTANCE
        page_request = HistoryRequest(before=before, limit=SEARCH_DISTANCE + 20)
        page = await call(ctx, handlers.TRANSCRIPT_READ, ctx.key(), page_request)
        if not page.messages:
            break
        found = page.messages + found
    question = next((m for m in found if m.seq == location.seq), None)
    by_seq = {m.seq: m for m in (*found, *conversation.recent.messages)}
    combined = Conversation(conversation.meta, Recent(messages=[by_seq[seq] for seq in sorted(by_seq)]))
    return reply_from_held(combined, question.turn) if question else None
