"""What takes its time: a turn of a minute, ten minutes without Slack, days without a word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chat_service.domain.window import SUMMARY_THRESHOLD
from tests.conversation.test_memory import summary_of
from tests.fakes.model import ModelControl
from tests.fakes.slack.models import Message
from tests.slack.conftest import Room, new_room
from tests.slack.stack import World, running_world
from tests.slack.test_answers import finished, shown
from tests.slack.test_talk import GATE, asks, history, prompt


@pytest.fixture(scope="module")
async def patient_world(
    engine_binary: Path, model: ModelControl, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """A world whose Slack has a clock that is put forward; nobody else may use it."""
    async with running_world(engine_binary, tmp_path_factory.mktemp("patient"), model) as world:
        yield world


@pytest.fixture
async def later(patient_world: World) -> Room:
    """A room in it."""
    await patient_world.model.clear()
    await patient_world.slack.clear()
    return await new_room(patient_world)


async def marked(room: Room, said: Message, *signs: str) -> float:
    """Wait until a message shows these signs; how long after its acceptance the first of them was asked for."""

    async def shows() -> set[str]:
        return {name for m in await room.slack.messages(room.channel) if m.ts == said.ts for name in m.reactions}

    await room.slack.until(shows, lambda found: found >= set(signs))
    calls = [one for one in await room.slack.calls("reactions.add") if one.args.get("timestamp") == said.ts]
    accepted = [a.acked_at for one in await room.slack.wait_acked(said) for a in one.attempts if a.acked_at]
    return calls[0].at - min(accepted)


async def test_during_a_turn_of_a_minute_others_are_marked_within_a_second(later: Room) -> None:
    slack, model = later.slack, later.world.model
    number = await model.count()
    await model.script(GATE)
    root = await slack.mention(later.ada, later.channel, "a very long turn")
    running = await model.wait(number)
    assert await marked(later, root, "eyes") < 1
    began = asyncio.get_running_loop().time()
    second = await slack.post(later.ada, later.channel, "and this?", thread_ts=root.ts)
    assert await marked(later, second, "eyes") < 1
    for _ in range(5):
        await asyncio.sleep(11)
        await model.release(running.number, "still thinking ")
    third = await slack.mention(later.ben, later.channel, "and I?", thread_ts=root.ts)
    assert await marked(later, third, "eyes") < 1
    await asyncio.sleep(max(60 - (asyncio.get_running_loop().time() - began), 0))
    await model.finish(running.number)
    replies = await finished(later, later.channel, root.ts, 3)
    assert "still thinking" in shown(replies[0])
    assert "and this?" in shown(replies[1]) and "and I?" in shown(replies[2]), "in the order in which they were asked"

    async def marks() -> list[str]:
        return [name for m in await slack.messages(later.channel) for name in m.reactions]

    await slack.until(marks, lambda found: not found)


async def test_ten_minutes_without_slack_delay_and_lose_nothing(later: Room) -> None:
    """Slack's clock is put forward, so that all ends which it ends by itself: the stream that was open above all."""
    slack, model = later.slack, later.world.model
    other, _ = await asks(later, later.ben, later.channel, f"<@{slack.bot}> my name is Ben")
    number = await model.count()
    await model.script(GATE)
    said = await slack.mention(later.ada, later.channel, "are you there?")
    running = await model.wait(number)
    await model.release(running.number, "Yes, ")
    await slack.wait_reply(later.channel, said.ts, lambda m: m.stream and m.text == "Yes, ")
    await slack.down()
    unheard = await slack.post(later.ben, later.channel, "what is my name?", thread_ts=other.ts, silent=True)
    await model.release(running.number, "here I am.")
    await model.finish(running.number)
    await slack.until(lambda: history(later, later.channel, said.ts), lambda h: h.messages and not h.running)
    await slack.advance(600)
    await slack.up()
    [reply] = await finished(later, later.channel, said.ts)
    assert shown(reply) == "Yes, here I am." and reply.stream and reply.stream.state == "expired"
    await slack.wait_reply(later.channel, other.ts, lambda m: m.ts > unheard.ts and "Your name is Ben" in shown(m))
    await asks(later, later.ada, later.channel, "and now?", thread_ts=said.ts)
    assert len(await slack.replies(later.channel)) == 4


async def test_a_thread_goes_on_days_later_with_all_it_knew(later: Room) -> None:
    slack = later.slack
    said, _ = await asks(later, later.ada, later.channel, f"<@{slack.bot}> my name is Ada")
    await slack.advance(5 * 86_400)
    await slack.post(later.ada, later.channel, "what is my name?", thread_ts=said.ts)
    await slack.wait_reply(later.channel, said.ts, lambda m: "Your name is Ada" in shown(m))


async def test_a_deletion_leaves_the_summary_too(room: Room) -> None:
    slack = room.slack
    root, _ = await asks(room, room.ada, room.channel, f"<@{slack.bot}> my name is Ada")
    for number in range(SUMMARY_THRESHOLD // 2):  # questions and answers, after which a summary is wanted
        await asks(room, room.ben, room.channel, f"line {number}", thread_ts=root.ts)
    key = room.world.key(room.channel, root.ts)
    await slack.until(lambda: summary_of(room.world.stack, key), lambda seen: "my name is Ada" in str(seen["text"]))
    await slack.delete(room.ada, room.channel, root.ts)
    await slack.until(lambda: summary_of(room.world.stack, key), lambda seen: "Ada" not in str(seen["text"]))
    _, seen = await asks(room, room.ben, room.channel, "what is her name?", thread_ts=root.ts)
    assert "my name is Ada" not in prompt(seen)


async def test_a_pause_that_slack_wants_of_a_preview_does_not_hold_back_the_answer(later: Room) -> None:
    slack, model = later.slack, later.world.model
    for method, native in (("chat.appendStream", True), ("chat.update", False)):
        if not native:
            await slack.fault("chat.startStream", "refuse", error="channel_type_not_supported", contains=later.channel)
        await slack.fault(method, "ratelimited", retry_after=600, contains=later.channel)
        number = await model.count()
        await model.script(GATE)
        said = await slack.mention(later.ada, later.channel, "stream this")
        running = await model.wait(number)
        await model.release(running.number, "The first words")
        await slack.until(
            lambda m=method: slack.calls(m),  # type: ignore[misc]
            lambda found: any(one.error == "ratelimited" and later.channel in str(one.args) for one in found),
        )
        await model.release(running.number, " and the last.")
        await model.finish(running.number)
        [reply] = await finished(later, later.channel, said.ts)
        assert shown(reply) == "The first words and the last."
