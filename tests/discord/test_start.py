"""Starting: intents, commands, tokens, who may use the bot, limits, and what came while it was away."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from discord import utils

from bots.discord.message_snapshot import position_of
from chat_service import handlers
from chat_service.contracts.channel import ChannelViewRequest, ReadPosition
from tests.discord.rooms import GATE, Room, answered, asks, history, is_done, new_room, prompt, set_rules
from tests.discord.stack import World, running_world
from tests.fakes.discord.models import Message
from tests.fakes.model import ModelControl
from tests.operation.up import clean_env
from tests.processes import eventually


@pytest.fixture(scope="module")
async def idle(
    engine_binary: Path, model: ModelControl, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """Everything but the bot, which each test starts in its own way."""
    await model.clear()
    async with running_world(engine_binary, tmp_path_factory.mktemp("idle"), model, whole=False, start=False) as world:
        yield world


@pytest.fixture
async def room(idle: World) -> AsyncIterator[Room]:
    await idle.model.clear()
    await idle.discord.clear()
    yield await new_room(idle)
    await idle.bot.close()
    await idle.discord.configure(message_content=True)


async def told(room: Room, said: Message) -> str:
    """The first thing the bot replies."""
    return (await room.discord.wait_reply(said.channel, said)).content


async def test_without_the_message_content_intent_it_says_what_will_not_work(room: Room) -> None:
    discord = room.discord
    await discord.configure(message_content=False)
    await room.world.bot.start()
    assert "without the Message Content intent" in room.world.bot.said
    assert "Message Content intent is off" in room.world.bot.log and "replies without a ping" in room.world.bot.log
    _, reply, _ = await asks(room, room.ada, room.channel, f"<@{discord.bot}> my name is Ada")
    await asks(room, room.ada, room.direct, "hello")
    await discord.post(room.ada, room.channel, "this cannot be read", reply_to=reply.id, ping=False)
    await asks(room, room.ada, room.channel, f"<@{discord.bot}> and this can")
    assert len(await discord.replies(room.channel)) == 2


async def test_it_connects_as_many_shards_as_discord_wants(room: Room) -> None:
    """Each server is heard on its own shard; one that loses its session is caught up with, and the rest goes on."""
    discord, bot = room.discord, room.world.bot
    rooms = [room]
    while len({int(one.guild) >> 22 & 1 for one in rooms}) < 2:
        rooms.append(await new_room(room.world))
    rooms = list({int(one.guild) >> 22 & 1: one for one in rooms}.values())
    await discord.rules(shards=2)
    try:
        await bot.start()
        await discord.wait_connected(2)
        assert sorted(one.shard[0] for one in await discord.sessions() if one.connected and one.shard) == [0, 1]
        for one in rooms:
            await asks(one, one.ada, one.channel, f"<@{discord.bot}> hello")
        await asks(room, room.ada, room.direct, "hello")
        await discord.forget_sessions()
        await discord.cut_sockets()
        silent = [await discord.mention(one.ada, one.channel, "nobody hears this", silent=True) for one in rooms]
        for one, said in zip(rooms, silent, strict=True):
            await answered(one, said)
            assert len(await discord.replies(one.channel)) == 2
    finally:
        await bot.close()
        await discord.rules(shards=1)


async def test_an_intent_that_is_taken_away_while_it_runs_is_told_in_one_line(room: Room) -> None:
    discord, bot = room.discord, room.world.bot
    await bot.start()
    assert bot.process is not None
    await discord.close_sockets(4014)
    assert await asyncio.wait_for(bot.process.wait(), 30) == 1
    assert "the Message Content intent was switched off" in bot.log


async def test_commands_are_registered_only_when_they_changed(room: Room) -> None:
    discord, bot = room.discord, room.world.bot
    for number in range(2):
        looks = len(await discord.calls("get_global_commands"))
        await bot.start()
        await discord.wait_call("get_global_commands", looks)
        await discord.until(discord.commands, lambda found: len(found) == 8)
        await bot.close()
        assert len(await discord.calls("bulk_overwrite_global_commands")) == 1, number


async def test_a_wrong_token_is_told_in_one_line(room: Room, tmp_path: Path) -> None:
    env = clean_env(**{**room.world.stack.environment(**room.discord.env()), "DISCORD_TOKEN": "wrong"})
    for command, status in (("bot", 1), ("doctor", 1)):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bots", command, *(["discord"] if command == "bot" else [])),
            cwd=tmp_path,
            env=env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == status
        [line] = [one for one in said.decode().splitlines() if "DISCORD_TOKEN" in one and "rejects" in one]
        assert "Traceback" not in said.decode() and "copy it again" in line


@pytest.mark.parametrize("broken", ["in the middle", "at the end"])
async def test_a_token_with_a_line_break_is_told_in_one_line_or_does_no_harm(
    room: Room, tmp_path: Path, broken: str
) -> None:
    token = room.discord.token
    told = {"in the middle": f"{token[:9]}\n{token[9:]}", "at the end": f" {token}\n"}[broken]
    env = clean_env(**{**room.world.stack.environment(**room.discord.env()), "DISCORD_TOKEN": told})
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bots", "doctor"),
        cwd=tmp_path, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    [line] = [one for one in said.decode().splitlines() if "discord app: " in one][:1]
    assert ("a line break" in line) if broken == "in the middle" else ("logs in as" in line), said.decode()
    if broken == "in the middle":
        with pytest.raises(AssertionError, match="DISCORD_TOKEN contains a blank, a line break"):
            await room.world.bot.start(DISCORD_TOKEN=told)
        assert "Traceback" not in room.world.bot.log
    else:
        await room.world.bot.start(DISCORD_TOKEN=told, DISCORD_DELIVERY_PORT="0")
        await asks(room, room.ada, room.channel, f"<@{room.discord.bot}> hello")


async def test_the_doctor_prints_the_invite_link_and_names_what_is_missing(room: Room, tmp_path: Path) -> None:
    discord = room.discord
    await discord.configure(message_content=False)
    poor = await discord.add_guild("Poor", permissions=("view_channel",))
    await discord.change_role(poor.id, poor.id, deny=["read_message_history"])
    env = clean_env(**room.world.stack.environment(**discord.env()))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bots", "doctor", cwd=tmp_path, env=env,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    lines = said.decode().splitlines()
    assert process.returncode == 1
    assert any(line.startswith("no  discord app: the Message Content intent is off") for line in lines), lines
    assert any("in Poor it lacks: " in line and "read message history" in line for line in lines), lines
    [link] = [line for line in lines if line.startswith("--  discord app: invite link: ")]
    assert f"client_id={discord.application}" in link and "applications.commands" in link and "permissions=" in link


async def test_allow_and_block_lists_for_servers_channels_roles_and_people(room: Room) -> None:
    discord = room.discord
    other = await discord.add_channel(room.guild, "other")
    elsewhere = await new_room(room.world)
    crew = await discord.add_role(room.guild, "Crew")
    banned = await discord.add_role(room.guild, "Banned")
    cleo = await discord.add_user("cleo")
    await discord.join(cleo.id, room.guild, roles=[crew.id, banned.id])
    await discord.change_member(room.guild, room.ada, roles=[crew.id])
    thread = await discord.start_thread(room.ada, other.id, "aside", None, type=11)
    await room.world.bot.start(
        ACCESS_ALLOW=f"{crew.id} {elsewhere.guild}", ACCESS_BLOCK=f"{other.id}, {banned.id} {elsewhere.ben}"
    )
    await asks(room, room.ada, room.channel, f"<@{discord.bot}> I am of the crew")
    await asks(elsewhere, elsewhere.ada, elsewhere.channel, f"<@{discord.bot}> my server is allowed")
    for person, channel in (
        (room.ben, room.channel),  # no role that is allowed
        (cleo.id, room.channel),  # a role that is blocked
        (room.ada, other.id),  # a channel that is blocked
        (room.ada, thread.id),  # and its threads
        (elsewhere.ben, elsewhere.channel),
    ):
        said = await discord.mention(person, channel, "may I?")
        assert "may not answer" in await told(room, said)


async def test_limits_per_person_and_per_channel(room: Room) -> None:
    discord = room.discord
    await room.world.bot.start(PERSON_MESSAGES_PER_MINUTE="2", CHANNEL_MESSAGES_PER_MINUTE="3")
    for number in range(2):
        await asks(room, room.ada, room.channel, f"<@{discord.bot}> question {number}")
    said = await discord.mention(room.ada, room.channel, "one too many")
    assert "Too many messages" in await told(room, said)
    thread = await discord.start_thread(room.ada, room.channel, "aside", None, type=11)
    await asks(room, room.ben, thread.id, f"<@{discord.bot}> the third of this channel")
    said = await discord.mention(room.ben, thread.id, "the fourth")
    assert "Too many messages" in await told(room, said)
    # What a limit refuses is no question, but the next answer knows of it.
    kept = [m for m in (await history(room, room.channel)).messages if m.role == "user"]
    assert [m.status for m in kept] == ["answered", "answered", "noted"]


async def test_a_refusal_is_said_once_to_a_person_and_not_again_for_a_while(room: Room) -> None:
    discord = room.discord
    await room.world.bot.start(PERSON_MESSAGES_PER_MINUTE="1", ACCESS_BLOCK=room.ben)
    first = await discord.mention(room.ben, room.channel, "may I?")
    await told(room, first)
    for number in range(3):
        await discord.mention(room.ben, room.channel, f"may I now? {number}")
    await asks(room, room.ada, room.channel, f"<@{discord.bot}> I may")
    quick = await discord.mention(room.ada, room.channel, "and at once again")
    assert "Too many messages" in await told(room, quick)
    again = await discord.mention(room.ada, room.channel, "and again")
    await discord.until(lambda: history(room, room.channel), lambda h: h.messages[-1].text == "and again")
    help_ = await discord.mention(room.ada, room.channel, "help")  # what comes later is told, so the others were not
    await told(room, help_)
    assert not await discord.replies(room.channel, again)
    assert [one.reply_to for one in await discord.replies(room.channel) if not one.buttons()] == [
        first.id, quick.id, help_.id,
    ]  # fmt: skip


async def test_what_is_too_old_becomes_context_and_is_asked_about_once(room: Room) -> None:
    discord, bot = room.discord, room.world.bot
    await bot.start()
    for place in (room.channel, room.direct):
        await asks(room, room.ada, place, f"<@{discord.bot}> hello")
    await bot.close()
    await discord.mention(room.ada, room.channel, "my name is Ada", silent=True)
    await discord.mention(room.ben, room.channel, "and mine is Ben", silent=True)
    last = await discord.post(room.ada, room.direct, "my name is Ada", silent=True)
    await eventually(lambda: older_than(last, 1.5))
    await bot.start(CATCHUP_MAX_AGE="1")
    for place in (room.channel, room.direct):
        await discord.wait_reply(place, None, lambda m: "I was offline" in m.content)
        _, reply, _ = await asks(room, room.ada, place, f"<@{discord.bot}> what is my name?")
        assert reply.content == "Your name is Ada."
        assert len(await discord.replies(place)) == 3


async def test_that_nobody_was_there_is_said_when_nobody_waits_any_more(room: Room) -> None:
    """Said before the answer to a question that waits, it would be taken for that answer."""
    discord, bot, model = room.discord, room.world.bot, room.model
    await bot.start()
    number = await model.count()
    await model.script(GATE)
    first = await discord.mention(room.ada, room.channel, "a long one")
    running = await model.wait(number)
    waiting = await discord.mention(room.ben, room.channel, "and mine?")
    await discord.until(lambda: history(room, room.channel), lambda h: len(h.waiting) == 1)
    await bot.kill()
    old = await discord.mention(room.ada, room.channel, "is nobody there?")
    await eventually(lambda: older_than(old, 1.5))
    await bot.start(CATCHUP_MAX_AGE="1")

    async def seen() -> str:
        async with room.world.stack.ingress() as ingress:
            request = ChannelViewRequest(conversation=room.key(room.channel))
            place = await ingress.call(handlers.CHANNEL_GET, room.key(room.channel), request)
        return place.thread.position if place.thread else ""

    await discord.until(seen, lambda found: found >= position_of(old.id))
    await model.release(running.number, "At last.")
    await model.finish(running.number)
    away = await discord.wait_reply(room.channel, None, lambda m: "I was offline" in m.content)
    for said in (first, waiting):
        [reply] = await answered(room, said)
        assert int(reply.id) < int(away.id)


async def older_than(message: Message, seconds: float) -> bool:
    return time.time() - message.created > seconds


async def test_what_is_young_enough_is_answered_with_the_old_as_context(room: Room) -> None:
    discord, bot = room.discord, room.world.bot
    await bot.start()
    await asks(room, room.ada, room.channel, f"<@{discord.bot}> hello")
    await bot.close()
    said = await discord.mention(room.ada, room.channel, "my name is Ada", silent=True)
    other = await discord.mention(room.ben, room.channel, "what is my name?", silent=True)
    await bot.start()
    await answered(room, said)
    await answered(room, other)
    seen = (await room.model.requests())[-1]
    assert "my name is Ada" in prompt(seen)
    assert len(await discord.replies(room.channel)) == 3


async def test_what_was_edited_or_deleted_while_the_bot_was_away_is_found(room: Room) -> None:
    discord, bot = room.discord, room.world.bot
    await bot.start()
    other = await discord.add_channel(room.guild, "other")
    hidden = await discord.add_channel(room.guild, "hidden")
    await set_rules(room, other.id, answer_in="thread")
    edited, _, _ = await asks(room, room.ada, room.channel, f"<@{discord.bot}> my name is Ada")
    deleted, _, _ = await asks(room, room.ben, room.channel, f"<@{discord.bot}> my dog is Rex")
    direct, _, _ = await asks(room, room.ada, room.direct, "my name is Ada")
    kept, _, _ = await asks(room, room.ada, hidden.id, f"<@{discord.bot}> my secret")
    question = await discord.mention(room.ada, other.id, "my cat is Tom")
    await discord.wait_reply(question.id, None, is_done)
    await discord.unfurl(room.channel, edited.id, "A title", "https://x.test")
    await bot.kill()
    await discord.edit(room.ada, room.channel, edited.id, f"<@{discord.bot}> my name is Grace", silent=True)
    for person, said in ((room.ben, deleted), (room.ada, direct), (room.ada, question)):
        await discord.delete(person, said.channel, said.id, silent=True)
    await discord.overwrite(hidden.id, discord.bot, deny=["read_message_history"])
    await bot.start()
    for place, texts in (
        (room.channel, ["my name is Grace"]),
        (room.direct, []),
        (question.id, []),
        (hidden.id, ["my secret"]),
    ):
        await discord.until(
            lambda place=place: history(room, place),  # type: ignore[misc]
            lambda h, texts=texts: [m.text for m in h.messages if m.role == "user" and m.text] == texts,  # type: ignore[misc]
        )
    assert kept.channel == hidden.id
    _, reply, _ = await asks(room, room.ben, room.channel, f"<@{discord.bot}> what is my name?")
    assert reply.content == "Your name is Grace."
    assert len(await discord.replies(room.channel)) == 3, "an edit is not answered"


async def test_a_first_direct_message_that_nobody_heard_is_answered_when_its_author_comes_back(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    """Discord lists no direct conversations: of this one the bot learns by the next message, or by a command."""
    await model.clear()
    async with running_world(engine_binary, tmp_path, model, whole=False, start=False) as world:
        discord = world.discord
        hour_ago = position_of(utils.time_snowflake(datetime.now(UTC) - timedelta(hours=1)))
        async with world.stack.ingress() as ingress:
            await ingress.send(handlers.CHANNEL_ADVANCE_READ_POSITION, "discord:@me", ReadPosition(position=hour_ago))
        room = await new_room(world)
        await world.bot.start()

        async def reached() -> str:
            async with world.stack.ingress() as ingress:
                place = await ingress.call(handlers.CHANNEL_GET, f"discord:{room.guild}", ChannelViewRequest())
            return place.position

        await discord.until(reached)
        await discord.post(room.ada, room.direct, "my name is Ada", age=600)
        _, reply, _ = await asks(room, room.ada, room.direct, "what is my name?")
        assert reply.content == "Your name is Ada."
        direct = await discord.direct(room.ben)
        lost = await discord.post(room.ben, direct.id, "is anybody there?", age=600)
        await discord.command(room.ben, direct.id, "help")
        [reply] = await answered(room, lost)
        assert "is anybody there?" in reply.content
