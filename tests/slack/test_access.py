"""Access to the bot: allow and block lists, and the full queue."""

from __future__ import annotations

from chat_service.objects.queue import MAX_WAITING
from chat_service.objects.queue_state import QueueState
from tests.slack.stack import Workspace
from tests.slack.steps import (
    ask,
    hold_turn,
    prompt_text,
    read_history,
    read_reactions,
    set_rules,
    visible_text,
    wait_for_ephemeral,
    wait_for_replies,
    wait_for_session,
    write_state,
)


async def test_allow_and_block_lists_of_a_channel(workspace: Workspace) -> None:
    slack = workspace.slack
    scope = workspace.scope
    await set_rules(workspace, scope, block=[workspace.ben])
    await slack.mention(workspace.ben, workspace.channel, "hello")
    await wait_for_ephemeral(workspace, workspace.ben, "may not answer you")
    await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> hello")
    await set_rules(workspace, scope, block=[], allow=[workspace.ben])
    await slack.mention(workspace.ada, workspace.channel, "hello")
    await wait_for_ephemeral(workspace, workspace.ada, "may not answer you")
    await ask(workspace, workspace.ben, workspace.channel, f"<@{slack.bot}> hello")
    assert len(await slack.replies(workspace.channel)) == 2


async def test_blocked_person_cannot_use_the_native_stop(workspace: Workspace) -> None:
    slack = workspace.slack
    held = await hold_turn(workspace, workspace.ada, workspace.dm_channel, "a long story")
    question = held.question
    await wait_for_session(workspace, question, "processing")
    scope = f"slack:{slack.team.id}:{workspace.dm_channel}"
    await set_rules(workspace, scope, block=[workspace.ada])
    await slack.press_stop(workspace.ada, workspace.dm_channel, question.ts)
    await slack.wait_until(
        lambda: slack.deliveries("agent_session_stopped"),
        lambda found: any(delivery.state == "acked" and question.ts in str(delivery.payload) for delivery in found),
    )
    assert (await read_history(workspace, question)).running is not None
    await set_rules(workspace, scope, block=[])
    await held.finish("The end.")
    [reply] = await wait_for_replies(workspace, question)
    assert "The end." in visible_text(reply)


async def test_message_to_a_full_queue_is_context_only(workspace: Workspace) -> None:
    slack = workspace.slack
    held = await hold_turn(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> a long story")
    root = held.question
    key, waiting = workspace.conversation(root), [f"line-{n}" for n in range(MAX_WAITING)]
    await write_state(workspace, "Queue", key, "queue", QueueState(ids=waiting))
    late = await slack.post(workspace.ben, workspace.channel, "my name is Ben", thread_ts=root.ts)
    await wait_for_ephemeral(workspace, workspace.ben, "A hundred messages wait")
    await write_state(workspace, "Queue", key, "queue", QueueState())
    await held.finish()
    await wait_for_replies(workspace, root)
    _, request = await ask(workspace, workspace.ben, workspace.channel, "what is my name?", thread_ts=root.ts)
    assert "my name is Ben" in prompt_text(request)
    assert (late.ts, "eyes") not in await read_reactions(workspace, workspace.channel)
