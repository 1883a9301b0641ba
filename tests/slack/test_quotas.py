"""Limits on messages per minute and tokens per day."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from chat_service import handlers
from chat_service.contracts.quota import QuotaClaim
from tests.fakes.model import ModelControl
from tests.slack.stack import SlackStack, Workspace, create_clean_workspace, running_slack_stack
from tests.slack.steps import (
    ask,
    ask_failing,
    read_history,
    texts_of_users,
    wait_for_ephemeral,
    wait_for_history,
    wait_for_session,
)

PERSON_TOKENS, CHANNEL_TOKENS = 4_000, 2_000
LIMITS = {
    "PERSON_MESSAGES_PER_MINUTE": "2",
    "PERSON_TOKENS_PER_DAY": str(PERSON_TOKENS),
    "CHANNEL_TOKENS_PER_DAY": str(CHANNEL_TOKENS),
}


@pytest.fixture(scope="module")
async def limited_slack(
    engine_binary: Path, model: ModelControl, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SlackStack]:
    """A stack with limits. The first backfill has ended: messages that a backfill finds do not count."""
    async with running_slack_stack(engine_binary, tmp_path_factory.mktemp("limited"), model, env=LIMITS) as stack:
        workspace = await create_clean_workspace(stack)
        await ask(workspace, workspace.ada, workspace.channel, f"<@{workspace.slack.bot}> hello")
        yield stack


@pytest.fixture
async def workspace(limited_slack: SlackStack) -> Workspace:
    """A new workspace in the stack with limits."""
    return await create_clean_workspace(limited_slack)


async def test_messages_per_minute_of_a_person_are_limited(workspace: Workspace) -> None:
    slack = workspace.slack
    question, _ = await ask(workspace, workspace.ada, workspace.dm_channel, "one")
    await ask(workspace, workspace.ada, workspace.dm_channel, "two", thread_ts=question.ts)
    await slack.post(workspace.ada, workspace.dm_channel, "three", thread_ts=question.ts)
    await wait_for_ephemeral(workspace, workspace.ada, "Too many messages", workspace.dm_channel)
    assert len(await slack.replies(workspace.dm_channel)) == 2
    await wait_for_session(workspace, question, "active")
    # The refused message is context.
    await wait_for_history(workspace, question, lambda h: texts_of_users(h) == ["one", "two", "three"])


async def test_tokens_per_day_of_a_channel_and_of_a_person_are_limited(workspace: Workspace) -> None:
    slack = workspace.slack
    await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> {'word ' * PERSON_TOKENS}")
    await wait_for_used_tokens(workspace, f"slack:{slack.team.id}:{workspace.ada}", PERSON_TOKENS)
    await wait_for_used_tokens(workspace, workspace.scope, CHANNEL_TOKENS)
    await slack.mention(workspace.ben, workspace.channel, "and me?")
    await wait_for_ephemeral(workspace, workspace.ben, "daily allowance")
    await slack.post(workspace.ada, workspace.dm_channel, "and here?")
    await wait_for_ephemeral(workspace, workspace.ada, "daily allowance", workspace.dm_channel)
    other = await slack.add_channel("other", [workspace.ben])
    await ask(workspace, workspace.ben, other.id, f"<@{slack.bot}> and me?")
    assert await slack.replies(workspace.dm_channel) == []


async def wait_for_used_tokens(workspace: Workspace, owner: str, limit: int) -> None:
    """Wait until the tokens of a turn are counted, which happens after its reply."""
    async with workspace.ingress() as ingress:

        async def is_allowed() -> bool:
            claim = QuotaClaim(id=str(uuid4()), tokens_per_day=limit)
            return (await ingress.call(handlers.QUOTA_CLAIM, owner, claim)).is_allowed

        await workspace.slack.wait_until(is_allowed, lambda allowed: not allowed)


async def test_retry_counts_as_a_message(workspace: Workspace) -> None:
    slack = workspace.slack
    await ask_failing(workspace, workspace.channel)
    question, failed = await ask_failing(workspace, workspace.channel)
    await slack.click(workspace.ada, workspace.channel, failed.ts, "retry")
    await wait_for_ephemeral(workspace, workspace.ada, "Too many messages")
    assert len((await read_history(workspace, question)).messages) == 2


async def test_backfilled_messages_are_not_limited(workspace: Workspace) -> None:
    slack = workspace.slack
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> hello")
    texts = [f"line {number}" for number in range(2)]
    for text in texts:
        await slack.post(workspace.ada, workspace.channel, text, thread_ts=root.ts, silent=True)
    await slack.cut_sockets()
    conversation = await wait_for_history(
        workspace, root, lambda h: texts_of_users(h) == ["hello", *texts] and not h.running and not h.waiting
    )
    assert all(m.status == "answered" for m in conversation.messages if m.role == "assistant")
    assert not await slack.ephemerals(workspace.channel, workspace.ada)
