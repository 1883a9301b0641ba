"""Whatever dies: one reply per message, in its message, in order, and never an acknowledgement too early."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from chat_service import handlers
from chat_service.contracts import Inbound
from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import ModelRequest
from tests.fakes.slack.control import settle
from tests.fakes.slack.models import Message
from tests.fork_server import ROOT
from tests.slack.conftest import Room, new_room
from tests.slack.stack import running_world
from tests.slack.test_answers import finished, shown
from tests.slack.test_talk import GATE, asks, history

READING = ("conversations.history", "conversations.replies")


async def in_mid_turn(room: Room, text: str = "a long story") -> tuple[Message, ModelRequest]:
    """A question that the model is answering."""
    number = await room.world.model.count_requests()
    await room.world.model.script(GATE)
    said = await room.slack.mention(room.ada, room.channel, text)
    running = await room.world.model.wait_for_request(number)
    await room.slack.wait_reply(room.channel, said.ts, lambda m: True)
    await room.slack.wait_until_acked(said)
    return said, running


async def goes_on(room: Room, said: Message, text: str, replies: int = 1) -> None:
    """The reply is there once, the stream is closed, and the next message is answered."""
    found = await finished(room, room.channel, said.ts, replies)
    assert shown(found[-1]) == text, found[-1].revisions
    assert all(one.stream is None or one.stream.state == "completed" for one in found)
    await room.slack.post(room.ada, room.channel, "my name is Ada", thread_ts=said.ts)
    await finished(room, room.channel, said.ts, replies + 1)
    await room.slack.post(room.ada, room.channel, "what is my name?", thread_ts=said.ts)
    last = (await finished(room, room.channel, said.ts, replies + 2))[-1]
    assert shown(last) == "Your name is Ada."


async def test_the_bot_dies_after_the_acknowledgement(frail: Room) -> None:
    said, running = await in_mid_turn(frail)
    await frail.world.bot.kill()
    await frail.world.model.release(running.number, "The end.")
    await frail.world.model.finish(running.number)
    await frail.slack.wait_until(lambda: history(frail, frail.channel, said.ts), lambda h: h.messages and not h.running)
    await frail.world.bot.start()
    await goes_on(frail, said, "The end.")


async def test_the_bot_dies_before_the_acknowledgement(frail: Room, engine_binary: Path) -> None:
    """Restate is away, so nothing is acknowledged; then the bot dies with what it held in memory."""
    world, slack = frail.world, frail.slack
    root, _ = await asks(frail, frail.ada, frail.channel, f"<@{slack.bot}> hello")
    ports = world.stack.engine.ports
    await world.stack.kill_engine()
    said = await slack.post(frail.ada, frail.channel, "are you there?", thread_ts=root.ts)
    await settle(0.5)
    assert not [
        one
        for one in await slack.deliveries("message")
        if one.payload["event"]["ts"] == said.ts and one.state == "acked"
    ]
    await world.bot.kill()
    await world.stack.start_engine(engine_binary, ports)
    await world.bot.start()
    found = await finished(frail, frail.channel, root.ts, 2)
    assert "are you there?" in shown(found[1])


async def test_nothing_is_acknowledged_before_restate_has_it_and_the_order_is_kept(
    frail: Room, engine_binary: Path
) -> None:
    world, slack = frail.world, frail.slack
    root, _ = await asks(frail, frail.ada, frail.channel, f"<@{slack.bot}> hello")
    ports = world.stack.engine.ports
    await world.stack.kill_engine()
    said = [await slack.post(frail.ada, frail.channel, f"line {n}", thread_ts=root.ts) for n in range(3)]
    await settle(3.5)  # longer than Slack waits for an acknowledgement
    waiting = [one for one in await slack.deliveries("message") if one.payload["event"]["ts"] in {m.ts for m in said}]
    assert len(waiting) == 3 and not any(one.state == "acked" for one in waiting)
    await world.stack.start_engine(engine_binary, ports)
    for one in said:
        await slack.wait_until_acked(one)
    whole = await slack.wait_until(
        lambda: history(frail, frail.channel, root.ts),
        lambda h: not h.waiting and not h.running and len([m for m in h.messages if m.role == "user"]) == 4,
    )
    assert [m.text for m in whole.messages if m.role == "user"][1:] == ["line 0", "line 1", "line 2"]
    taken = [one for one in await slack.deliveries("message") if one.payload["event"]["ts"] in {m.ts for m in said}]
    attempts = [a for one in taken for a in one.attempts]
    assert len(attempts) > len(taken), "Slack had to send some of it again"
    assert not any(a.late_ack_at for a in attempts), "an acknowledgement comes in time or not at all"


@pytest.mark.parametrize("dies", ["service", "engine", "engine and bot", "everything"])
async def test_a_reply_survives_the_death_of(frail: Room, dies: str, engine_binary: Path) -> None:
    world = frail.world
    said, running = await in_mid_turn(frail)
    number = await world.model.count_requests()
    await world.model.script(GATE)
    ports = world.stack.engine.ports
    if dies in ("service", "everything"):
        await world.stack.kill_service()
    if dies in ("engine and bot", "everything"):
        await world.bot.kill()
    if dies != "service":
        await world.stack.kill_engine()
        await world.stack.start_engine(engine_binary, ports)
    if dies in ("service", "everything"):
        await world.stack.start_service()
    if dies in ("engine and bot", "everything"):
        await world.bot.start()
    running = await world.model.wait_for_request(number)
    await world.model.release(running.number, "The end.")
    await world.model.finish(running.number)
    await goes_on(frail, said, "The end.")


async def test_a_stream_left_open_by_a_crash_is_completed_in_the_same_message(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    """Chat service and bot in one process, killed in mid-stream with half the text shown."""
    await model.clear_script()
    async with running_world(engine_binary, tmp_path, model) as world:
        room = await new_room(world)
        said, running = await in_mid_turn(room)
        await model.release(running.number, "Once upon a ti")
        half = await room.slack.wait_reply(room.channel, said.ts, lambda m: m.text == "Once upon a ti")
        number = await model.count_requests()
        await model.script(GATE)
        await world.bot.kill()
        await world.bot.start()
        running = await model.wait_for_request(number)
        await model.release(running.number, "Quite another story.")
        await model.finish(running.number)
        await goes_on(room, said, "Quite another story.")
        first = (await room.slack.replies(room.channel, said.ts))[0]
        assert first.ts == half.ts


async def test_the_signs_beside_a_question_do_not_stay_after_a_crash(frail: Room) -> None:
    slack, model = frail.slack, frail.world.model
    said, running = await in_mid_turn(frail)
    waits = await slack.post(frail.ada, frail.channel, "and this?", thread_ts=said.ts)

    async def signs() -> list[tuple[str, str]]:
        return [(m.ts, name) for m in await slack.messages(frail.channel) for name in sorted(m.reactions)]

    shown_before = [(said.ts, "eyes"), (waits.ts, "eyes")]
    await slack.wait_until(signs, lambda found: found == shown_before)
    await frail.world.bot.kill()
    await model.release(running.number, "The end.")
    await model.finish(running.number)
    await frail.world.bot.start()
    await finished(frail, frail.channel, said.ts, 2)
    await slack.wait_until(signs, lambda found: not found)


async def test_an_agent_session_does_not_stay_busy_after_a_crash(frail: Room) -> None:
    slack, model = frail.slack, frail.world.model
    number = await model.count_requests()
    await model.script(GATE)
    said = await slack.post(frail.ada, frail.direct, "a long story")
    running = await model.wait_for_request(number)
    await slack.wait_until(lambda: slack.session(frail.direct, said.ts), lambda s: s and s.status == "processing")
    await frail.world.bot.kill()
    await model.release(running.number, "The end.")
    await model.finish(running.number)
    await frail.world.bot.start()
    await finished(frail, frail.direct, said.ts)
    await slack.wait_until(lambda: slack.session(frail.direct, said.ts), lambda s: s and s.status == "active")
    await slack.post(frail.ada, frail.direct, "another one", thread_ts=said.ts)
    assert "another one" in shown((await finished(frail, frail.direct, said.ts, 2))[-1])


async def test_replies_that_waited_for_the_bot_go_out_when_it_comes(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    await model.clear_script()
    async with running_world(engine_binary, tmp_path, model, whole=False, start=False) as world:
        room = await new_room(world)
        said = await room.slack.post(room.ada, room.direct, "is anybody there?", silent=True)
        async with world.stack.ingress() as ingress:
            inbound = Inbound(message="is anybody there?", id=said.ts)
            await ingress.call(handlers.QUEUE_ADD, world.key(room.direct, said.ts), inbound)
        whole = await room.slack.wait_until(lambda: history(room, room.direct, said.ts), lambda h: len(h.messages) == 2)
        assert whole.messages[-1].undelivered
        await world.bot.start()
        [reply] = await finished(room, room.direct, said.ts)
        assert "is anybody there?" in shown(reply)
        await room.slack.wait_until(
            lambda: history(room, room.direct, said.ts), lambda h: h.messages[-1].undelivered is None
        )


async def test_what_was_said_while_the_bot_was_down_is_answered(frail: Room) -> None:
    world, slack = frail.world, frail.slack
    root, _ = await asks(frail, frail.ada, frail.channel, f"<@{slack.bot}> my name is Ada")
    await world.bot.close()
    fresh = await slack.mention(frail.ben, frail.channel, "a new question", silent=True)
    await slack.post(frail.ben, frail.channel, "not for the bot", silent=True)
    follow = await slack.post(frail.ada, frail.channel, "what is my name?", thread_ts=root.ts, silent=True)
    gone = await slack.post(frail.ada, frail.channel, "never mind", thread_ts=root.ts, silent=True)
    await slack.delete(frail.ada, frail.channel, gone.ts, silent=True)
    direct = await slack.post(frail.ada, frail.direct, "and in private", silent=True)
    before = len(await slack.calls())
    for method in READING:
        await slack.add_fault(method, "ratelimited", retry_after=2)
    await world.bot.start()
    await slack.wait_reply(frail.channel, fresh.ts, lambda m: "a new question" in shown(m))
    await slack.wait_reply(frail.channel, root.ts, lambda m: m.ts > follow.ts and "Your name is Ada" in shown(m))
    await slack.wait_reply(frail.direct, direct.ts, lambda m: "in private" in shown(m))
    await settle()
    assert len(await slack.replies(frail.channel)) == 3 and len(await slack.replies(frail.direct)) == 1
    for method in READING:
        refused, *others = await slack.calls(method, since=before)
        again = next(one for one in others if one.args == refused.args)
        assert refused.status == 429 and refused.answered_at
        assert again.at - refused.answered_at >= 2, "nothing more is read before Slack wants it"


async def test_what_is_too_old_becomes_context_and_gets_one_word(frail: Room) -> None:
    world, slack = frail.world, frail.slack
    root, _ = await asks(frail, frail.ada, frail.channel, f"<@{slack.bot}> hello")
    await world.bot.close()
    for text in ("my name is Ada", "are you there?"):
        await slack.post(frail.ada, frail.channel, text, thread_ts=root.ts, silent=True)
    await settle(1.1)
    world.bot.env = {"CATCHUP_MAX_AGE": "1"}
    # Slack takes the word and loses the answer; to find it again takes more than a page.
    await slack.set_rules(history_page=2)
    await slack.add_fault("chat.postMessage", "commit_cut", contains="I was offline")
    try:
        await world.bot.start()
        await slack.wait_reply(frail.channel, root.ts, lambda m: "I was offline" in m.text)
        await slack.post(frail.ada, frail.channel, "what is my name?", thread_ts=root.ts)
        await slack.wait_reply(frail.channel, root.ts, lambda m: "Your name is Ada" in shown(m))
        assert len(await slack.replies(frail.channel)) == 3
    finally:
        await slack.set_rules(history_page=999)
        world.bot.env = {}
        await world.bot.close()
        await world.bot.start()


async def test_a_delivery_of_an_older_version_is_taken_up_by_the_new_one(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    await model.clear_script()
    for package in ("bots", "chat_service"):
        shutil.copytree(ROOT / package, tmp_path / "next" / package, ignore=shutil.ignore_patterns("__pycache__"))
    changed = tmp_path / "next/bots/slack/formatting.py"
    changed.write_text(changed.read_text() + '\n"""Another version."""\n')
    async with running_world(engine_binary, tmp_path / "world", model, whole=False) as world:
        room = await new_room(world)
        said, running = await in_mid_turn(room)
        await world.bot.close()
        await model.release(running.number, "The ")  # a model that is silent for long is asked again
        world.bot.source = tmp_path / "next"
        await world.bot.start()
        await model.release(running.number, "end.")
        await model.finish(running.number)
        await goes_on(room, said, "The end.")
        await world.bot.close()
        world.bot.source = ROOT
        await world.bot.start()
        await asks(room, room.ada, room.channel, "and after going back?", thread_ts=said.ts)


async def test_a_turn_that_an_operator_kills_is_told_in_its_thread(frail: Room) -> None:
    """With it the engine kills its delivery; so it is told when the thread goes on, in the message it had."""
    world = frail.world
    said, _ = await in_mid_turn(frail)
    whole = await history(frail, frail.channel, said.ts)
    assert whole.running is not None
    await world.stack.change_invocation(whole.running.invocation, "kill")
    await frail.slack.post(frail.ada, frail.channel, "and now?", thread_ts=said.ts)
    failed, answered = await finished(frail, frail.channel, said.ts, 2)
    await frail.slack.wait_until(lambda: frail.slack.replies(frail.channel, said.ts), lambda r: "retry" in str(r[0].blocks))
    failed = (await frail.slack.replies(frail.channel, said.ts))[0]
    assert "try again" in shown(failed) and "and now?" in shown(answered)


async def test_a_turn_that_an_operator_cancels_is_told_at_once(frail: Room) -> None:
    said, _ = await in_mid_turn(frail)
    whole = await history(frail, frail.channel, said.ts)
    assert whole.running is not None
    await frail.world.stack.change_invocation(whole.running.invocation, "cancel")
    [stopped] = await finished(frail, frail.channel, said.ts)
    assert "stopped" in shown(stopped) and "retry" in str(stopped.blocks)
    await frail.slack.click(frail.ada, frail.channel, stopped.ts, "retry")
    await frail.slack.wait_reply(frail.channel, said.ts, lambda m: "a long story" in shown(m))
