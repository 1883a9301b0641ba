"""Access to the bot: allow and block lists, the off switch, and the full queue."""

from __future__ import annotations

from chat_service import handlers
from chat_service.contracts import Inbound
from chat_service.objects.queue import MAX_WAITING
from tests.slack.stack import Workspace
from tests.slack.steps import (
    NO_STREAM,
    ask,
    ask_failing,
    hold_turn,
    prompt_text,
    read_history,
    read_reactions,
    set_rules,
    visible_text,
    wait_for_ephemeral,
    wait_for_ephemerals,
    wait_for_replies,
    wait_for_session,
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


async def test_workspace_can_be_switched_off(workspace: Workspace) -> None:
    slack = workspace.slack
    scope = f"slack:{slack.team.id}"
    await set_rules(workspace, scope, off=True)
    try:
        await slack.post(workspace.ada, workspace.dm_channel, "hello")
        await wait_for_ephemeral(workspace, workspace.ada, "switched off", workspace.dm_channel)
    finally:
        await set_rules(workspace, scope, off=False)
    await ask(workspace, workspace.ada, workspace.dm_channel, "hello again")


async def test_retry_requires_access(workspace: Workspace) -> None:
    slack, scope = workspace.slack, workspace.scope
    question, failed = await ask_failing(workspace, workspace.channel)
    await set_rules(workspace, scope, block=[workspace.ben])
    await slack.click(workspace.ben, workspace.channel, failed.ts, "retry")
    await wait_for_ephemeral(workspace, workspace.ben, "may not answer you")
    await set_rules(workspace, scope, off=True)
    await slack.click(workspace.ada, workspace.channel, failed.ts, "retry")
    await wait_for_ephemeral(workspace, workspace.ada, "switched off")
    assert len((await read_history(workspace, question)).messages) == 2, "no retry was started"
    await set_rules(workspace, scope, off=False)
    await slack.click(workspace.ada, workspace.channel, failed.ts, "retry")
    await slack.wait_reply(workspace.channel, question.ts, lambda m: "will fail" in visible_text(m))


async def test_blocked_person_can_neither_stop_nor_rate_a_reply(workspace: Workspace) -> None:
    slack = workspace.slack
    await slack.add_fault("chat.startStream", "refuse", error=NO_STREAM, contains=workspace.channel)
    held = await hold_turn(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> a long story")
    question = held.question
    message = await slack.wait_reply(workspace.channel, question.ts, lambda m: "'stop'" in str(m.blocks))
    await set_rules(workspace, workspace.scope, block=[workspace.ben])
    await slack.click(workspace.ben, workspace.channel, message.ts, "stop")
    await wait_for_ephemeral(workspace, workspace.ben, "may not answer you")
    await held.finish()
    [reply] = await wait_for_replies(workspace, question)
    button = next(b for b in reply.blocks if b["type"] == "context_actions")["elements"][0]
    await slack.click(workspace.ben, workspace.channel, reply.ts, "feedback", button["negative_button"]["value"])
    await wait_for_ephemerals(workspace, workspace.ben, workspace.channel, 2)
    conversation = await read_history(workspace, question)
    assert conversation.messages[-1].status == "answered" and not conversation.messages[-1].feedback


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
    key = workspace.conversation(root)
    async with workspace.ingress() as ingress:
        for n in range(MAX_WAITING):
            line = Inbound(message=f"line {n}", id=f"line-{n}", expects_reply=False)
            await ingress.call(handlers.QUEUE_ADD, key, line)
    late = await slack.post(workspace.ben, workspace.channel, "my name is Ben", thread_ts=root.ts)
    await wait_for_ephemeral(workspace, workspace.ben, "A hundred messages wait")
    await held.finish()
    await slack.wait_until(lambda: read_history(workspace, root), lambda h: not h.waiting and not h.running, timeout=60)
    _, request = await ask(workspace, workspace.ben, workspace.channel, "what is my name?", thread_ts=root.ts)
    assert "my name is Ben" in prompt_text(request)
    assert (late.ts, "eyes") not in await read_reactions(workspace, workspace.channel)
