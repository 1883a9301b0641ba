"""Outages of Slack and lost connections."""

from __future__ import annotations

from tests.slack.stack import SlackStack, Workspace, create_clean_workspace
from tests.slack.steps import (
    ask,
    hold_turn,
    visible_text,
    wait_for_history,
    wait_for_replies,
)


async def test_ten_minute_outage_loses_nothing(own_slack_up: SlackStack) -> None:
    """Slack's clock is advanced, so that the open stream expires."""
    workspace = await create_clean_workspace(own_slack_up)
    slack = workspace.slack
    other, _ = await ask(workspace, workspace.ben, workspace.channel, f"<@{slack.bot}> my name is Ben")
    held = await hold_turn(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> are you there?")
    question = held.question
    await held.write("Yes, ")
    await slack.wait_reply(workspace.channel, question.ts, lambda m: m.stream and m.text == "Yes, ")
    await slack.start_outage()
    missed = await slack.post(workspace.ben, workspace.channel, "what is my name?", thread_ts=other.ts, silent=True)
    await held.finish("here I am.")
    await wait_for_history(workspace, question, lambda h: h.messages and not h.running)
    await slack.advance_clock(600)
    await slack.end_outage()
    [reply] = await wait_for_replies(workspace, question)
    assert visible_text(reply) == "Yes, here I am." and reply.stream and reply.stream.state == "expired"
    await slack.wait_reply(
        workspace.channel, other.ts, lambda m: m.ts > missed.ts and "Your name is Ben" in visible_text(m)
    )
    await ask(workspace, workspace.ada, workspace.channel, "and now?", thread_ts=question.ts)
    assert len(await slack.replies(workspace.channel)) == 4


async def test_thread_continues_after_days(own_slack_up: SlackStack) -> None:
    workspace = await create_clean_workspace(own_slack_up)
    slack = workspace.slack
    question, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> my name is Ada")
    await slack.advance_clock(5 * 86_400)
    await slack.post(workspace.ada, workspace.channel, "what is my name?", thread_ts=question.ts)
    await slack.wait_reply(workspace.channel, question.ts, lambda m: "Your name is Ada" in visible_text(m))


async def test_messages_while_disconnected_are_answered(workspace: Workspace) -> None:
    slack = workspace.slack
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> hello")
    mention = await slack.mention(workspace.ada, workspace.channel, "a lost mention", silent=True)
    reply = await slack.post(workspace.ada, workspace.channel, "a lost reply", thread_ts=root.ts, silent=True)
    await slack.cut_sockets()
    await slack.wait_reply(workspace.channel, mention.ts, lambda m: "a lost mention" in visible_text(m))
    await slack.wait_reply(workspace.channel, root.ts, lambda m: m.ts > reply.ts and "a lost reply" in visible_text(m))
    assert len(await slack.replies(workspace.channel)) == 3
