"""One reply per message, whatever Slack repeats and the network loses."""

from __future__ import annotations

import asyncio
from functools import partial

from tests.fakes.model.protocol import ScriptedResponse
from tests.fakes.slack.control import settle
from tests.fakes.slack.models import FaultKind
from tests.slack.stack import SlackStack, Workspace, create_clean_workspace, create_workspace
from tests.slack.steps import NO_STREAM, ask, visible_text, wait_for_replies


async def test_repeated_event_is_answered_once(workspace: Workspace) -> None:
    slack = workspace.slack
    question = await slack.mention(workspace.ada, workspace.channel, "hello")
    for delivery in await slack.wait_until_acked(question):
        await slack.redeliver(delivery.number, times=3)
    await wait_for_replies(workspace, question)
    await ask(workspace, workspace.ada, workspace.channel, "and again", thread_ts=question.ts)
    assert len(await slack.replies(workspace.channel)) == 2


Case = dict[str, tuple[FaultKind, str]]
"""The fault and Slack's error code for each method that fails in one reply."""
NETWORK_FAULTS: list[Case] = [
    {"chat.startStream": ("cut", "")},
    {"chat.startStream": ("commit_fail", "")},
    {"chat.startStream": ("ratelimited", "")},
    {"chat.appendStream": ("commit_cut", ""), "chat.stopStream": ("fail", "")},
    {"chat.appendStream": ("late_commit", ""), "chat.stopStream": ("commit_fail", "")},
    {"chat.appendStream": ("cut", ""), "chat.stopStream": ("late_commit", "")},
    {"chat.postMessage": ("cut", ""), "chat.update": ("commit_cut", "")},
    {"chat.postMessage": ("commit_fail", ""), "chat.update": ("late_commit", "")},
    {"chat.postMessage": ("late_commit", ""), "chat.update": ("ratelimited", "")},
    {"chat.postMessage": ("refuse", "an_unknown_error"), "chat.update": ("refuse", "team_added_to_org")},
    {"chat.postMessage": ("refuse", "rate_limited"), "chat.update": ("refuse", "an_unknown_error")},
]


async def test_network_faults_leave_one_complete_reply(shared_slack: SlackStack) -> None:
    """Each fault that the bot treats differently, at each call of a reply. The cases run at the same time, each in its
    own channel."""
    await create_clean_workspace(shared_slack)
    await shared_slack.model.script(*[ScriptedResponse(kind="gate")] * len(NETWORK_FAULTS))
    after = await shared_slack.model.count_requests()
    checks = (_check(shared_slack, case, f"question {n}.", after) for n, case in enumerate(NETWORK_FAULTS))
    errors = await asyncio.gather(*checks, return_exceptions=True)
    failed = [f"{case}: {error!r}" for case, error in zip(NETWORK_FAULTS, errors, strict=True) if error is not None]
    assert not failed, "\n".join(failed)


async def _check(slack_stack: SlackStack, case: Case, text: str, after: int) -> None:
    """Ask `text` with the faults of a case. The reply ends when the faults at its previews have happened."""
    workspace = await create_workspace(slack_stack)
    slack, channel = workspace.slack, workspace.channel
    if "chat.update" in case:
        await slack.add_fault("chat.startStream", "refuse", error=NO_STREAM, times=10, contains=channel)
    for method, (kind, error) in case.items():
        times = 2 if kind == "refuse" else 1
        await slack.add_fault(method, kind, error=error, times=times, delay=1.0, contains=channel)
    question = await slack.mention(workspace.ada, channel, text)
    request = await slack_stack.model.wait_for_question(text, after)
    await slack_stack.model.release(request, "once ")
    at_previews = {method: fault for method, fault in case.items() if method == "chat.appendStream"}
    await slack.wait_until(partial(_have_happened, workspace, at_previews, late=False))
    await slack_stack.model.release(request, "please")
    await slack_stack.model.finish(request)
    await wait_for_replies(workspace, question)
    await slack.wait_until(partial(_have_happened, workspace, case))
    [reply] = await slack.wait_until(lambda: slack.replies(channel, question.ts), lambda found: len(found) == 1)
    assert visible_text(reply) == "once please", reply.revisions
    assert reply.stream is None or reply.stream.state == "completed", reply.stream


async def _have_happened(workspace: Workspace, case: Case, *, late: bool = True) -> bool:
    """Return whether each fault of a case has hit a call; with `late`, also whether a late call was carried out."""
    for method, (kind, _) in case.items():
        calls = [call for call in await workspace.slack.calls(method) if workspace.channel in str(call.args)]
        if not any(call.fault == kind and (call.result or kind != "late_commit" or not late) for call in calls):
            return False
    return True


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
