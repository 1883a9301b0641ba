"""One reply per message, whatever Slack repeats and the network loses."""

from __future__ import annotations

import asyncio

from tests.fakes.slack.control import settle
from tests.fakes.slack.models import FaultKind
from tests.slack.stack import SlackStack, Workspace, create_workspace
from tests.slack.steps import NO_STREAM, ask, texts_of_users, visible_text, wait_for_history, wait_for_replies


async def test_repeated_event_is_answered_once(workspace: Workspace) -> None:
    slack = workspace.slack
    question = await slack.mention(workspace.ada, workspace.channel, "hello")
    for delivery in await slack.wait_until_acked(question):
        await slack.redeliver(delivery.number, times=3)
    await wait_for_replies(workspace, question)
    await ask(workspace, workspace.ada, workspace.channel, "and again", thread_ts=question.ts)
    assert len(await slack.replies(workspace.channel)) == 2


async def test_concurrent_messages_keep_their_order(workspace: Workspace) -> None:
    slack = workspace.slack
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> start")
    messages = await asyncio.gather(
        *(slack.post(workspace.ada, workspace.channel, f"line {n}", thread_ts=root.ts) for n in range(8))
    )
    order = [m.text for m in sorted(messages, key=lambda m: m.ts)]
    conversation = await wait_for_history(
        workspace, root, lambda h: not h.waiting and not h.running and len(texts_of_users(h)) == 9
    )
    assert texts_of_users(conversation)[1:] == order


METHODS = ("chat.startStream", "chat.appendStream", "chat.stopStream", "chat.postMessage", "chat.update")
KINDS: tuple[FaultKind, ...] = ("cut", "commit_cut", "commit_fail", "late_commit", "ratelimited", "fail")


async def test_network_faults_leave_one_complete_reply(shared_slack: SlackStack) -> None:
    """Each fault at each call of a reply; the cases run at the same time, each in its own channel."""
    await shared_slack.model.clear_script()
    await shared_slack.slack.clear_faults()
    cases = [(method, kind) for method in METHODS for kind in KINDS]
    errors = await asyncio.gather(*(_check_fault(shared_slack, *case) for case in cases), return_exceptions=True)
    failed = [f"{case}: {error!r}" for case, error in zip(cases, errors, strict=True) if error is not None]
    assert not failed, "\n".join(failed)


async def _check_fault(slack_stack: SlackStack, method: str, kind: FaultKind) -> None:
    workspace = await create_workspace(slack_stack)
    slack = workspace.slack
    if method in ("chat.postMessage", "chat.update"):
        await slack.add_fault("chat.startStream", "refuse", error=NO_STREAM, contains=workspace.channel)
    await slack.add_fault(method, kind, delay=1.0, contains=workspace.channel)
    question = await slack.mention(workspace.ada, workspace.channel, "once please")
    await wait_for_replies(workspace, question)
    await settle(2.0 if kind == "late_commit" else 0.2)
    [reply] = await slack.replies(workspace.channel, question.ts)
    assert visible_text(reply).count("once please") == 1, reply.revisions
    assert reply.stream is None or reply.stream.state == "completed", reply.stream


async def test_stream_that_opens_late_leaves_no_second_message(workspace: Workspace) -> None:
    """The stream's message appears after the bot has searched for it and has replied without it."""
    slack = workspace.slack
    await slack.add_fault("chat.startStream", "late_commit", delay=5.0, contains=workspace.channel)
    question = await slack.mention(workspace.ada, workspace.channel, "once please")
    await wait_for_replies(workspace, question)
    await slack.wait_until(lambda: slack.replies(workspace.channel, question.ts), lambda found: len(found) == 2)
    await ask(workspace, workspace.ada, workspace.dm_channel, "something else meanwhile")
    [reply] = await slack.wait_until(
        lambda: slack.replies(workspace.channel, question.ts), lambda found: len(found) == 1
    )
    assert "once please" in visible_text(reply) and reply.stream and reply.stream.state == "completed"


async def test_ephemeral_message_is_not_repeated(workspace: Workspace) -> None:
    slack = workspace.slack
    await slack.add_fault("chat.postEphemeral", "commit_cut", contains=workspace.ada)
    await slack.mention(workspace.ada, workspace.channel, "help")
    await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> and a question")
    await settle(1.0)
    assert len(await slack.ephemerals(workspace.channel, workspace.ada)) == 1
