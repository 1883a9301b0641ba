"""Messages, edits and deletions that the bot missed between two sessions or while it was offline."""

from __future__ import annotations

import time

from bots.discord.message_snapshot import position_of
from chat_service import handlers
from chat_service.contracts.channel import ChannelView, ChannelViewRequest
from tests.discord.stack import Server, create_server
from tests.discord.steps import (
    ask,
    hold_turn,
    is_complete,
    lose_session,
    read_user_texts,
    set_rules,
    start_thread,
    wait_for_history,
    wait_for_reply,
    wait_for_user_texts,
    wait_until_idle,
)
from tests.fakes.discord.models import Message
from tests.processes import eventually


async def test_messages_missed_between_two_sessions_are_answered_once_and_in_order(own_server: Server) -> None:
    """A mention whose event was lost is answered when a later question reads it, and not again by the backfill."""
    server, discord = own_server, own_server.discord
    await ask(server, server.ada, server.channel, "hello")
    await ask(server, server.ada, server.dm_channel, "hello")
    thread = await start_thread(server)
    before = await discord.post(server.ben, server.channel, "a remark before")
    lost = await discord.mention(server.ada, server.channel, "lost", silent=True)
    after = await discord.post(server.ben, server.channel, "a remark after")
    await ask(server, server.ben, server.channel, "and this?")
    await wait_for_reply(server, lost)
    texts = await read_user_texts(server, server.channel)
    assert texts[0] == "hello" and sorted(texts[1:3]) == [after.content, before.content]
    assert texts[3:] == ["lost", "and this?"]

    missed = [await discord.mention(server.ada, server.channel, f"missed {n}", silent=True) for n in range(2)]
    missed.append(await discord.mention(server.ben, thread.id, "missed in a thread", silent=True))
    missed.append(await discord.post(server.ada, server.dm_channel, "missed in a direct message", silent=True))
    sessions = len(await discord.sessions())
    await lose_session(discord)
    await discord.wait_until(discord.sessions, lambda found: len(found) > sessions and found[-1].connected)
    live = await discord.mention(server.ada, server.channel, "live")
    for message in (*missed, live):
        await discord.wait_reply(message.channel, None, is_complete)
    await wait_for_history(
        server,
        server.channel,
        lambda found: not found.running and not found.waiting and any(m.text == "live" for m in found.messages),
    )
    assert (await read_user_texts(server, server.channel))[5:] == ["missed 0", "missed 1", "live"]
    for channel in (thread.id, server.dm_channel):
        await wait_until_idle(server, channel)
    assert len([reply for reply in await discord.replies(server.channel) if reply.reply_to == lost.id]) == 1


async def test_first_direct_message_is_found_when_its_author_writes_again(server: Server) -> None:
    """Discord lists no direct conversations: the bot learns of a new one by its next message or command."""
    discord = server.discord
    await discord.wait_until(lambda: read_view(server, "discord:@me"), lambda view: view.position)
    await discord.post(server.ada, server.dm_channel, "my name is Ada", age=30)
    _, reply, _ = await ask(server, server.ada, server.dm_channel, "what is my name?")
    assert reply.content == "Your name is Ada."
    dm_channel = await discord.open_dm(server.ben)
    missed = await discord.post(server.ben, dm_channel.id, "is anybody there?", age=30)
    await discord.run_command(server.ben, dm_channel.id, "help")
    assert "is anybody there?" in (await wait_for_reply(server, missed)).content


async def test_messages_sent_while_the_bot_is_offline_are_answered(own_server: Server) -> None:
    """Also the first message in a server that the bot has only just joined."""
    discord, bot = own_server.discord, own_server.bot
    await ask(own_server, own_server.ada, own_server.channel, "hello")
    joined = await create_server(own_server.stack)
    await ask(own_server, own_server.ada, own_server.dm_channel, "hello")  # after the event of the new server
    await bot.kill()
    questions = [await discord.mention(own_server.ada, own_server.channel, "my name is Ada")]
    questions.append(await discord.mention(own_server.ben, own_server.channel, "what is my name?"))
    first = await discord.mention(joined.ada, joined.channel, "the first message here")
    await bot.start()
    replies = [await wait_for_reply(own_server, question) for question in questions]
    assert replies[1].content == "Your name is Ada.", "the first message is context of the second"
    assert "the first message here" in (await wait_for_reply(joined, first)).content
    assert len(await discord.replies(own_server.channel)) == 3


