"""The commands reset, help and forget."""

from __future__ import annotations

from functools import partial

from tests.slack.stack import Workspace
from tests.slack.steps import (
    add_administrator,
    ask,
    hold_turn,
    read_history,
    visible_text,
    wait_for_ephemeral,
    wait_for_ephemerals,
    wait_for_history,
)


async def test_help_and_home_explain_what_is_kept(workspace: Workspace) -> None:
    slack = workspace.slack
    await slack.mention(workspace.ada, workspace.channel, "help")
    [ephemeral] = await wait_for_ephemerals(workspace, workspace.ada, workspace.channel)
    await slack.open_home(workspace.ada)
    home = await slack.wait_until(lambda: slack.home_view(workspace.ada))
    assert home is not None
    for text in (visible_text(ephemeral), str(home.view)):
        assert all(word in text for word in ("AI", "kept", "read it", "forget"))


async def test_commands_in_a_direct_message_outside_threads_apply_to_all_threads(workspace: Workspace) -> None:
    slack = workspace.slack
    wait_for = partial(wait_for_ephemeral, workspace, workspace.ada, channel=workspace.dm_channel)
    first, _ = await ask(workspace, workspace.ada, workspace.dm_channel, "my name is Ada")
    await slack.post(workspace.ada, workspace.dm_channel, "stop")
    await wait_for("No reply is running")
    await slack.post(workspace.ada, workspace.dm_channel, "history")
    await wait_for("my name is Ada")
    await slack.post(workspace.ada, workspace.dm_channel, "reset")
    await wait_for("starts a new conversation")
    second = (await hold_turn(workspace, workspace.ada, workspace.dm_channel, "a long story")).question
    await slack.post(workspace.ada, workspace.dm_channel, "stop")
    await wait_for_history(workspace, second, lambda h: h.messages and h.messages[-1].status == "stopped")
    await hold_turn(workspace, workspace.ada, workspace.dm_channel, "once more", thread_ts=first.ts)
    await slack.post(workspace.ada, workspace.dm_channel, "and this?", thread_ts=first.ts)
    await wait_for_history(workspace, first, lambda h: len(h.waiting) == 1)
    await slack.post(workspace.ada, workspace.dm_channel, "stop all")
    await wait_for("Stopping")
    await wait_for_history(workspace, first, lambda h: not h.waiting and not h.running)
    await slack.post(workspace.ada, workspace.dm_channel, "forget")
    assert "in any thread" in (await wait_for("Forgotten")).text
    for thread in (first, second):
        await wait_for_history(workspace, thread, lambda h: not h.messages)


async def test_forget_requires_an_administrator(workspace: Workspace) -> None:
    slack = workspace.slack
    question, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> remember me")
    await slack.mention(workspace.ben, workspace.channel, "forget", thread_ts=question.ts)
    await wait_for_ephemerals(workspace, workspace.ben, workspace.channel)
    assert (await read_history(workspace, question)).messages
    admin = await add_administrator(workspace)
    await slack.mention(admin, workspace.channel, "forget", thread_ts=question.ts)
    await wait_for_history(workspace, question, lambda h: not h.messages)


async def test_administrator_of_another_workspace_may_not_forget(workspace: Workspace) -> None:
    """In a Slack Connect channel, even if they have created it."""
    slack = workspace.slack
    partner = await slack.add_team("Partner")
    boss = await slack.add_user("partner-boss", team=partner.id, is_admin=True, is_owner=True)
    shared = await slack.add_channel("shared", [workspace.ada, boss.id], shared_team_ids=[partner.id], creator=boss.id)
    question = await slack.mention(workspace.ada, shared.id, "remember me")
    await slack.wait_reply(shared.id, question.ts)
    await slack.mention(boss.id, shared.id, "forget", thread_ts=question.ts)
    [ephemeral] = await wait_for_ephemerals(workspace, boss.id, shared.id)
    assert "Only an administrator" in visible_text(ephemeral)
    await slack.change_user(workspace.ada, is_admin=True)
    await slack.mention(workspace.ada, shared.id, "forget", thread_ts=question.ts)
    [ephemeral] = await wait_for_ephemerals(workspace, workspace.ada, shared.id)
    assert "Forgotten" in visible_text(ephemeral)
