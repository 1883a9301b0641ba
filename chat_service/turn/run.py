"""A turn from its message to its reply, as the exclusive handlers of `Chat` run it.

The journal of a turn at the bare ingress, entry by entry: the input; read `meta`, read `recent` (both preloaded: no
round trip); write `meta` (the question, before the model is called); the model step, and its result (which also tells
the time, where the message brings none of its own); write `recent`, write `meta`; the output. Every tenth turn has a
summary written, and one a little later sends a page to the Transcript. A turn of one of the platforms also takes its
message from the Inbox, asks the scopes for their settings, and sends its place to the directories.
"""

from __future__ import annotations

from dataclasses import replace

import restate
from restate import ObjectContext, ObjectSharedContext, TerminalError

from chat_service import keys, runtime
from chat_service.contracts import Inbound, Overrides, Reply
from chat_service.domain.conversation import Conversation
from chat_service.domain.settings import EffectiveSettings, resolve
from chat_service.objects import queue as inboxes
from chat_service.objects import quota, summaries
from chat_service.objects.channel import layers
from chat_service.storage import persistence
from chat_service.storage.clock import now
from chat_service.storage.serde import set_record
from chat_service.storage.state import TurnResult, set_start_time
from chat_service.turn import deduplication, delivery_request, directory_updates
from chat_service.turn.retry_loop import answer_turn

SWITCHED_OFF = "I was switched off here before your turn came. Nothing was lost: ask again when I am back."
UNTITLED_TURNS = (1, 3)
"""After which turns a title is written: a first one at once, a better one when the subject is clear."""


async def take_question(
    ctx: ObjectContext, conversation: Conversation, inbound: Inbound
) -> tuple[list[Inbound] | None, EffectiveSettings]:
    """The question whose turn it is, and the settings that hold for it; None when it was sent on to the Inbox."""
    settings = await effective_settings(ctx, conversation)
    if inbound.queued:
        if inbound.id is None:
            raise TerminalError("what comes from the Inbox needs an id", status_code=400)
        together = settings.combines_bursts and not conversation.meta.stop_all_marker
        request = inboxes.TakeRequest(id=inbound.id, together=together)
        taken = await ctx.object_call(inboxes.take, ctx.key(), request)
        return await deduplication.drop_repeats(
            ctx, conversation, taken.messages
        ) if taken.again else taken.messages, settings
    if settings.combines_bursts and inbound.expects_reply:
        handed = inbound.model_copy(update={"id": inbound.id or str(ctx.uuid()), "gathered": True})
        ctx.object_send(inboxes.accept, ctx.key(), handed)
        return None, settings
    return [inbound], settings


async def run(
    ctx: ObjectContext, conversation: Conversation, settings: EffectiveSettings, *, forked: bool = False
) -> Reply:
    """Answer the turn that was opened, and write down how it ended.

    `forked`: its question stands in the place of another, which is shown no longer from now on.
    """
    running = conversation.meta.running
    if running is None:
        raise ValueError("no turn is running")
    set_record(ctx, "meta", conversation.meta)
    if forked:
        set_record(ctx, "recent", conversation.recent)
        summaries.summarise_anew(ctx, conversation)
    if conversation.meta.title == "" and keys.parse(ctx.key()):
        # So that a new conversation shows at once.
        asks = [*running.question, *(m for m in conversation.recent.messages if m.turn == running.turn)]
        directory_updates.update_directories(ctx, conversation, await now(ctx), asks)
    else:
        await directory_updates.list_for_new_people(ctx, conversation)  # who wants to be forgotten meanwhile must be found
    again = [m for m in conversation.recent.messages if m.turn == running.turn and m.role == "user"]
    history = [m for m in conversation.verbatim_messages() if m.turn != running.turn]
    asked = running.question or again
    absent = await delivery_request.request_delivery(ctx, running, asked)
    if settings.off:  # it was switched off while this waited; what comes now does not get here
        answer = TurnResult(status="failed", error=SWITCHED_OFF, at=await now(ctx))
    else:
        answer = await answer_turn(ctx, runtime.current(), conversation, history, asked, settings)
    set_start_time(running, answer.at)
    reply = conversation.close_turn(answer)
    reply.undelivered = absent
    summaries.summarise(ctx, conversation, settings.prompt)
    await persistence.save(ctx, conversation)
    summaries.summarise_anew(ctx, conversation)
    if keys.parse(ctx.key()):
        quota.charge(ctx, reply, asked)
        if reply.turn in UNTITLED_TURNS or (forked and conversation.is_first_shown_turn(reply.turn)):
            directory_updates.request_title(ctx, conversation)
        directory_updates.update_directories(ctx, conversation, reply.at, asked)
    return conversation.to_reply(reply)


async def fail_turn(ctx: ObjectContext, conversation: Conversation, why: str) -> Reply:
    """Tell a turn that was opened as failed, without asking the model."""
    at = await now(ctx)
    if conversation.meta.running:
        set_start_time(conversation.meta.running, at)
    reply = conversation.close_turn(TurnResult(status="failed", error=why, at=at))
    await persistence.save(ctx, conversation)
    return conversation.to_reply(reply)


async def effective_settings(ctx: ObjectContext, conversation: Conversation) -> EffectiveSettings:
    """The settings in force for the conversation."""
    return await resolve_settings(ctx, conversation.meta.overrides)


async def resolve_settings(ctx: ObjectContext | ObjectSharedContext, overrides: Overrides) -> EffectiveSettings:
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
