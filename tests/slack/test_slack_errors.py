"""Errors of the Web API: temporary ones are retried, permanent ones are kept with the turn and logged."""

from __future__ import annotations

import pytest

from chat_service import handlers
from chat_service.contracts import TurnRequest
from tests.fakes.model.protocol import ScriptedResponse
from tests.fakes.slack.models import Message
from tests.slack.stack import Workspace
from tests.slack.steps import (
    NO_STREAM,
    add_administrator,
    ask,
    hold_turn,
    visible_text,
    wait_for_history,
    wait_for_replies,
)


async def test_persistent_error_ends_the_delivery(workspace: Workspace) -> None:
    slack, model = workspace.slack, workspace.model
    await slack.add_fault("chat.startStream", "refuse", error=NO_STREAM, times=2, contains=workspace.channel)
    await slack.add_fault("chat.update", "refuse", error="an_unknown_error", times=20, contains=workspace.channel)
    question = await slack.mention(workspace.ada, workspace.channel, "in vain")
    await wait_for_undelivered(workspace, question, "an_unknown_error")
    await slack.clear_faults()
    # A shorter reply deletes the second message of the one that it replaces. A refused deletion blocks nothing.
    await model.script(ScriptedResponse(text="many words\n\n" * 1_000, chunk=4_000))
    long = await slack.mention(workspace.ada, workspace.channel, "at length")
    await wait_for_replies(workspace, long, 2)
    await slack.add_fault("chat.delete", "refuse", error="an_unknown_error", times=20, contains=workspace.channel)
    await model.script(ScriptedResponse(text="in short"))
    async with workspace.ingress() as ingress:
        await ingress.send(handlers.CHAT_REGENERATE, workspace.conversation(long), TurnRequest())
    await slack.wait_reply(workspace.channel, long.ts, lambda m: visible_text(m) == "in short")
    await ask(workspace, workspace.ada, workspace.channel, "and now?", thread_ts=long.ts)


async def test_unanswered_call_is_repeated(workspace: Workspace) -> None:
    """Slack accepts the call and never responds: it is repeated after the client's time limit of 10 s."""
    slack = workspace.slack
    await slack.add_fault("users.info", "hold", contains=workspace.ben)
    question = await slack.mention(workspace.ben, workspace.channel, "hello")
    await slack.wait_reply(workspace.channel, question.ts, lambda m: "hello" in visible_text(m), timeout=45)
    await slack.release_held_calls()


async def wait_for_undelivered(workspace: Workspace, question: Message, reason: str) -> None:
    """Wait until the turn is marked as undelivered with a reason, which the log shows too."""
    conversation = await wait_for_history(
        workspace, question, lambda h: h.messages and h.messages[-1].undelivered is not None
    )
    assert reason in str(conversation.messages[-1].undelivered)
    assert question.ts in workspace.bot.log and "undelivered" in workspace.bot.log


REASONS = {
    "removed": "channel",
    "deleted": "message_not_found",
    "uninstalled": "account_inactive",
    "scope": "missing_scope (scope chat:write)",
}


@pytest.mark.parametrize("cause", list(REASONS))
async def test_undeliverable_reply_is_kept_and_logged(workspace: Workspace, cause: str) -> None:
    slack, scopes = workspace.slack, workspace.slack.app.scopes
    held = await hold_turn(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> too late")
    question = held.question
    reply = await slack.wait_reply(workspace.channel, question.ts, lambda m: True)
    match cause:
        case "removed":
            await slack.leave(slack.bot, workspace.channel)
        case "deleted":
            await slack.delete(await add_administrator(workspace), workspace.channel, reply.ts)
        case "uninstalled":
            await slack.uninstall()
        case "scope":
            await slack.configure_app(scopes=[scope for scope in scopes if scope != "chat:write"])
    try:
        await held.finish("An answer")
        await wait_for_undelivered(workspace, question, REASONS[cause])
        if cause == "uninstalled":
            assert "the app was removed" in workspace.bot.log
    finally:
        await slack.set_token_error(None)
        await slack.configure_app(scopes=scopes)
    if cause == "removed":
        await slack.join(slack.bot, workspace.channel)
    await slack.mention(workspace.ada, workspace.channel, "and now?", thread_ts=question.ts)
    await slack.wait_reply(workspace.channel, question.ts, lambda m: "and now?" in visible_text(m))
