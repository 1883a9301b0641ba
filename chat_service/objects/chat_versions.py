"""Saying it again: a reply answered anew, one that goes on where it was stopped, and the choice between versions.

Handlers of `Chat`, which all wait for a running turn. A question asked in other words is a message like any other
(`Inbound.replaces`).
"""

from __future__ import annotations

from restate import ObjectContext, TerminalError

from chat_service.contracts import ChooseRequest, ContinueRequest, Reply, TurnRequest
from chat_service.domain.versions import MAX_VERSIONS
from chat_service.objects import summaries
from chat_service.objects.chat import chat
from chat_service.storage import persistence
from chat_service.storage.clock import now
from chat_service.turn import run


@chat.handler()
async def regenerate(ctx: ObjectContext, request: TurnRequest | None) -> Reply:
    """Answer the last turn anew, also one that failed or was stopped; the old reply stays as a version. Waits for a
    running turn.

    Raises:
        TerminalError: 404 when there is nothing to answer; 409 when `turn` is no longer the last one, or has too many
            versions.
    """
    conversation = await persistence.load(ctx)
    at = await now(ctx)
    running = conversation.reopen_turn(ctx.request().id, at)
    if running is None:
        raise TerminalError("there is no reply to answer anew", status_code=404)
    if request and request.turn is not None and request.turn != running.turn:
        raise TerminalError("only the last reply can be answered anew", status_code=409)
    if conversation.replies(running.turn) >= MAX_VERSIONS:
        raise TerminalError(f"this reply has {MAX_VERSIONS} versions already: ask in other words", status_code=409)
    effective = await run.effective(ctx, conversation)
    return await run.run(ctx, conversation, effective)


@chat.handler()
async def continue_reply(ctx: ObjectContext, request: ContinueRequest | None) -> Reply:
    """Let the last reply, which was stopped, failed or broke off, go on where it ended. Waits for a running turn.

    Raises:
        TerminalError: 409 when the last reply is another one, or has come to its end.
    """
    conversation = await persistence.load(ctx)
    at = await now(ctx)
    last = conversation.last_reply()
    if last is None or not last.text or (last.status not in ("stopped", "failed") and last.cut != "length"):
        raise TerminalError("the last reply is at its end: there is nothing to go on with", status_code=409)
    if request and request.seq is not None and request.seq != last.seq:
        raise TerminalError("only the last reply can go on", status_code=409)
    conversation.reopen_turn(ctx.request().id, at, last.text)
    effective = await run.effective(ctx, conversation)
    return await run.run(ctx, conversation, effective)


@chat.handler()
async def choose(ctx: ObjectContext, request: ChooseRequest) -> None:
    """Show this version of a message, with what followed it last. Waits for a running turn.

    Raises:
        TerminalError: 404 when `Chat` does not hold it (any more).
    """
    conversation = await persistence.load(ctx)
    if not conversation.choose(request.seq):
        raise TerminalError("this version is too far back to be shown again", status_code=404)
    await persistence.changed(ctx, conversation)
    summaries.summarise_anew(ctx, conversation)
