"""Killed processes: one reply per message, in its message, in order, and no early acknowledgement."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from chat_service import handlers
from chat_service.contracts import Inbound
from tests.fakes.model import ModelControl
from tests.fakes.slack.control import settle
from tests.fakes.slack.models import Delivery, Message
from tests.fork_server import ROOT
from tests.slack.stack import SlackStack, Workspace, create_clean_workspace, running_slack_stack
from tests.slack.steps import (
    HeldTurn,
    ask,
    hold_turn,
    read_history,
    texts_of_users,
    visible_text,
    wait_for_history,
    wait_for_reactions,
    wait_for_replies,
    wait_for_session,
)


@pytest.fixture
async def workspace(own_slack: SlackStack) -> Workspace:
    """A new workspace in the stack whose processes a test may kill."""
    return await create_clean_workspace(own_slack)


async def hold_open_reply(workspace: Workspace) -> HeldTurn:
    """Post a mention, and wait until its reply is open in Slack and its event is acknowledged."""
    text = f"<@{workspace.slack.bot}> my name is Ada: a long story"
    held = await hold_turn(workspace, workspace.ada, workspace.channel, text)
    await workspace.slack.wait_reply(workspace.channel, held.question.ts, lambda m: True)
    await workspace.slack.wait_until_acked(held.question)
    return held


async def assert_one_reply_and_continue(workspace: Workspace, question: Message, text: str) -> None:
    """Check that a question has one complete reply with this text and that the next message is answered."""
    [reply] = await wait_for_replies(workspace, question)
    assert visible_text(reply) == text, reply.revisions
    assert reply.stream is None or reply.stream.state == "completed"
    await workspace.slack.post(workspace.ada, workspace.channel, "what is my name?", thread_ts=question.ts)
    last = (await wait_for_replies(workspace, question, 2))[-1]
    assert visible_text(last) == "Your name is Ada."


async def read_deliveries(workspace: Workspace, messages: list[Message]) -> list[Delivery]:
    """Return the deliveries of the `message` events of these messages."""
    return [found for m in messages for found in await workspace.slack.deliveries("message", ts=m.ts)]


async def test_bot_killed_after_the_acknowledgement_replies_once(workspace: Workspace) -> None:
    """The turns end while the bot is down: then the reactions are removed and the agent session becomes active."""
    slack = workspace.slack
    direct = await hold_turn(workspace, workspace.ada, workspace.dm_channel, "a long story")
    await wait_for_session(workspace, direct.question, "processing")
    held = await hold_open_reply(workspace)
    question = held.question
    queued = await slack.post(workspace.ada, workspace.channel, "and this?", thread_ts=question.ts)
    await wait_for_reactions(workspace, [(question.ts, "eyes"), (queued.ts, "eyes")])
    await workspace.bot.kill()
    for turn in (direct, held):
        await turn.finish("The end.")
    await wait_for_history(workspace, direct.question, lambda h: h.messages and not h.running)
    await workspace.bot.start()
    first, second = await wait_for_replies(workspace, question, 2)
    assert visible_text(first) == "The end." and "and this?" in visible_text(second)
    await wait_for_reactions(workspace, [])
    await wait_for_replies(workspace, direct.question)
    await wait_for_session(workspace, direct.question, "active")
    await ask(workspace, workspace.ada, workspace.dm_channel, "another one", thread_ts=direct.question.ts)


async def test_bot_killed_before_the_acknowledgement_replies_once(workspace: Workspace) -> None:
    """Without Restate nothing is acknowledged; then the bot is killed with the event in its memory."""
    slack = workspace.slack
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> hello")
    await workspace.stack.stack.kill_engine()
    question = await slack.post(workspace.ada, workspace.channel, "are you there?", thread_ts=root.ts)
    await settle(0.5)
    assert not any(delivery.state == "acked" for delivery in await read_deliveries(workspace, [question]))
    await workspace.bot.kill()
    await workspace.stack.start_engine()
    await workspace.bot.start()
    found = await wait_for_replies(workspace, root, 2)
    assert "are you there?" in visible_text(found[1])


async def test_messages_are_acknowledged_only_after_restate_has_them_in_order(workspace: Workspace) -> None:
    slack = workspace.slack
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> hello")
    await workspace.stack.stack.kill_engine()
    messages = [await slack.post(workspace.ada, workspace.channel, f"line {n}", thread_ts=root.ts) for n in range(3)]
    await settle(3.5)  # longer than Slack waits for an acknowledgement
    pending = await read_deliveries(workspace, messages)
    assert len(pending) == 3 and not any(delivery.state == "acked" for delivery in pending)
    await workspace.stack.start_engine()
    for message in messages:
        await slack.wait_until_acked(message)
    conversation = await wait_for_history(
        workspace, root, lambda h: not h.waiting and not h.running and len(texts_of_users(h)) == 4
    )
    assert texts_of_users(conversation)[1:] == ["line 0", "line 1", "line 2"]
    accepted = await read_deliveries(workspace, messages)
    attempts = [attempt for delivery in accepted for attempt in delivery.attempts]
    assert len(attempts) > len(accepted), "Slack had to deliver some of them again"
    assert not any(attempt.late_ack_at for attempt in attempts), "an acknowledgement comes in time or not at all"


@pytest.mark.parametrize("killed", ["service", "engine, service and bot"])
async def test_reply_survives_a_kill(workspace: Workspace, killed: str) -> None:
    stack = workspace.stack.stack
    held = await hold_open_reply(workspace)

    async def kill_and_restore() -> None:
        if "service" in killed:
            await stack.kill_service()
        if "bot" in killed:
            await workspace.bot.kill()
        if "engine" in killed:
            await stack.kill_engine()
        await workspace.stack.restore()

    again = await held.hold_again(kill_and_restore)
    await again.finish("The end.")
    await assert_one_reply_and_continue(workspace, held.question, "The end.")


async def test_stream_left_open_by_a_crash_is_completed_in_the_same_message(own_slack_up: SlackStack) -> None:
    """Chat service and bot are one process, which is killed when half the text is shown."""
    workspace = await create_clean_workspace(own_slack_up)
    held = await hold_open_reply(workspace)
    question = held.question
    await held.write("Once upon a ti")
    half = await workspace.slack.wait_reply(workspace.channel, question.ts, lambda m: m.text == "Once upon a ti")

    async def kill_and_start() -> None:
        await workspace.bot.kill()
        await workspace.bot.start()

    again = await held.hold_again(kill_and_start)
    await again.finish("Quite another story.")
    await assert_one_reply_and_continue(workspace, question, "Quite another story.")
    first = (await workspace.slack.replies(workspace.channel, question.ts))[0]
    assert first.ts == half.ts


async def test_reply_made_before_the_first_bot_start_is_delivered(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    async with running_slack_stack(engine_binary, tmp_path, model, whole=False, start=False) as stack:
        workspace = await create_clean_workspace(stack)
        question = await workspace.slack.post(workspace.ada, workspace.dm_channel, "is anybody there?", silent=True)
        async with workspace.ingress() as ingress:
            inbound = Inbound(message="is anybody there?", id=question.ts)
            await ingress.call(handlers.QUEUE_ADD, workspace.conversation(question), inbound)
        conversation = await wait_for_history(workspace, question, lambda h: len(h.messages) == 2)
        assert conversation.messages[-1].undelivered
        await workspace.bot.start()
        [reply] = await wait_for_replies(workspace, question)
        assert "is anybody there?" in visible_text(reply)
        await wait_for_history(workspace, question, lambda h: h.messages[-1].undelivered is None)


async def test_delivery_continues_with_another_version(workspace: Workspace, tmp_path: Path) -> None:
    """Also if the bot was killed before it learned that its message is in Slack."""
    for package in ("bots", "chat_service"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    changed = tmp_path / "bots/slack/formatting.py"
    changed.write_text(changed.read_text() + '\n"""Another version."""\n')
    await workspace.slack.add_fault("chat.startStream", "commit_hold", contains=workspace.channel)
    held = await hold_open_reply(workspace)
    await workspace.bot.kill()
    await held.write("The ")  # without new text the stalled request would be repeated
    workspace.bot.source = tmp_path
    try:
        await workspace.bot.start()
        await held.finish("end.")
        await assert_one_reply_and_continue(workspace, held.question, "The end.")
    finally:
        workspace.bot.source = ROOT
        await workspace.bot.close()


async def test_turn_killed_by_an_operator_is_reported_in_its_thread(workspace: Workspace) -> None:
    """Restate kills the delivery with the turn, so the failure is shown in the turn's message when the thread
    continues."""
    slack = workspace.slack
    question = (await hold_open_reply(workspace)).question
    await change_running_turn(workspace, question, "kill")
    await slack.post(workspace.ada, workspace.channel, "and now?", thread_ts=question.ts)
    _, answered = await wait_for_replies(workspace, question, 2)
    failed, _ = await slack.wait_until(
        lambda: slack.replies(workspace.channel, question.ts), lambda replies: "retry" in str(replies[0].blocks)
    )
    assert "try again" in visible_text(failed) and "and now?" in visible_text(answered)


async def test_turn_cancelled_by_an_operator_is_reported_at_once(workspace: Workspace) -> None:
    question = (await hold_open_reply(workspace)).question
    await change_running_turn(workspace, question, "cancel")
    [stopped] = await wait_for_replies(workspace, question)
    assert "stopped" in visible_text(stopped) and "retry" in str(stopped.blocks)
    await workspace.slack.click(workspace.ada, workspace.channel, stopped.ts, "retry")
    await workspace.slack.wait_reply(workspace.channel, question.ts, lambda m: "a long story" in visible_text(m))


async def change_running_turn(workspace: Workspace, question: Message, action: str) -> None:
    """Let an operator kill or cancel the invocation of the running turn."""
    running = (await read_history(workspace, question)).running
    assert running is not None
    await workspace.stack.stack.change_invocation(running.invocation, action)
