"""The bot, the chat service and Restate are killed with `kill -9`: each message gets one reply, in its first place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chat_service.engine.process import free_port
from tests.discord.stack import DiscordBot, Server, create_server
from tests.discord.steps import (
    ask,
    hold_turn,
    is_complete,
    lose_session,
    read_history,
    texts_of_users,
    wait_for_history,
    wait_for_log,
    wait_for_reactions,
    wait_for_reply,
    wait_until_idle,
)


async def test_bot_killed_before_it_handed_a_message_over(own_server: Server) -> None:
    discord, stack = own_server.discord, own_server.stack
    await ask(own_server, own_server.ada, own_server.channel, "hello")
    await ask(own_server, own_server.ada, own_server.dm_channel, "hello")
    await stack.stack.kill_engine()
    received = await discord.mention(own_server.ada, own_server.channel, "received without Restate")
    await discord.wait_until(lambda: discord.create_events(received), lambda events: events and events[-1].sent)
    await own_server.bot.kill()
    await discord.mention(own_server.ada, own_server.channel, "sent without the bot")
    await discord.post(own_server.ada, own_server.dm_channel, "sent without the bot")
    await stack.start_engine()
    await own_server.bot.start()
    history = await wait_until_idle(own_server, own_server.channel, user_messages=3)
    assert texts_of_users(history) == ["hello", "received without Restate", "sent without the bot"]
    history = await wait_until_idle(own_server, own_server.dm_channel, user_messages=2)
    assert texts_of_users(history) == ["hello", "sent without the bot"]


async def test_bot_killed_during_a_turn_delivers_the_reply_after_its_restart(own_server: Server) -> None:
    """The turns end while the bot is away: the replies come into the messages that were there, and the reactions go."""
    discord = own_server.discord
    turn = await hold_turn(own_server, own_server.ada, own_server.channel, "first")
    preview = await discord.wait_reply(own_server.channel, turn.question, lambda m: True)
    questions = [turn.question]
    for text in ("second", "third"):
        questions.append(await discord.mention(own_server.ben, own_server.channel, text))
    await wait_for_reactions(own_server, questions, {"👀"})
    await own_server.bot.kill()
    await turn.finish("An answer.")
    await wait_until_idle(own_server, own_server.channel, user_messages=len(questions))
    await own_server.bot.start()
    reply = await wait_for_reply(own_server, turn.question)
    assert reply.id == preview.id and reply.content == "An answer."
    await wait_for_reply(own_server, questions[-1])
    await wait_for_reactions(own_server, questions, set())
    for question in questions:
        assert len(await discord.replies(own_server.channel, question)) <= 1


async def test_bot_killed_between_a_post_and_its_response(own_server: Server) -> None:
    """When it looks for the post, Discord has forgotten the nonce."""
    discord = own_server.discord
    await discord.add_fault("create_message", "commit_hold", contains=own_server.channel)
    question = await discord.mention(own_server.ada, own_server.channel, "only once")
    preview = await discord.wait_reply(own_server.channel, question, lambda m: True)
    await own_server.bot.kill()
    await discord.release_held_calls()
    await discord.set_rules(nonce_seconds=0.0)
    await own_server.bot.start()
    reply = await wait_for_reply(own_server, question)
    assert reply.id == preview.id and len(await discord.replies(own_server.channel)) == 1


async def test_bot_terminated_during_a_reply_completes_it_after_its_restart(own_server: Server) -> None:
    bot = own_server.bot
    turn = await hold_turn(own_server, own_server.ada, own_server.channel, "a saga")
    preview = await own_server.discord.wait_reply(own_server.channel, turn.question, lambda m: True)
    log_length = len(bot.log)
    assert bot.process is not None
    await turn.write("The ")
    bot.process.terminate()
    assert await asyncio.wait_for(bot.process.wait(), 30) == 0
    await turn.finish("end.")
    assert "Traceback" not in bot.log[log_length:]
    await bot.start()
    reply = await wait_for_reply(own_server, turn.question)
    assert reply.id == preview.id and reply.content == "The end."


async def test_restate_killed_during_a_reply(own_server: Server) -> None:
    discord, stack = own_server.discord, own_server.stack
    turn = await hold_turn(own_server, own_server.ada, own_server.channel, "a tale")
    preview = await discord.wait_reply(own_server.channel, turn.question, lambda m: True)
    await stack.stack.kill_engine()
    meanwhile = await discord.mention(own_server.ben, own_server.channel, "and mine?")
    used = await discord.run_command(own_server.ada, own_server.channel, "ask", question="and what I asked?")
    assert used.state == "answered", "in time, without Restate"
    [question] = await discord.responses(used)
    used = await discord.run_command(own_server.ben, own_server.channel, "history")
    answers = await discord.wait_until(lambda: discord.responses(used), lambda found: found and not found[0].loading)
    assert "cannot reach the chat service" in answers[0].content
    await stack.start_engine()
    reply = await wait_for_reply(own_server, turn.question)
    assert reply.id == preview.id and "a tale" in reply.content
    await wait_for_reply(own_server, meanwhile)
    await wait_for_reply(own_server, question)
    assert len([reply for reply in await discord.replies(own_server.channel) if reply.reply_to]) == 3


async def test_two_shards_read_missed_messages_when_restate_is_back(own_server: Server) -> None:
    """Discord recommends two shards, each with a server. Both lose their sessions while Restate is down."""
    discord, stack, bot = own_server.discord, own_server.stack, own_server.bot
    servers = {shard_of(own_server): own_server}
    while len(servers) < 2:
        server = await create_server(stack)
        servers[shard_of(server)] = server
    await discord.set_rules(shards=2)
    await bot.start()
    await discord.wait_connected(2)
    shards = [session.shard for session in await discord.sessions() if session.connected]
    assert sorted(shard[0] for shard in shards if shard) == [0, 1]
    for server in servers.values():
        await ask(server, server.ada, server.channel, "hello")
    await ask(own_server, own_server.ada, own_server.dm_channel, "hello")
    attempts = bot.log.count("reading missed messages is tried again")
    await stack.stack.kill_engine()
    missed = [await discord.mention(s.ada, s.channel, "is anybody there?", silent=True) for s in servers.values()]
    await lose_session(discord)
    await wait_for_log(own_server, "reading missed messages is tried again", times=attempts + 1)
    await stack.start_engine()
    for server, question in zip(servers.values(), missed, strict=True):
        await wait_for_reply(server, question)
        assert len(await discord.replies(server.channel)) == 2
    await bot.close()  # the next test needs one shard


def shard_of(server: Server) -> int:
    """Return the number of a server's shard, out of two."""
    return int(server.guild) >> 22 & 1


