"""How a turn stands, also one that left `Chat` long ago: by a message in it, or by its number."""

from __future__ import annotations

from restate import ObjectContext, ObjectSharedContext

from chat_service.contracts import HistoryRequest, Message, Reply
from chat_service.domain.conversation import Conversation
from chat_service.domain.versions import MAX_VERSIONS
from chat_service.objects import transcript
from chat_service.storage import pages
from chat_service.storage.state import Outbox, Recent

REACH = MAX_VERSIONS + 10
"""Messages after a question among which its reply is looked for: all versions of it, and lines of the question."""


async def held_messages(ctx: ObjectContext | ObjectSharedContext, recent: list[Message]) -> list[Message]:
    """What `Chat` itself holds: on its way out, and `recent`."""
    return [*(await ctx.get("outbox", type_hint=Outbox) or Outbox()).messages, *recent]


def reply_from_held(conversation: Conversation, turn: int) -> Reply | None:
    """How a turn stands by the messages that the conversation holds: its reply, or what became of the question."""
    if reply := conversation.find_reply(turn):
        return conversation.to_reply(reply)
    asked = next((m for m in conversation.recent.messages if m.turn == turn), None)
    return Reply(reply="", status=asked.status, turn=turn) if asked else None


async def reply_from_transcript(
    ctx: ObjectContext | ObjectSharedContext, conversation: Conversation, named: pages.FindRequest
) -> Reply | None:
    """How a turn stands whose question has scrolled out, looked up by its mark; None when there is no such turn, or
    nothing but a mark is left. The `conversation` holds what is near: a turn may lie here in part."""
    mark = await ctx.object_call(transcript.find, ctx.key(), named)
    if not mark.seq:
        return None
    around: list[Message] = []
    while not around or around[0].seq > mark.seq:
        before = around[0].seq if around else mark.seq + REACH
        page = await ctx.object_call(transcript.read, ctx.key(), HistoryRequest(before=before, limit=REACH + 20))
        if not page.messages:
            break
        around = page.messages + around
    asked = next((m for m in around if m.seq == mark.seq), None)
    held = {m.seq: m for m in (*around, *conversation.recent.messages)}
    whole = Conversation(conversation.meta, Recent(messages=[held[seq] for seq in sorted(held)]))
    return reply_from_held(whole, asked.turn) if asked else None
