"""The reaction that shows on a message until it is answered."""

from __future__ import annotations

import pytest

from tests.fakes.slack.control import settle
from tests.fakes.slack.models import Message
from tests.slack.stack import Workspace
from tests.slack.steps import (
    ask,
    read_history,
    read_reactions,
    wait_for_ephemerals,
    wait_for_reactions,
    wait_for_replies,
)


@pytest.mark.parametrize("slow", ["users.info", "conversations.replies"])
async def test_reaction_is_added_before_anything_is_read(workspace: Workspace, slow: str) -> None:
    slack = workspace.slack
    root = await slack.post(workspace.ada, workspace.channel, "my name is Ada")
    await slack.add_fault(slow, "hold", contains=workspace.ben if slow == "users.info" else workspace.channel)
    question = await slack.mention(workspace.ben, workspace.channel, "what is my name?", thread_ts=root.ts)
    await wait_for_reactions(workspace, [(question.ts, "eyes")])
    assert not (await read_history(workspace, root)).waiting, "it is still being read"
    await slack.release_held_calls()
    await slack.wait_reply(workspace.channel, root.ts, lambda m: "Your name is Ada" in m.text)
    await wait_for_reactions(workspace, [])
    reactions = [call for call in await slack.calls("reactions.add") if call.args.get("timestamp") == question.ts]
    assert len(reactions) == 1, "the reaction is added once"


async def test_message_not_for_the_bot_gets_no_reaction(workspace: Workspace) -> None:
    slack = workspace.slack
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> hello")
    await wait_for_reactions(workspace, [])
    before = len(await slack.calls("reactions.add"))
    await slack.post(workspace.ada, workspace.channel, f"<@{workspace.ben}> look at this", thread_ts=root.ts)
    await slack.mention(workspace.ada, workspace.channel, "help", thread_ts=root.ts)
    await wait_for_ephemerals(workspace, workspace.ada, workspace.channel)
    # The message follows at once: the command has not taken effect when the bot receives it.
    carl = (await slack.add_user("carl")).id
    await slack.join(carl, workspace.channel)
    await slack.add_fault("users.info", "hold", contains=carl)
    await slack.mention(carl, workspace.channel, "quiet", thread_ts=root.ts)
    early = await slack.post(workspace.ada, workspace.channel, "among us", thread_ts=root.ts)
    await wait_for_reactions(workspace, [(early.ts, "eyes")])
    await slack.release_held_calls()
    await wait_for_ephemerals(workspace, carl, workspace.channel)
    await wait_for_reactions(workspace, [])
    assert len(await slack.calls("reactions.add")) == before + 1
    assert len(await slack.replies(workspace.channel)) == 1


async def test_held_reaction_call_is_undone_after_the_reply(workspace: Workspace) -> None:
    slack = workspace.slack
    await slack.add_fault("reactions.add", "hold", contains=workspace.channel)
    question = await slack.mention(workspace.ada, workspace.channel, "quick one")
    await wait_for_replies(workspace, question)
    assert await read_reactions(workspace, workspace.channel) == []
    await slack.release_held_calls()
    await _wait_for_added_reaction(workspace, question)
    await wait_for_reactions(workspace, [])


async def test_late_reaction_is_removed_after_the_reply(workspace: Workspace) -> None:
    """Slack cuts the connection and adds the reaction seconds later."""
    slack = workspace.slack
    await slack.add_fault("reactions.add", "late_commit", delay=3.0, contains=workspace.channel)
    question = await slack.mention(workspace.ada, workspace.channel, "quick one")
    await wait_for_replies(workspace, question)
    await _wait_for_added_reaction(workspace, question)
    await wait_for_reactions(workspace, [])
    await settle(0.5)
    assert await read_reactions(workspace, workspace.channel) == []


async def _wait_for_added_reaction(workspace: Workspace, message: Message) -> None:
    """Wait until Slack has carried out the call that adds a message's reaction."""
    slack = workspace.slack
    await slack.wait_until(
        lambda: slack.calls("reactions.add"),
        lambda calls: any(call.committed and call.args["timestamp"] == message.ts for call in calls),
    )