@asynccontextmanager
async def second_bot_process(server: Server) -> AsyncIterator[DiscordBot]:
    """Run a second process of the same bot while the block runs."""
    bot = DiscordBot(stack=server.stack.stack, discord=server.discord, delivery_port=free_port())
    await bot.start()
    try:
        await server.discord.wait_connected(2)
        yield bot
    finally:
        await bot.close()
        await server.discord.wait_connected(1)


async def test_two_bot_processes_answer_once_and_one_goes_on_when_the_other_dies(own_server: Server) -> None:
    """Restate calls the process that started last. It reports nothing when it is killed."""
    discord, channel = own_server.discord, own_server.channel
    async with second_bot_process(own_server) as second:
        questions = [await discord.mention(own_server.ada, channel, f"question {number}") for number in range(3)]
        await wait_until_idle(own_server, channel, user_messages=3)
        history = await read_history(own_server, channel)
        assert len(texts_of_users(history)) == 3
        replies = [message for message in history.messages if message.role == "assistant"]
        await discord.wait_until(
            lambda: discord.replies(channel), lambda found: len(found) == len(replies) and all(map(is_complete, found))
        )
        assert {reply.reply_to for reply in await discord.replies(channel)} <= {question.id for question in questions}
        await second.kill()
        question = await discord.mention(own_server.ada, channel, "is anybody there?")
        await discord.wait_reply(channel, question, is_complete, timeout=60)
    await wait_for_log(own_server, "has ended: this process receives the events again")
    await wait_for_history(own_server, channel, lambda found: not found.running)
