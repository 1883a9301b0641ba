"""Direct messages as agent sessions: status, title, prompts, Slack's own stop button."""

from __future__ import annotations

from tests.fakes.slack.models import Call
from tests.slack.stack import Workspace
from tests.slack.steps import (
    NO_STREAM,
    ask,
    hold_turn,
    read_history,
    visible_text,
    wait_for_history,
    wait_for_replies,
    wait_for_session,
)


async def test_direct_message_is_an_agent_session_with_status_title_and_prompts(workspace: Workspace) -> None:
    slack = workspace.slack
    await slack.open_home(workspace.ada, "messages")
    assert await slack.wait_until(lambda: slack.suggested_prompts(workspace.dm_channel))
    held = await hold_turn(workspace, workspace.ada, workspace.dm_channel, "plan my week")
    question = held.question
    session = await wait_for_session(workspace, question, "processing")
    assert session.initiator == workspace.ada and session.title == "plan my week"
    await held.finish("Rest.")
    await wait_for_session(workspace, question, "active")
    titled = await wait_for_history(workspace, question, lambda h: h.title not in ("", question.text))
    await ask(workspace, workspace.ada, workspace.dm_channel, "and the day after?", thread_ts=question.ts)
    await slack.wait_until(
        lambda: slack.session(workspace.dm_channel, question.ts),
        lambda s: s and (s.title, s.status) == (titled.title, "active"),
    )


async def test_session_is_processing_before_anything_is_read(workspace: Workspace) -> None:
    slack = workspace.slack
    await slack.add_fault("users.info", "hold", contains=workspace.ada)
    question = await slack.post(workspace.ada, workspace.dm_channel, "plan my week")
    session = await wait_for_session(workspace, question, "processing")
    assert session.title == "plan my week" and session.initiator == workspace.ada
    await slack.release_held_calls()
    await slack.wait_reply(workspace.dm_channel, question.ts)


async def test_session_becomes_active_when_slack_is_slower_than_the_reply(workspace: Workspace) -> None:
    slack = workspace.slack
    await slack.add_fault("agents.sessions.setStatus", "ratelimited", contains="processing", retry_after=2)
    question, _ = await ask(workspace, workspace.ada, workspace.dm_channel, "quick")
    reply = (await slack.replies(workspace.dm_channel, question.ts))[0]

    async def read_processing_calls() -> list[Call]:
        calls = await slack.calls("agents.sessions.setStatus")
        return [call for call in calls if call.args["thread_ts"] == question.ts and call.args["status"] == "processing"]

    [_, second] = await slack.wait_until(read_processing_calls, lambda found: len(found) == 2 and found[1].result)
    assert second.at > float(reply.ts), "the reply came first"
    await wait_for_session(workspace, question, "active")
    await slack.wait_until(lambda: slack.status(workspace.dm_channel, question.ts), lambda status: not status)


async def test_native_stop_ends_the_reply_in_its_message(workspace: Workspace) -> None:
    slack = workspace.slack
    held = await hold_turn(workspace, workspace.ada, workspace.dm_channel, "a long story")
    question = held.question
    await held.write("Once upon")
    await slack.wait_reply(workspace.dm_channel, question.ts, lambda m: "Once upon" in m.text)
    await slack.press_stop(workspace.ada, workspace.dm_channel, question.ts)
    [reply] = await wait_for_replies(workspace, question)
    assert "Once upon" in visible_text(reply) and "stopped" in visible_text(reply)
    await wait_for_session(workspace, question, "active")
    assert (await read_history(workspace, question)).messages[-1].status == "stopped"


async def test_native_stop_ends_a_session_without_a_running_turn(workspace: Workspace) -> None:
    """A session that was left in `processing` does not stay in it."""
    slack = workspace.slack
    await slack.add_fault("agents.sessions.setStatus", "refuse", contains='"active"', error="thread_not_found")
    await slack.add_fault("chat.startStream", "refuse", error=NO_STREAM, contains=workspace.dm_channel)
    held = await hold_turn(workspace, workspace.ada, workspace.dm_channel, "quick one")
    question = held.question
    await wait_for_session(workspace, question, "processing")
    await held.finish("done")
    await wait_for_replies(workspace, question)
    await slack.wait_until(
        lambda: slack.calls("agents.sessions.setStatus"),
        lambda calls: any(call.error == "thread_not_found" for call in calls),
    )
    await slack.press_stop(workspace.ada, workspace.dm_channel, question.ts)
    await wait_for_session(workspace, question, "active")
