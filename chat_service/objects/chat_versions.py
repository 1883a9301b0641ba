"""Handlers of `Chat` for other versions of a reply: regenerate it, continue it, or choose between versions.

All of them wait for a running turn. A question in other words is an ordinary message (`Inbound.replaces`).
"""

from __future__ import annotations

from restate import ObjectContext, TerminalError

from chat_service.contracts import ChooseRequest, ContinueRequest, Reply, TurnRequest
from chat_service.domain.versions import MAX_VERSIONS
from chat_service.storage import persistence
from chat_service.storage.clock import now
from chat_service.turn import run, summary_requests


async def regenerate(ctx: ObjectContext, request: TurnRequest | None) -> Reply:
    """Answer the last turn again, also one that failed or was stopped. The old reply stays as a version.

    Raises:
        TerminalError: 404 when there is no turn; 409 when `turn` is not the last one, or has too many versions.
    """
    conversation = await persistence.load(ctx)
    at = await now(ctx)
    running = conversation.reopen_turn(ctx.request().id, at)
    if running is None:
        raise TerminalError("there is no reply to regenerate", status_code=404)
    if request and request.turn is not None and request.turn != running.turn:
        raise TerminalError("only the last reply can be regenerated", status_code=409)
    if conversation.count_reply_versions(running.turn) >= MAX_VERSIONS:
        raise TerminalError(f"this reply has {MAX_VERSIONS} versions already: ask in other words", status_code=409)
    effective = await run.effective_settings(ctx, conversation)
    return await run.run_turn(ctx, conversation, effective)


async def continue_reply(ctx: ObjectContext, request: ContinueRequest | None) -> Reply:
    """Continue the last reply, which was stopped, failed or was cut off, from where it ended.

    Raises:
        TerminalError: 409 when the last reply is another one, or is complete.
    """
    conversation = await persistence.load(ctx)
    at = await now(ctx)
    last = conversation.last_reply()
    if last is None or not last.text or (last.status not in ("stopped", "failed") and last.cut != "length"):
        raise TerminalError("the last reply is complete: there is nothing to continue", status_code=409)
    if request and request.seq is not None and request.seq != last.seq:
        raise TerminalError("only the last reply can be continued", status_code=409)
    conversation.reopen_turn(ctx.request().id, at, last.text)
    effective = await run.effective_settings(ctx, conversation)
    return await run.run_turn(ctx, conversation, effective)


async def choose_version(ctx: ObjectContext, request: ChooseRequest) -> None:
    """Show this version of a message, with the messages that last followed it.

    Raises:
        TerminalError: 404 when `Chat` no longer holds the version.
    """
    conversation = await persistence.load(ctx)
    if not conversation.show_version(request.seq):
        raise TerminalError("this version is too far back to be shown again", status_code=404)
    await persistence.save_and_notify(ctx, conversation)
    summary_requests.request_replacement_summary(ctx, conversation)
