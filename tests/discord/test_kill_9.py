"""Every process is killed with `kill -9` where it hurts most: one reply per message, completed where it stood."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chat_service.engine.process import EnginePorts, free_port
from tests.discord.rooms import GATE, Room, answered, asks, history, is_done, new_room
from tests.discord.stack import Bot, World, running_world
from tests.fakes.model import ModelControl
from tests.processes import eventually


@pytest.fixture(scope="module")
async def apart(
    engine_binary: Path, model: ModelControl, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """The bot, the chat service and the engine, each in a process of its own."""
    await model.clear()
    async with running_world(engine_binary, tmp_path_factory.mktemp("apart"), model, whole=False) as world:
        yield world


@pytest.fixture
async def room(apart: World) -> Room:
    await apart.model.clear()
    await apart.discord.clear()
    return await new_room(apart)


async def test_the_bot_is_killed_before_it_handed_a_message_on(room: Room, engine_binary: Path) -> None:
    discord, world = room.discord, room.world
    await asks(room, room.ada, room.channel, f"<@{discord.bot}> hello")
    await asks(room, room.ada, room.direct, "hello")
    url = world.stack.engine
    await world.stack.kill_engine()
    heard = await discord.mention(room.ada, room.channel, "nobody could take this")
    await discord.until(lambda: discord.events_of(heard), lambda found: found and found[-1].sent)
    await world.bot.kill()
    away = await discord.mention(room.ada, room.channel, "nobody was there")
    direct = await discord.post(room.ada, room.direct, "nor here")
    await world.stack.start_engine(engine_binary, ports_of(url.ingress_url, url.admin_url))
    await world.bot.start()
    for said in (heard, away, direct):
        found = await discord.until(
            lambda c=said.channel: history(room, c),  # type: ignore[misc]
            lambda h: not h.running and not h.waiting and len([m for m in h.messages if m.role == "user"]) > 1,
        )
        assert found.messages[0].text == "hello"
    texts = [m.text for m in (await history(room, room.channel)).messages if m.role == "user"]
    assert texts == ["hello", "nobody could take this", "nobody was there"]


async def test_the_bot_is_killed_after_it_handed_a_message_on(room: Room) -> None:
    discord, model = room.discord, room.model
    number = await model.count()
    await model.script(GATE)
    said = await discord.mention(room.ada, room.channel, "do not forget me")
    running = await model.wait(number)
    before = await discord.wait_reply(room.channel, said, lambda m: True)
    await room.world.bot.kill()
    await model.release(running.number, "I have not.")
    await model.finish(running.number)
    await discord.until(lambda: history(room, room.channel), lambda h: h.messages and not h.running)
    await room.world.bot.start()
    [reply] = await answered(room, said)
    assert reply.id == before.id and reply.content == "I have not."
    assert len(await discord.replies(room.channel)) == 1


async def test_the_bot_is_ended_kindly_in_mid_stream(room: Room) -> None:
    discord, model, bot = room.discord, room.model, room.world.bot
    number = await model.count()
    await model.script(GATE)
    said = await discord.mention(room.ada, room.channel, "a saga")
    running = await model.wait(number)
    before = await discord.wait_reply(room.channel, said, lambda m: True)
    told = len(bot.log)
    assert bot.process is not None
    await model.release(running.number, "The ")
    bot.process.terminate()
    assert await asyncio.wait_for(bot.process.wait(), 30) == 0
    await model.release(running.number, "end.")
    await model.finish(running.number)
    assert "Traceback" not in bot.log[told:]
    await bot.start()
    [reply] = await answered(room, said)
    assert reply.id == before.id and reply.content == "The end."


async def test_a_server_that_was_just_joined_is_caught_up_with(room: Room) -> None:
    discord = room.discord
    await asks(room, room.ada, room.direct, "hello")  # by now the bot has heard of its new server, which it told before
    await room.world.bot.kill()
    said = await discord.mention(room.ada, room.channel, "the first thing anybody says here")
    await room.world.bot.start()
    [reply] = await answered(room, said)
    assert "the first thing" in reply.content


async def test_signs_that_a_killed_bot_left_go_when_the_questions_are_answered(room: Room) -> None:
    discord, model = room.discord, room.model
    number = await model.count()
    await model.script(GATE)
    said = [await discord.mention(room.ada, room.channel, "first")]
    running = await model.wait(number)
    for text in ("second", "third"):
        said.append(await discord.mention(room.ben, room.channel, text))

    async def signs() -> list[set[str]]:
        return [set((await discord.message(room.channel, one.id)).reactions) for one in said]

    await discord.until(signs, lambda found: found == [{"👀"}] * 3)
    await room.world.bot.kill()
    await room.world.bot.start()
    await model.release(running.number, "at last")
    await model.finish(running.number)
    await answered(room, said[0])
    await answered(room, said[-1])
    await discord.until(signs, lambda found: found == [set(), set(), set()])


async def test_the_bot_is_killed_between_its_post_and_the_answer_to_it(room: Room) -> None:
    discord = room.discord
    await discord.fault("create_message", "commit_hold", contains=room.channel)
    said = await discord.mention(room.ada, room.channel, "only once")
    before = await discord.wait_reply(room.channel, said, lambda m: True)
    await room.world.bot.kill()
    await discord.release()
    await discord.advance(600)
    await room.world.bot.start()
    [reply] = await answered(room, said)
    assert reply.id == before.id and len(await discord.replies(room.channel)) == 1


async def test_the_chat_service_is_killed_in_mid_stream(room: Room) -> None:
    discord, model, stack = room.discord, room.model, room.world.stack
    number = await model.count()
    await model.script(GATE)
    said = await discord.mention(room.ada, room.channel, "a story")
    running = await model.wait(number)
    await model.release(running.number, "Once upon")
    before = await discord.wait_reply(room.channel, said, lambda m: True)
    await stack.kill_service()
    await stack.start_service()
    [reply] = await answered(room, said)
    assert reply.id == before.id and "a story" in reply.content
    assert len(await discord.replies(room.channel)) == 1


async def test_restate_is_killed_in_mid_stream(room: Room, engine_binary: Path) -> None:
    discord, model, stack = room.discord, room.model, room.world.stack
    number = await model.count()
    await model.script(GATE)
    said = await discord.mention(room.ada, room.channel, "a tale")
    await model.wait(number)
    before = await discord.wait_reply(room.channel, said, lambda m: True)
    engine = stack.engine
    await stack.kill_engine()
    meanwhile = await discord.mention(room.ben, room.channel, "and mine?")
    asked = await discord.command(room.ada, room.channel, "ask", question="and what I asked?")
    assert asked.state == "answered", "in time, though nothing can be remembered now"
    [question] = await discord.answers(asked)
    used = await discord.command(room.ben, room.channel, "history")
    told = await discord.until(lambda: discord.answers(used), lambda found: found and not found[0].loading)
    assert "cannot reach the chat service" in told[0].content
    await stack.start_engine(engine_binary, ports_of(engine.ingress_url, engine.admin_url))
    [reply] = await answered(room, said)
    assert reply.id == before.id and "a tale" in reply.content
    await answered(room, meanwhile)
    await answered(room, question)
    assert len([one for one in await discord.replies(room.channel) if one.reply_to]) == 3


async def test_what_was_said_between_two_sessions_while_restate_was_away_is_answered(
    room: Room, engine_binary: Path
) -> None:
    discord, stack = room.discord, room.world.stack
    await asks(room, room.ada, room.channel, f"<@{discord.bot}> hello")
    engine = stack.engine
    await stack.kill_engine()
    await discord.forget_sessions()
    await discord.cut_sockets()
    silent = await discord.mention(room.ada, room.channel, "nobody hears this", silent=True)
    await discord.wait_connected()
    await eventually(lambda: said_in_log(room, "reading missed messages is tried again"))
    await stack.start_engine(engine_binary, ports_of(engine.ingress_url, engine.admin_url))
    await answered(room, silent)


async def said_in_log(room: Room, words: str) -> bool:
    return words in room.world.bot.log


@asynccontextmanager
async def second_process(room: Room) -> AsyncIterator[Bot]:
    """Another of the same bot, beside the first."""
    other = Bot(stack=room.world.stack, discord=room.discord, delivery_port=free_port())
    await other.start()
    try:
        await room.discord.wait_connected(2)
        yield other
    finally:
        await other.close()
        await room.discord.wait_connected(1)


async def test_two_replicas_started_by_mistake_do_not_answer_twice(room: Room) -> None:
    discord = room.discord
    async with second_process(room):
        said = [await discord.mention(room.ada, room.channel, f"question {n}") for n in range(3)]
        for one in said:
            await discord.wait_reply(room.channel, None, is_done)
            await eventually(lambda one=one: answered_in(room, one.content.split("> ")[1]))  # type: ignore[misc]
        whole = await history(room, room.channel)
        assert len([m for m in whole.messages if m.role == "user"]) == 3
        answers = [m for m in whole.messages if m.role == "assistant"]
        await discord.until(
            lambda: discord.replies(room.channel), lambda found: len(found) == len(answers) and all(map(is_done, found))
        )


async def test_when_a_second_process_dies_the_first_answers_again(room: Room) -> None:
    """The one that started last gets the events; it leaves no word when it is killed."""
    async with second_process(room) as other:
        await other.kill()
        said = await room.discord.mention(room.ada, room.channel, "anybody there?")
        await room.discord.wait_reply(room.channel, said, is_done, patience=60)
    assert "has ended: this process receives the events again" in room.world.bot.log


async def answered_in(room: Room, text: str) -> bool:
    """Whether a message is in the history, and nothing is under way."""
    whole = await history(room, room.channel)
    return not whole.running and not whole.waiting and any(m.text == text for m in whole.messages)


def ports_of(ingress: str, admin: str) -> EnginePorts:
    """The ports an engine had; the one for itself may change."""
    return EnginePorts(int(ingress.rsplit(":", 1)[1]), int(admin.rsplit(":", 1)[1]), 0)
