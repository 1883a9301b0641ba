"""A turn from its message to its reply, as the exclusive handlers of `Chat` run it.

The journal of a turn at the bare ingress, entry by entry: the input; read `meta`, read `recent` (both preloaded: no
round trip); write `meta` (the question, before the model is called); the model step, and its result (which also tells
the time, where the message brings none of its own); write `recent`, write `meta`; the output. Every tenth turn has a
summary written, and one a little later sends a page to the Transcript. A turn of one of the platforms also takes its
message from the Inbox, asks the scopes for their settings, and sends its place to the directories.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import restate
from restate import ObjectContext, ObjectSharedContext, TerminalError

from chat_service import keys, runtime
from chat_service.contracts import Entry, Inbound, Overrides, Reply
from chat_service.conversation import deliveries, directory, housekeeping, memory, quota, summaries, titles, transcript
from chat_service.conversation import inbox as inboxes
from chat_service.conversation.answering import answer_guarded
from chat_service.conversation.budgets import budget_of
from chat_service.conversation.channel import layers
from chat_service.conversation.clock import now
from chat_service.conversation.conversation import Conversation
from chat_service.conversation.effective import Effective, resolve
from chat_service.conversation.records import put
from chat_service.conversation.removal import oldest_end
from chat_service.conversation.state import Answer, Meta, Outbox, Recent, date
from chat_service.live import LiveEvent

SWITCHED_OFF = "I was switched off here before your turn came. Nothing was lost: ask again when I am back."
INTERRUPTED = "This turn was interrupted and could not be completed. Please try again."
UNTITLED_TURNS = (1, 3)
"""After which turns a title is written: a first one at once, a better one when the subject is clear."""
TITLE_CHARACTERS = 60
RING_AFTER = timedelta(seconds=1)
ONLY_A_MARK = 0
"""Stands for the sequence number of what was forgotten, or taken back before its turn came."""


async def load(ctx: ObjectContext, dead: str | None = None) -> Conversation:
    """The conversation, with a turn that died (killed by an operator) told as failed rather than left open.

    `dead` is the invocation whose open turn the caller wants to take over.
    """
    meta = await ctx.get("meta", type_hint=Meta) or Meta()
    recent = await ctx.get("recent", type_hint=Recent) or Recent()
    conversation = Conversation(meta, recent)
    running = meta.running
    if running is not None and running.invocation not in (ctx.request().id, dead):
        at = await now(ctx)
        date(running, at)
        ended = min(running.started_at or at, at)
        reply = conversation.close_turn(Answer(status="failed", error=INTERRUPTED, at=ended))
        # The engine kills what an invocation has sent along with it: its delivery is gone, too.
        reply.undelivered = await deliveries.announce(ctx, running, running.question)
    return conversation


async def take(
    ctx: ObjectContext, conversation: Conversation, inbound: Inbound
) -> tuple[list[Inbound] | None, Effective]:
    """The question whose turn it is, and the settings that hold for it; None when it was sent on to the Inbox."""
    settings = await effective(ctx, conversation)
    if inbound.queued:
        if inbound.id is None:
            raise TerminalError("what comes from the Inbox needs an id", status_code=400)
        together = settings.gathers and not conversation.meta.drain
        request = inboxes.TakeRequest(id=inbound.id, together=together)
        taken = await ctx.object_call(inboxes.take, ctx.key(), request)
        return taken.messages, settings
    if settings.gathers and inbound.expects_reply:
        handed = inbound.model_copy(update={"id": inbound.id or str(ctx.uuid()), "gathered": True})
        ctx.object_send(inboxes.accept, ctx.key(), handed)
        return None, settings
    return [inbound], settings


async def unheard(ctx: ObjectContext, conversation: Conversation, inbound: Iterable[Inbound]) -> list[Inbound]:
    """Those of the messages that were not accepted before, however long ago."""
    known = [(one, await _was_here(ctx, conversation, one)) for one in inbound]
    if any(seq == ONLY_A_MARK for _, seq in known):  # the repeat has brought its text back into the journal
        await purge_journal(ctx, conversation.meta.people)
    return [one for one, seq in known if seq is None]


async def _was_here(ctx: ObjectContext, conversation: Conversation, inbound: Inbound) -> int | None:
    """The sequence number of this message if it was accepted before, however long ago; `ONLY_A_MARK` when no more is
    left of it."""
    if inbound.id is None:
        return None
    known = conversation.find(inbound.id)
    if known is None and conversation.may_be_old(inbound):
        outbox = await ctx.get("outbox", type_hint=Outbox) or Outbox()
        known = next((m for m in outbox.messages if m.id == inbound.id), None)
        if known is None:
            mark = await ctx.object_call(transcript.find, ctx.key(), transcript.FindRequest(id=inbound.id))
            return mark.seq
    return known.seq if known else None


async def mark_withdrawn(ctx: ObjectContext, conversation: Conversation, inbound: Inbound) -> None:
    """Remember a message that was taken back before its turn came, or a late repeat of it would be answered.

    What came along with an earlier message finds itself in the conversation, and needs no mark.
    """
    if inbound.id is None or await _was_here(ctx, conversation, inbound) is not None:
        return
    at = await now(ctx)
    at = min(inbound.at or at, at)
    conversation.meta.horizon = max(conversation.meta.horizon or at, at)
    ctx.object_send(transcript.mark, ctx.key(), transcript.Marks(ids=[inbound.id]))
    await save(ctx, conversation)


def standing_reply(conversation: Conversation, inbound: Inbound) -> Reply:
    """The reply that a repeated message got the first time, or word that it gets none."""
    known = conversation.find(inbound.id) if inbound.id else None
    reply = conversation.reply_of(known.turn) if known else None
    if reply:
        return conversation.reply(reply)
    if known:
        return Reply(reply="", status=known.status, turn=known.turn)
    return Reply(reply="", status="withdrawn" if inbound.queued else "forgotten")


async def run(ctx: ObjectContext, conversation: Conversation, settings: Effective, *, forked: bool = False) -> Reply:
    """Answer the turn that was opened, and write down how it ended.

    `forked`: its question stands in the place of another, which is shown no longer from now on.
    """
    running = conversation.meta.running
    if running is None:
        raise ValueError("no turn is running")
    put(ctx, "meta", conversation.meta)
    if forked:
        put(ctx, "recent", conversation.recent)
        summarise_anew(ctx, conversation)
    if conversation.meta.title == "" and keys.parse(ctx.key()):
        # So that a new conversation shows at once.
        list_in_directories(ctx, conversation, await now(ctx))
    again = [m for m in conversation.recent.messages if m.turn == running.turn and m.role == "user"]
    history = [m for m in conversation.visible() if m.turn != running.turn]
    asked = running.question or again
    absent = await deliveries.announce(ctx, running, asked)
    if settings.off:  # it was switched off while this waited; what comes now does not get here
        answer = Answer(status="failed", error=SWITCHED_OFF, at=await now(ctx))
    else:
        answer = await answer_guarded(ctx, runtime.current(), conversation, history, asked, settings)
    date(running, answer.at)
    reply = conversation.close_turn(answer)
    reply.undelivered = absent
    summarise(ctx, conversation)
    await save(ctx, conversation)
    summarise_anew(ctx, conversation)
    if keys.parse(ctx.key()):
        quota.charge(ctx, reply, asked)
        if reply.turn in UNTITLED_TURNS or (forked and conversation.begins_with(reply.turn)):
            entitle(ctx, conversation)
        list_in_directories(ctx, conversation, reply.at)
    return conversation.reply(reply)


async def refuse(ctx: ObjectContext, conversation: Conversation, why: str) -> Reply:
    """Tell a turn that was opened as failed, without asking the model."""
    at = await now(ctx)
    if conversation.meta.running:
        date(conversation.meta.running, at)
    reply = conversation.close_turn(Answer(status="failed", error=why, at=at))
    await save(ctx, conversation)
    return conversation.reply(reply)


def summarise(ctx: ObjectContext, conversation: Conversation) -> None:
    """Have a summary written, beside the conversation, when one is wanted. To be called before the state is saved."""
    meta = conversation.meta
    upto = memory.wanted(conversation, budget_of(runtime.current().settings, meta))
    if upto is not None:
        meta.summary_asked = upto
        send_for_summary(ctx, conversation, upto)


def summarise_anew(ctx: ObjectContext, conversation: Conversation) -> None:
    """Have a summary written in the place of one that told of what is shown no longer. To be called after the state
    is saved: whoever writes it must not read what was shown before."""
    if not conversation.lost_summary:
        return
    upto = memory.anew(conversation, budget_of(runtime.current().settings, conversation.meta))
    conversation.lost_summary = 0
    if upto:
        conversation.meta.summary_asked = upto
        put(ctx, "meta", conversation.meta)
        send_for_summary(ctx, conversation, upto)


def send_for_summary(ctx: ObjectContext, conversation: Conversation, upto: int) -> None:
    """Have everything up to `upto` folded into the summary that stands."""
    meta, held = conversation.meta, conversation.recent.messages
    after = conversation.summarised
    request = summaries.SummaryRequest(
        conversation=ctx.key(),
        epoch=meta.summary_epoch,
        after=after,
        upto=upto,
        summary=meta.summary,
        characters=budget_of(runtime.current().settings, meta).characters,
        messages=[m for m in held if after < m.seq <= upto] if held and held[0].seq <= after + 1 else [],
    )
    # By name, since the handler's own serde would send every default along: twice the bytes.
    ctx.generic_send("Summaries", "write", request.model_dump_json(exclude_defaults=True).encode())


async def save(ctx: ObjectContext, conversation: Conversation) -> None:
    """Write the conversation back; what no longer fits sets out for the Transcript."""
    await set_expiry(ctx, conversation)
    out = conversation.scroll()
    if out:
        # The copy stays until `page_stored` confirms, so that no reader finds a gap while the page moves.
        outbox = await ctx.get("outbox", type_hint=Outbox) or Outbox()
        outbox.messages += out
        put(ctx, "outbox", outbox)
        batch = transcript.Batch(epoch=conversation.meta.epoch, messages=out)
        # By name, since the handler's own serde would send every default along: twice the bytes.
        body = batch.model_dump_json(exclude_defaults=True).encode()
        ctx.generic_send("Transcript", "append", body, key=ctx.key())
    put(ctx, "recent", conversation.recent)
    put(ctx, "meta", conversation.meta)


async def purge_journal(ctx: ObjectContext, people: Iterable[str], *, whole: bool = False) -> None:
    """Have removed what the engine's journal holds of the conversation of these people up to now; `whole`: all of it
    was forgotten."""
    key = keys.parse(ctx.key())
    also = list(key.directories(tuple(people))) if key else []
    request = housekeeping.Purge(conversation=ctx.key(), also=also, upto=await now(ctx), whole=whole)
    ctx.service_send(housekeeping.purge, request, send_delay=housekeeping.LOOK_AGAIN)


async def set_expiry(ctx: ObjectContext, conversation: Conversation, oldest: datetime | None = None) -> None:
    """Set the conversation's one durable timer, where an age is set and no timer is.

    It rings when `oldest`, the end of the oldest turn, reaches the age; at once when that is not known, because the
    setting is younger than pages that lie in the Transcript.
    """
    days, meta = runtime.current().settings.retention_days, conversation.meta
    if days is None or meta.expiry:
        return
    if oldest is None and meta.horizon is None:
        oldest = oldest_end(conversation.recent.messages)
        if oldest is None:
            return
    meta.expiry = True
    due = timedelta(0)
    if oldest:
        at = await now(ctx)
        due = min(oldest, at) + timedelta(days=days) - at  # a time far ahead plus the age is no time at all
    ctx.generic_send("Chat", "expire", b"", key=ctx.key(), send_delay=max(due, RING_AFTER))


async def changed(ctx: ObjectContext, conversation: Conversation) -> None:
    """Write `meta` back after a change that is no turn, and tell the windows."""
    conversation.meta.version += 1
    put(ctx, "meta", conversation.meta)
    put(ctx, "recent", conversation.recent)
    await ctx.run_typed("written", _nothing)  # the engine has it before a window hears of it and looks
    await announce(ctx, LiveEvent(conversation=ctx.key(), kind="changed"))


async def _nothing() -> None:
    pass


async def announce(ctx: ObjectContext | ObjectSharedContext, event: LiveEvent) -> None:
    """Publish from a handler, in a step of its own. Run twice, windows look twice."""

    async def publish() -> None:
        runtime.current().bus.publish(event)

    await ctx.run_typed("announce", publish)


async def effective(ctx: ObjectContext, conversation: Conversation) -> Effective:
    """The settings in force for the conversation."""
    return await resolved(ctx, conversation.meta.overrides)


async def resolved(ctx: ObjectContext | ObjectSharedContext, overrides: Overrides) -> Effective:
    """The settings in force, from the deployment down. The scopes are asked side by side."""
    key = keys.parse(ctx.key())
    scopes = key.scopes if key else ()
    asked = [ctx.object_call(layers, scope, arg=None) for scope in scopes]
    await restate.gather(*asked)
    widths = ("workspace", "channel")[-len(scopes) :] if scopes else ()
    found: list[tuple[str, Overrides]] = []
    off = False
    for width, answer in zip(widths, asked, strict=True):
        there = await answer
        off = off or there.off
        found += [(width, there.own)] if there.around is None else [(width, there.around), ("thread", there.own)]
    it = runtime.current()
    given = resolve(it.settings, it.personas, [*found, ("conversation", overrides)], in_chat=key is not None)
    return replace(given, off=off)


def list_in_directories(ctx: ObjectContext, conversation: Conversation, at: datetime) -> None:
    """Send the conversation's place to the directories that list it; off the turn's path."""
    key = keys.parse(ctx.key())
    if key is None:
        return
    entry = _entry(ctx.key(), conversation, at)
    for owner in key.directories(tuple(dict.fromkeys([*conversation.meta.people, *conversation.newcomers]))):
        ctx.object_send(directory.touch, owner, entry)


async def list_newcomers(ctx: ObjectContext, conversation: Conversation) -> None:
    """Send the conversation's place to those who have just spoken in it for the first time, though not to the bot:
    whoever wants to be forgotten must be found in it."""
    key = keys.parse(ctx.key())
    owners = key.people_directories(conversation.newcomers) if key else ()
    if owners:
        entry = _entry(ctx.key(), conversation, await now(ctx))
        for owner in owners:
            ctx.object_send(directory.touch, owner, entry)


def _entry(key: str, conversation: Conversation, at: datetime) -> Entry:
    meta = conversation.meta
    asked = [*conversation.recent.messages, *(meta.running.question if meta.running else [])]
    first = next((m.text for m in asked if m.role == "user" and not m.replaced), "")
    return Entry(conversation=key, title=meta.title or _excerpt(first), at=at)


def entitle(ctx: ObjectContext, conversation: Conversation) -> None:
    """Have a title written, beside the conversation."""
    meta = conversation.meta
    said = [m for m in conversation.recent.messages if m.status in ("answered", "noted") and not m.replaced][-6:]
    if said and not meta.renamed:
        ctx.service_send(titles.write, titles.TitleRequest(conversation=ctx.key(), epoch=meta.epoch, messages=said))


def _excerpt(text: str) -> str:
    line = " ".join(re.sub(r"[*_`#|>]+", " ", text).split())
    return line if len(line) <= TITLE_CHARACTERS else line[: TITLE_CHARACTERS - 1].rstrip() + "…"
