"""Backfill: messages, edits and deletions that Slack did not deliver are found afterwards."""

from __future__ import annotations

import aiohttp
import pytest

from chat_service import handlers
from chat_service.contracts.channel import ChannelViewRequest
from tests.fakes.model.protocol import ScriptedResponse
from tests.fakes.slack.control import settle
from tests.slack.stack import SlackStack, Workspace, create_clean_workspace
from tests.slack.steps import (
    ask,
    prompt_text,
    read_history,
    texts_of_users,
    visible_text,
    wait_for_ephemerals,
    wait_for_history,
)

LONE_SURROGATE = "half an emoji \ud83d"
"""The text of a client that cut an emoji into its two UTF-16 halves."""
READ_METHODS = ("conversations.history", "conversations.replies")


@pytest.fixture
async def workspace(own_slack: SlackStack) -> Workspace:
    """A new workspace in the stack whose processes a test may kill."""
    return await create_clean_workspace(own_slack)


async def test_messages_while_offline_are_answered(workspace: Workspace) -> None:
    """Also a mention in an older thread, and messages with half an emoji. Slack limits the rate, and a scope for one
    type of channel is missing."""
    slack, bot = workspace.slack, workspace.bot
    older = await slack.post(workspace.ada, workspace.channel, "my name is Ada")
    quiet = await slack.post(workspace.ada, workspace.channel, "another matter")
    text = f"<@{slack.bot}> my name is Eve {LONE_SURROGATE}"
    root, _ = await ask(workspace, workspace.ada, workspace.channel, text)
    await bot.close()
    mention = await slack.mention(workspace.ben, workspace.channel, f"a question {LONE_SURROGATE}", silent=True)
    await slack.post(workspace.ben, workspace.channel, "not for the bot", silent=True)
    follow = await slack.post(workspace.ada, workspace.channel, "what is my name?", thread_ts=root.ts, silent=True)
    deleted = await slack.post(workspace.ada, workspace.channel, "never mind", thread_ts=root.ts, silent=True)
    await slack.delete(workspace.ada, workspace.channel, deleted.ts, silent=True)
    await slack.post(workspace.ben, workspace.channel, "the bot is not mentioned", thread_ts=quiet.ts, silent=True)
    await slack.mention(workspace.ben, workspace.channel, "what is her name?", thread_ts=older.ts, silent=True)
    direct = await slack.post(workspace.ada, workspace.dm_channel, "and in private", silent=True)
    before = len(await slack.calls())
    for method in READ_METHODS:
        await slack.add_fault(method, "ratelimited", retry_after=2)
    await slack.add_fault("users.conversations", "refuse", error="missing_scope", contains="mpim", times=2)
    await bot.start()
    await slack.wait_reply(workspace.channel, mention.ts, lambda m: "a question" in visible_text(m))
    await slack.wait_reply(workspace.channel, older.ts, lambda m: "what is her name?" in visible_text(m))
    await slack.wait_reply(
        workspace.channel, root.ts, lambda m: m.ts > follow.ts and "Your name is Eve" in visible_text(m)
    )
    await slack.wait_reply(workspace.dm_channel, direct.ts, lambda m: "in private" in visible_text(m))
    await settle()
    assert len(await slack.replies(workspace.channel)) == 4 and len(await slack.replies(workspace.dm_channel)) == 1
    assert texts_of_users(await read_history(workspace, older)) == ["my name is Ada", "what is her name?"]
    for method in READ_METHODS:
        refused, *others = await slack.calls(method, since=before)
        repeated = next(call for call in others if call.args == refused.args)
        assert refused.status == 429 and refused.answered_at
        assert repeated.at - refused.answered_at >= 2, "Retry-After is kept"


async def test_old_messages_become_context_with_one_notice(workspace: Workspace) -> None:
    slack, bot = workspace.slack, workspace.bot
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> hello")
    await bot.close()
    for text in ("my name is Ada", "are you there?"):
        await slack.post(workspace.ada, workspace.channel, text, thread_ts=root.ts, silent=True)
    await settle(1.1)
    # Slack posts the notice, but the response is lost. Finding the notice takes more than one page.
    await slack.set_rules(history_page=2)
    await slack.add_fault("chat.postMessage", "commit_cut", contains="I was offline")
    try:
        await bot.start(BACKFILL_MAX_AGE="1")
        await slack.wait_reply(workspace.channel, root.ts, lambda m: "I was offline" in m.text)
        await slack.post(workspace.ada, workspace.channel, "what is my name?", thread_ts=root.ts)
        await slack.wait_reply(workspace.channel, root.ts, lambda m: "Your name is Ada" in visible_text(m))
        assert len(await slack.replies(workspace.channel)) == 3
    finally:
        await slack.set_rules(history_page=999)


