"""Removing a conversation, or a part of it: handlers of `Chat`."""

from __future__ import annotations

from restate import ObjectContext, ObjectSharedContext

from chat_service import keys
from chat_service.contracts import StopRequest
from chat_service.domain.conversation import PEOPLE, everybody
from chat_service.domain.deletion import DeletionScope
from chat_service.live import LiveEvent
from chat_service.objects import directory, transcript
from chat_service.objects.chat import chat
from chat_service.objects.chat_stop import stop
from chat_service.storage import pages, persistence, retention
from chat_service.storage.serde import set_record
from chat_service.storage.state import Meta, Outbox


@chat.handler(kind="shared", state_preload=False)
async def forget(ctx: ObjectSharedContext) -> None:
    """Remove the conversation: ends the running turn, takes back what waits, then empties everything."""
    meta = await ctx.get("meta", type_hint=Meta) or Meta()
    ctx.object_send(stop, ctx.key(), StopRequest(all=True))
    if (key := keys.parse(ctx.key())) is not None:
        for owner in key.directories(tuple(meta.people)):
            ctx.object_send(directory.remove, owner, directory.Removal(conversation=ctx.key()))
    await ctx.object_call(erase, ctx.key(), arg=None)


@chat.handler(ingress_private=True)
async def erase(ctx: ObjectContext) -> None:
    """The end of `forget`, when it is its turn: counters and textless marks stay, or catch-up would answer again."""
    conversation = await persistence.load(ctx)
    outbox = await ctx.get("outbox", type_hint=Outbox) or Outbox()
    crowded = len(conversation.meta.people) >= PEOPLE
    people = everybody(conversation.meta.people, outbox.messages, conversation.recent.messages)
    ids = [*conversation.forget(), *(m.id for m in outbox.messages if m.id)]
    ctx.clear_all()
    set_record(ctx, "meta", conversation.meta)
    ctx.object_send(transcript.erase, ctx.key(), pages.Erase(epoch=conversation.meta.epoch, ids=ids, crowded=crowded))
    await persistence.purge_journal(ctx, people, whole=True)
    if (key := keys.parse(ctx.key())) is not None:
        for owner in key.directories(people):
            ctx.object_send(directory.remove, owner, directory.Removal(conversation=ctx.key()))
    await persistence.announce(ctx, LiveEvent(conversation=ctx.key(), kind="changed"))


@chat.handler(ingress_private=True)
async def prune(ctx: ObjectContext, cut: DeletionScope) -> None:
    """Remove one person's messages, or what has reached an age. Waits for a running turn."""
    conversation = await persistence.load(ctx)
    await retention.prune(ctx, conversation, cut)


@chat.handler(ingress_private=True)
async def expire(ctx: ObjectContext) -> None:
    """The durable timer of `RETENTION_DAYS` has rung."""
    conversation = await persistence.load(ctx)
    await retention.expire(ctx, conversation)