async def test_old_messages_become_context_and_one_notice_asks_about_them(own_server: Server) -> None:
    """The notice is posted after the replies to waiting questions: before them, it would look like an answer."""
    discord, bot = own_server.discord, own_server.bot
    await ask(own_server, own_server.ada, own_server.dm_channel, "hello")
    turn = await hold_turn(own_server, own_server.ada, own_server.channel, "a long one")
    waiting = await discord.mention(own_server.ben, own_server.channel, "and mine?")
    await wait_for_history(own_server, own_server.channel, lambda found: len(found.waiting) == 1)
    await bot.kill()
    await discord.mention(own_server.ada, own_server.channel, "is anybody there?")
    await discord.post(own_server.ada, own_server.dm_channel, "my name is Ada")
    old = await discord.mention(own_server.ben, own_server.channel, "and mine is Ben")
    await wait_for_age(old, 1.5)
    await bot.start(BACKFILL_MAX_AGE="1")

    conversation = own_server.conversation(own_server.channel)
    await discord.wait_until(
        lambda: read_view(own_server, conversation),
        lambda view: view.thread is not None and view.thread.position >= position_of(old.id),
    )
    await turn.finish("At last.")
    notice = await discord.wait_reply(own_server.channel, None, lambda m: "I was offline" in m.content)
    for question in (turn.question, waiting):
        assert int((await wait_for_reply(own_server, question)).id) < int(notice.id)
    await discord.wait_reply(own_server.dm_channel, None, lambda m: "I was offline" in m.content)
    _, reply, _ = await ask(own_server, own_server.ada, own_server.dm_channel, "what is my name?")
    assert reply.content == "Your name is Ada."
    for channel in (own_server.channel, own_server.dm_channel):
        assert len(await discord.replies(channel)) == 3


async def test_edits_and_deletions_while_the_bot_is_offline_are_found(own_server: Server) -> None:
    discord, bot = own_server.discord, own_server.bot
    other = await discord.add_channel(own_server.guild, "other")
    hidden = await discord.add_channel(own_server.guild, "hidden")
    await set_rules(own_server, other.id, answer_in="thread")
    edited, _, _ = await ask(own_server, own_server.ada, own_server.channel, "my name is Ada")
    deleted, _, _ = await ask(own_server, own_server.ben, own_server.channel, "my dog is Rex")
    direct, _, _ = await ask(own_server, own_server.ada, own_server.dm_channel, "my name is Ada")
    await ask(own_server, own_server.ada, hidden.id, "my secret")
    threaded = await discord.mention(own_server.ada, other.id, "my cat is Tom")
    await discord.wait_reply(threaded.id, None, is_complete)
    await discord.unfurl(own_server.channel, edited.id, "A title", "https://x.test")
    await bot.kill()
    text = f"{own_server.mention} my name is Grace"
    await discord.edit(own_server.ada, own_server.channel, edited.id, text)
    for person, message in ((own_server.ben, deleted), (own_server.ada, direct), (own_server.ada, threaded)):
        await discord.delete(person, message.channel, message.id)
    await discord.set_overwrite(hidden.id, discord.bot, deny=["read_message_history"])
    await bot.start()
    for channel, texts in (
        (own_server.channel, ["my name is Grace"]),
        (own_server.dm_channel, []),
        (threaded.id, []),
        (hidden.id, ["my secret"]),
    ):
        await wait_for_user_texts(own_server, channel, texts)
    _, reply, _ = await ask(own_server, own_server.ben, own_server.channel, "what is my name?")
    assert reply.content == "Your name is Grace."
    assert len(await discord.replies(own_server.channel)) == 3, "an edit is not answered"


async def wait_for_age(message: Message, seconds: float) -> None:
    """Wait until a message is so many seconds old."""

    async def read_age() -> float:
        return time.time() - message.created

    await eventually(read_age, lambda age: age > seconds)


async def read_view(server: Server, scope: str) -> ChannelView:
    """Return what the bot knows of a channel, and of the conversation in it."""
    async with server.stack.stack.ingress() as ingress:
        return await ingress.call(handlers.CHANNEL_GET, scope, ChannelViewRequest(conversation=scope))