async def test_edits_and_deletions_while_offline_are_applied(workspace: Workspace) -> None:
    slack, bot = workspace.slack, workspace.bot
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> hello")
    await workspace.model.script(ScriptedResponse(text="Pleased to meet you."))
    edited, _ = await ask(workspace, workspace.ada, workspace.channel, "my name is Grace", thread_ts=root.ts)
    deleted, _ = await ask(workspace, workspace.ada, workspace.channel, "the code is 1234", thread_ts=root.ts)
    private = (await slack.open_conversation(workspace.ben)).id
    only, _ = await ask(workspace, workspace.ben, private, "a thread with one question")
    await bot.close()
    await slack.edit(workspace.ada, workspace.channel, edited.ts, "my name is Ada", silent=True)
    await slack.delete(workspace.ada, workspace.channel, deleted.ts, silent=True)
    await slack.delete(workspace.ben, private, only.ts, silent=True)
    await bot.start()
    changed = await wait_for_history(
        workspace,
        root,
        lambda h: not any("1234" in m.text or "Grace" in m.text for m in h.messages if m.role == "user"),
    )
    assert texts_of_users(changed) == ["hello", "my name is Ada", ""]
    await wait_for_history(workspace, only, lambda h: not any(texts_of_users(h)))
    await settle()
    assert len(await slack.replies(workspace.channel)) == 3, "neither an edit nor a deletion is answered"
    _, request = await ask(workspace, workspace.ada, workspace.channel, "what is my name?", thread_ts=root.ts)
    prompt = prompt_text(request)
    assert "1234" not in prompt and "Grace" not in prompt and "my name is Ada" in prompt


async def test_commands_are_not_executed_again_by_a_backfill(workspace: Workspace) -> None:
    slack = workspace.slack
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> hello")
    for count, command in enumerate(("reset", "help", "history"), start=1):
        await slack.mention(workspace.ada, workspace.channel, command, thread_ts=root.ts)
        await wait_for_ephemerals(workspace, workspace.ada, workspace.channel, count)
    await slack.wait_until(lambda: _is_read(workspace))
    await slack.wait_until(lambda: _purge_intake_invocations(workspace))  # as Restate does after a day
    runs, reads = len(await slack.calls("users.conversations")), len(await slack.calls("conversations.replies"))
    await slack.disconnect_sockets()
    await slack.wait_until(lambda: slack.calls("users.conversations"), lambda c: len(c) > runs)
    # The reply to this message comes after the thread was read again.
    await ask(workspace, workspace.ben, workspace.channel, "and now?", thread_ts=root.ts)
    assert any(root.ts in str(call) for call in (await slack.calls("conversations.replies"))[reads:])
    assert len(await slack.ephemerals(workspace.channel, workspace.ada)) == 3


async def _is_read(workspace: Workspace) -> bool:
    """Return whether the channel's read position has reached its only thread."""
    scope = workspace.scope
    async with workspace.ingress() as ingress:
        channel = await ingress.call(handlers.CHANNEL_GET, scope, ChannelViewRequest())
        [thread] = (await ingress.call(handlers.CHANNEL_GET_THREADS, scope, None)).threads
    return channel.position >= thread.position


async def _purge_intake_invocations(workspace: Workspace) -> bool:
    """Purge the completed invocations of the intake, and return whether none is left."""
    admin = f"http://127.0.0.1:{workspace.stack.stack.engine.ports.admin}"
    query = "select id, status from sys_invocation where target_service_name = 'SlackIntake'"
    headers = {"Accept": "application/json"}
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{admin}/query", json={"query": query}, headers=headers) as response:
            rows = (await response.json())["rows"]
        for row in rows:
            if row["status"] == "completed":
                await session.patch(f"{admin}/invocations/{row['id']}/purge")
    return not rows
