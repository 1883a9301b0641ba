"""`Chat`: a conversation, one virtual object per thread.

Restate runs the exclusive handlers of a key one at a time, in the order in which it accepted them: nothing else
serializes a conversation. `message` and `get_history` keep the names and the simplest payloads of Restate's chat
example.

A handler that waits for a running turn says so. Callers that must not block send to it instead of calling it (see
`IngressClient.call_or_queue`).
"""

from __future__ import annotations

from typing import Literal

from restate import ObjectContext, ObjectSharedContext, TerminalError

from chat_service import handlers, runtime
from chat_service.calls import send
from chat_service.contracts import (
    ConfigureRequest,
    Export,
    ExportRequest,
    History,
    HistoryRequest,
    Inbound,
    RecoverRequest,
    RenameRequest,
    Reply,
    SearchRequest,
    SearchResult,
    SettingsView,
    TurnRequest,
)
from chat_service.contracts.background import WrittenSummary, WrittenTitle
from chat_service.contracts.transcript import PageStored
from chat_service.storage import persistence, queries
from chat_service.storage.clock import now
from chat_service.storage.serde import set_record
from chat_service.storage.state import Meta, Outbox
from chat_service.turn import deduplication, directory_updates, run

CANNOT_REPLACE = (
    "The message you changed is too far back, or has too many versions, to be replaced. "
    "Your new text is kept here: try again to have it answered as a new question."
)


async def message(ctx: ObjectContext, inbound: Inbound) -> Reply:
    """Answer a message with a reply. Waits for a running turn.

    A message whose `id` was here before gets the reply that it got then. Where messages in quick succession become one
    question, a direct call is passed to `Queue` and returns the status `waiting`: `get_turn` then finds the reply.
    """
    conversation = await persistence.load(ctx)
    question, effective = await run.take_question(ctx, conversation, inbound)
    if question is None:
        return Reply(reply="", status="waiting")
    fresh = await deduplication.drop_repeats(ctx, conversation, question)
    if not fresh:
        if not question:
            await deduplication.remember_withdrawn(ctx, conversation, inbound)
        elif inbound.queued:  # `Queue` would show the message as waiting until it hands out the next one
            send(ctx, handlers.QUEUE_RELEASE_TAKEN, ctx.key(), None)
        return await deduplication.earlier_reply(ctx, conversation, inbound)
    if conversation.meta.stop_all_marker or not fresh[-1].expects_reply:
        status: Literal["noted", "withdrawn"] = "withdrawn" if conversation.meta.stop_all_marker else "noted"
        turn = conversation.add_unanswered(fresh, await now(ctx), status)
        await persistence.save(ctx, conversation)
        await directory_updates.list_for_new_people(ctx, conversation)
        return Reply(reply="", status=status, turn=turn)
    conversation.open_turn(fresh, ctx.request().id, fresh[-1].at)
    replaces = fresh[0].replaces
    if replaces is not None and not conversation.replace_question(replaces):
        return await run.fail_turn(ctx, conversation, CANNOT_REPLACE)
    return await run.run_turn(ctx, conversation, effective, replaces_question=replaces is not None)


async def recover(ctx: ObjectContext, request: RecoverRequest) -> Reply:
    """Answer the turn of an invocation that was killed because its code version is gone (see `upgrade`).

    A queued message may have come first. It has then closed the turn as failed, and nothing is done here.
    """
    conversation = await persistence.load(ctx, taken_over=request.invocation)
    running = conversation.meta.running
    if running is None or running.invocation != request.invocation:
        return Reply(reply="", status="failed", error=persistence.INTERRUPTED_ERROR)
    running.invocation = ctx.request().id
    return await run.run_turn(ctx, conversation, await run.effective_settings(ctx, conversation))


async def get_history(ctx: ObjectSharedContext, request: HistoryRequest | None) -> History:
    """Return a page of the conversation with the running turn and the waiting messages. Never waits."""
    return await queries.read_history(ctx, request or HistoryRequest())


