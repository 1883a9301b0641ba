"""`Chat`: the conversation itself, one durable object per thread.

Its exclusive handlers run one at a time per key, in the order in which Restate accepted them: that is the whole of
the serialising. `message` and `get_history` keep the names and the simplest payloads of Restate's own chat example.

Which handler waits for a running turn is said at each one. Those that do are sent, not called, by whoever must not
hang (see `IngressClient.soon`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from restate import ObjectContext, ObjectSharedContext, TerminalError, VirtualObject

from chat_service import runtime
from chat_service.contracts import (
    ConfigureRequest,
    Export,
    ExportRequest,
    Found,
    History,
    HistoryRequest,
    Inbound,
    RecoverRequest,
    RenameRequest,
    Reply,
    SearchRequest,
    SettingsView,
    TurnRequest,
)
from chat_service.contracts.validation_errors import validation_errors_as_text
from chat_service.objects import invocation_policy, summaries, titles
from chat_service.objects import queue as inboxes
from chat_service.objects.channel import changed
from chat_service.storage import pages, persistence, queries
from chat_service.storage.clock import now
from chat_service.storage.serde import set_record
from chat_service.storage.state import Meta, Outbox
from chat_service.turn import deduplication, directory_updates, run

TOO_FAR = (
    "The message you changed is too far back, or has too many versions, to be replaced. "
    "Your new words stand here: try again to have them answered as a new question."
)

chat = VirtualObject(
    "Chat",
    description="A conversation that remembers, survives every crash, and answers one message at a time.",
    invocation_retry_policy=invocation_policy.PATIENT,
    invocation_context_managers=[validation_errors_as_text],
    abort_timeout=timedelta(hours=1),
    idempotency_retention=invocation_policy.DAY,
    journal_retention=invocation_policy.DAY,
)


@chat.handler()
async def message(ctx: ObjectContext, inbound: Inbound) -> Reply:
    """Say something. Waits for its turn, and answers with the reply.

    A message with an `id` that was here before gets the reply it got then. Where quick lines become one question,
    a plain call is handed to the Inbox and answered with `waiting`: the reply is found with `get_turn`.
    """
    conversation = await persistence.load(ctx)
    question, effective = await run.take(ctx, conversation, inbound)
    if question is None:
        return Reply(reply="", status="waiting")
    fresh = await deduplication.without_repeats(ctx, conversation, question)
    if not fresh:
        if not question:
            await deduplication.mark_withdrawn(ctx, conversation, inbound)
        elif inbound.queued:
            ctx.object_send(
                inboxes.release_taken, ctx.key(), arg=None
            )  # nothing of it will show, so it must not seem to wait
        return await deduplication.earlier_reply(ctx, conversation, inbound)
    if conversation.meta.stop_all_marker or not fresh[-1].expects_reply:
        status: Literal["noted", "withdrawn"] = "withdrawn" if conversation.meta.stop_all_marker else "noted"
        turn = conversation.note(fresh, await now(ctx), status)
        await persistence.save(ctx, conversation)
        await directory_updates.list_newcomers(ctx, conversation)
        return Reply(reply="", status=status, turn=turn)
    conversation.open_turn(fresh, ctx.request().id, fresh[-1].at)
    replaces = fresh[0].replaces
    if replaces is not None and not conversation.replace(replaces):
        return await run.refuse(ctx, conversation, TOO_FAR)
    return await run.run(ctx, conversation, effective, forked=replaces is not None)


@chat.handler()
async def recover(ctx: ObjectContext, request: RecoverRequest) -> Reply:
    """Answer the turn of an invocation that was killed because its code is gone (see `upgrade`).

    A message that was next in line may have come first: it has told the turn as failed then, and nothing is done.
    """
    conversation = await persistence.load(ctx, dead=request.invocation)
    running = conversation.meta.running
    if running is None or running.invocation != request.invocation:
        return Reply(reply="", status="failed", error=persistence.INTERRUPTED)
    running.invocation = ctx.request().id
    return await run.run(ctx, conversation, await run.effective(ctx, conversation))


@chat.handler(kind="shared", idempotency_retention=invocation_policy.BRIEF, journal_retention=invocation_policy.BRIEF)
async def get_history(ctx: ObjectSharedContext, request: HistoryRequest | None) -> History:
    """A page of the conversation with what is running and what waits. Never waits for a turn."""
    return await queries.history(ctx, request or HistoryRequest())


@chat.handler(
    kind="shared",
    state_preload=False,
    idempotency_retention=invocation_policy.BRIEF,
    journal_retention=invocation_policy.BRIEF,
)
async def get_turn(ctx: ObjectSharedContext, request: TurnRequest) -> Reply:
    """How a turn stands, by its number or by the id of a message in it. Never waits.

    Raises:
        TerminalError: 400 when none is named, 404 when there is no such turn.
    """
    return await queries.turn(ctx, request)


@chat.handler(kind="shared", idempotency_retention=invocation_policy.BRIEF, journal_retention=invocation_policy.BRIEF)
async def search(ctx: ObjectSharedContext, request: SearchRequest) -> Found:
    """Messages of this conversation that contain a text, newest first. Never waits for a turn."""
    return await queries.search(ctx, request)


@chat.handler(kind="shared", idempotency_retention=invocation_policy.BRIEF, journal_retention=invocation_policy.BRIEF)
async def export(ctx: ObjectSharedContext, request: ExportRequest | None) -> Export:
    """The whole conversation as Markdown or JSON. Never waits for a turn."""
    return await queries.export(ctx, request or ExportRequest())


@chat.handler()
async def reset(ctx: ObjectContext) -> None:
    """Start afresh: the history stays readable, the model no longer sees it. Waits for a running turn."""
    conversation = await persistence.load(ctx)
    conversation.start_afresh()
    await persistence.changed(ctx, conversation)


@chat.handler()
async def configure(ctx: ObjectContext, request: ConfigureRequest | None) -> SettingsView:
    """Change this conversation's settings and show what is in force. Waits for a running turn.

    Raises:
        TerminalError: 400 for a persona that does not exist.
    """
    conversation = await persistence.load(ctx)
    if request and (request.unset or request.set.model_dump(exclude_none=True)):
        persona = request.set.persona
        if persona is not None and persona not in (
            *runtime.current().personas,
            runtime.current().settings.persona,
        ):
            known = ", ".join(sorted(runtime.current().personas)) or "none are defined"
            raise TerminalError(f"there is no persona {persona!r}: {known}", status_code=400)
        conversation.meta.overrides = changed(conversation.meta.overrides, request)
        await persistence.changed(ctx, conversation)
    return (await run.effective(ctx, conversation)).view()


@chat.handler(kind="shared", idempotency_retention=invocation_policy.BRIEF, journal_retention=invocation_policy.BRIEF)
async def get_settings(ctx: ObjectSharedContext) -> SettingsView:
    """The settings in force, and where each value came from. Never waits."""
    meta = await ctx.get("meta", type_hint=Meta) or Meta()
    return (await run.resolved(ctx, meta.overrides)).view()


@chat.handler()
async def rename(ctx: ObjectContext, request: RenameRequest) -> None:
    """Give the conversation a title that stays. Waits for a running turn; `Inbox/rename` does not."""
    conversation = await persistence.load(ctx)
    conversation.meta.title, conversation.meta.renamed = request.title.strip(), True
    await persistence.changed(ctx, conversation)
    ctx.object_send(inboxes.renamed, ctx.key(), request)
    directory_updates.list_in_directories(ctx, conversation, await now(ctx))


@chat.handler(ingress_private=True)
async def page_stored(ctx: ObjectContext, stored: pages.PageStored) -> None:
    """The Transcript has it: the copy on its way may go."""
    outbox = await ctx.get("outbox", type_hint=Outbox) or Outbox()
    outbox.messages = [m for m in outbox.messages if not stored.first <= m.seq <= stored.last]
    if outbox.messages:
        set_record(ctx, "outbox", outbox)
    else:
        ctx.clear("outbox")


# What a title or a summary says may be forgotten by the time it comes: the journal keeps nothing of either.
@chat.handler(ingress_private=True, journal_retention=invocation_policy.NONE)
async def apply_title(ctx: ObjectContext, written: titles.Written) -> None:
    """Take the title the bot wrote, unless a person has chosen one, or all was forgotten meanwhile."""
    conversation = await persistence.load(ctx)
    meta = conversation.meta
    if meta.renamed or written.epoch != meta.title_epoch:
        return
    meta.title = written.title
    await persistence.changed(ctx, conversation)
    directory_updates.list_in_directories(ctx, conversation, await now(ctx))


@chat.handler(ingress_private=True, journal_retention=invocation_policy.NONE)
async def apply_summary(ctx: ObjectContext, summarised: summaries.Summarised) -> None:
    """Take the summary, unless all was forgotten or reset meanwhile, or a longer one came first."""
    conversation = await persistence.load(ctx)
    if conversation.apply_summary(summarised.text, summarised.upto, summarised.epoch):
        await persistence.save(ctx, conversation)


__all__ = ["chat"]
