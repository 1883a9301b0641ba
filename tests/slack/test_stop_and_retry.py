"""Stopping replies and retrying them."""

from __future__ import annotations

import pytest

from chat_service import handlers
from chat_service.contracts import TurnRequest
from chat_service.ingress import IngressError
from tests.fakes.slack.control import settle
from tests.slack.stack import Workspace
from tests.slack.steps import (
    NO_STREAM,
    ask,
    ask_failing,
    hold_turn,
    prompt_text,
    read_history,
    visible_text,
    wait_for_ephemeral,
    wait_for_ephemerals,
    wait_for_history,
    wait_for_reactions,
    wait_for_replies,
)


async def test_stopped_reply_can_be_retried(workspace: Workspace) -> None:
    slack = workspace.slack
    await slack.add_fault("chat.startStream", "refuse", error=NO_STREAM)
    held = await hold_turn(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> a long story")
    question = held.question
    await held.write("Once upon")
    message = await slack.wait_reply(workspace.channel, question.ts, lambda m: "Once upon" in visible_text(m))
    await slack.click(workspace.ben, workspace.channel, message.ts, "stop")
    [stopped] = await wait_for_replies(workspace, question)
    assert "Once upon" in visible_text(stopped) and "stopped" in visible_text(stopped)
    await slack.click(workspace.ada, workspace.channel, message.ts, "retry")
    await slack.wait_reply(workspace.channel, question.ts, lambda m: "a long story" in visible_text(m))
    assert len(await slack.replies(workspace.channel)) == 1, "the new reply replaces the stopped one in its message"


async def test_failed_turn_can_be_retried(workspace: Workspace) -> None:
    slack = workspace.slack
    question, failed = await ask_failing(workspace, workspace.channel)
    assert "retry" in str(failed.blocks) and "Traceback" not in visible_text(failed)
    for _ in range(2):
        await slack.click(workspace.ada, workspace.channel, failed.ts, "retry")
    await slack.wait_reply(workspace.channel, question.ts, lambda m: "will fail" in visible_text(m))
    await settle()
    assert len([m for m in (await read_history(workspace, question)).messages if m.role == "assistant"]) == 2


async def test_stop_and_stop_all_commands(workspace: Workspace) -> None:
    slack = workspace.slack
    question = (await hold_turn(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> first")).question
    queued = await slack.post(workspace.ada, workspace.channel, "second", thread_ts=question.ts)
    await slack.wait_until_acked(queued)
    await wait_for_history(workspace, question, lambda h: len(h.waiting) == 1)
    await slack.mention(workspace.ben, workspace.channel, "stop all", thread_ts=question.ts)
    conversation = await wait_for_history(workspace, question, lambda h: not h.waiting and not h.running and h.messages)
    assert [m.status for m in conversation.messages if m.role == "assistant"] == ["stopped"]
    await wait_for_reactions(workspace, [])
    await hold_turn(workspace, workspace.ada, workspace.channel, "third", thread_ts=question.ts)
    await slack.mention(workspace.ada, workspace.channel, "stop", thread_ts=question.ts)
    await wait_for_history(workspace, question, lambda h: not h.running and h.messages[-1].status == "stopped")
    await slack.mention(workspace.ada, workspace.channel, "stop", thread_ts=question.ts)
    await wait_for_ephemeral(workspace, workspace.ada, "right now")
    await ask(workspace, workspace.ada, workspace.channel, "fourth", thread_ts=question.ts)


async def test_stop_is_a_command_before_or_after_the_mention(workspace: Workspace) -> None:
    slack = workspace.slack
    question = (await hold_turn(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> a long story")).question
    await slack.post(workspace.ada, workspace.channel, f"stop <@{slack.bot}>!", thread_ts=question.ts)
    await wait_for_history(workspace, question, lambda h: h.messages and not h.running)
    assert (await read_history(workspace, question)).messages[-1].status == "stopped"
    _, request = await ask(
        workspace, workspace.ada, workspace.channel, f"what is <@{slack.bot}> for?", thread_ts=question.ts
    )
    assert "what is @" in prompt_text(request) and "a long story" not in prompt_text(request)


async def test_retry_of_an_older_reply_is_refused(workspace: Workspace) -> None:
    slack = workspace.slack
    question, failed = await ask_failing(workspace, workspace.channel)
    held = await hold_turn(workspace, workspace.ada, workspace.channel, "something else", thread_ts=question.ts)
    await slack.click(workspace.ben, workspace.channel, failed.ts, "retry")
    [ephemeral] = await wait_for_ephemerals(workspace, workspace.ben, workspace.channel)
    assert "Only the last reply" in ephemeral.text
    await held.finish()
    await wait_for_replies(workspace, question, 2)
    await slack.click(workspace.ada, workspace.channel, failed.ts, "retry")
    [ephemeral] = await wait_for_ephemerals(workspace, workspace.ada, workspace.channel)
    assert "Only the last reply" in ephemeral.text
    await settle()
    assert len([m for m in (await read_history(workspace, question)).messages if m.role == "assistant"]) == 2


async def test_retry_after_a_reset_is_refused(workspace: Workspace) -> None:
    slack = workspace.slack
    question, failed = await ask_failing(workspace, workspace.channel)
    await slack.mention(workspace.ada, workspace.channel, "reset", thread_ts=question.ts)
    await wait_for_ephemerals(workspace, workspace.ada, workspace.channel)
    await slack.click(workspace.ben, workspace.channel, failed.ts, "retry")
    [ephemeral] = await wait_for_ephemerals(workspace, workspace.ben, workspace.channel)
    assert "Only the last reply" in ephemeral.text


async def test_retry_of_a_deleted_question_is_refused(workspace: Workspace) -> None:
    slack, model = workspace.slack, workspace.model
    question, failed = await ask_failing(workspace, workspace.channel)
    await slack.delete(workspace.ada, workspace.channel, question.ts)
    await wait_for_history(workspace, question, lambda h: all(m.status == "forgotten" for m in h.messages))
    number = await model.count_requests()
    await slack.click(workspace.ada, workspace.channel, failed.ts, "retry")
    [ephemeral] = await wait_for_ephemerals(workspace, workspace.ada, workspace.channel)
    assert "was deleted" in ephemeral.text
    async with workspace.ingress() as ingress:
        key = workspace.conversation(question)
        with pytest.raises(IngressError, match="no reply to regenerate"):
            await ingress.call(handlers.CHAT_REGENERATE, key, TurnRequest())
    assert await model.requests(number) == []