async def get_turn(ctx: ObjectSharedContext, request: TurnRequest) -> Reply:
    """Return the state of a turn, named by its number or by the id of a message in it. Never waits.

    Raises:
        TerminalError: 400 when the request names neither, 404 when there is no such turn.
    """
    return await queries.read_turn(ctx, request)


async def search(ctx: ObjectSharedContext, request: SearchRequest) -> SearchResult:
    """Return messages of this conversation that contain a text, newest first. Never waits."""
    return await queries.search(ctx, request)


async def export(ctx: ObjectSharedContext, request: ExportRequest | None) -> Export:
    """Return the whole conversation as Markdown or JSON. Never waits."""
    return await queries.export(ctx, request or ExportRequest())


async def reset(ctx: ObjectContext) -> None:
    """Hide all earlier messages from the model; the history stays readable. Waits for a running turn."""
    conversation = await persistence.load(ctx)
    conversation.reset_context()
    await persistence.save_and_notify(ctx, conversation)


async def configure(ctx: ObjectContext, request: ConfigureRequest | None) -> SettingsView:
    """Change this conversation's settings and return the settings in force. Waits for a running turn.

    Raises:
        TerminalError: 400 for a persona that does not exist.
    """
    conversation = await persistence.load(ctx)
    if request and (request.unset or request.set.model_dump(exclude_none=True)):
        persona, current = request.set.persona, runtime.current()
        if persona is not None and persona not in (*current.personas, current.settings.persona):
            known = ", ".join(sorted(current.personas)) or "none are defined"
            raise TerminalError(f"there is no persona {persona!r}: {known}", status_code=400)
        conversation.meta.overrides = request.apply_to(conversation.meta.overrides)
        await persistence.save_and_notify(ctx, conversation)
    return (await run.effective_settings(ctx, conversation)).view()


async def get_settings(ctx: ObjectSharedContext) -> SettingsView:
    """Return the settings in force and the source of each value. Never waits."""
    meta = await ctx.get("meta", type_hint=Meta) or Meta()
    return (await run.resolve_settings(ctx, meta.overrides)).view()


async def rename(ctx: ObjectContext, request: RenameRequest) -> None:
    """Give the conversation a permanent title. Waits for a running turn; `Queue/rename` does not."""
    conversation = await persistence.load(ctx)
    conversation.meta.title, conversation.meta.renamed = request.title.strip(), True
    await persistence.save_and_notify(ctx, conversation)
    send(ctx, handlers.QUEUE_CONFIRM_RENAME, ctx.key(), request)
    directory_updates.update_directories(ctx, conversation, await now(ctx))


async def confirm_page(ctx: ObjectContext, stored: PageStored) -> None:
    """Remove messages from the outbox that the Transcript has stored."""
    outbox = await ctx.get("outbox", type_hint=Outbox) or Outbox()
    outbox.messages = [m for m in outbox.messages if not stored.first <= m.seq <= stored.last]
    if outbox.messages:
        set_record(ctx, "outbox", outbox)
    else:
        ctx.clear("outbox")


async def apply_title(ctx: ObjectContext, written: WrittenTitle) -> None:
    """Take the model's title, unless a person has chosen one or the conversation was forgotten meanwhile."""
    conversation = await persistence.load(ctx)
    meta = conversation.meta
    if meta.renamed or written.epoch != meta.title_epoch:
        return
    meta.title = written.title
    await persistence.save_and_notify(ctx, conversation)
    directory_updates.update_directories(ctx, conversation, await now(ctx))


async def apply_summary(ctx: ObjectContext, written: WrittenSummary) -> None:
    """Take the summary, unless the conversation was forgotten or reset meanwhile, or a longer one came first."""
    conversation = await persistence.load(ctx)
    if conversation.apply_summary(written.text, written.upto, written.epoch):
        await persistence.save(ctx, conversation)
