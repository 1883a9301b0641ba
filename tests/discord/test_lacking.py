"""Where the bot may not answer, whoever asked is told so once, and the operator, too."""

from __future__ import annotations

from tests.discord.rooms import Room, asks


async def test_without_the_right_to_read_what_was_said_before_it_says_so_in_the_channel(room: Room) -> None:
    discord = room.discord
    await discord.overwrite(room.channel, discord.bot, deny=["read_message_history"])
    await discord.mention(room.ada, room.channel, "hello?")
    told = await discord.wait_reply(room.channel, None)
    assert "I lack the permission to read message history" in told.content and not told.reply_to
    await discord.mention(room.ada, room.channel, "hello??")
    await discord.until(lambda: log_of(room), lambda log: log.count(f"{room.key(room.channel)} is undelivered") == 2)
    assert len(await discord.replies(room.channel)) == 1
    assert "the bot may not answer, it lacks: read message history" in room.world.bot.log
    await discord.overwrite(room.channel, discord.bot)
    await asks(room, room.ada, room.channel, f"<@{discord.bot}> and now?")


async def test_without_the_right_to_write_in_threads_it_says_so_directly(room: Room) -> None:
    discord = room.discord
    thread = await discord.start_thread(room.ada, room.channel, "aside", None, type=11)
    await discord.overwrite(room.channel, discord.bot, deny=["send_messages_in_threads"])
    await discord.mention(room.ada, thread.id, "hello?")
    told = await discord.wait_reply(room.direct, None)
    assert "the permission to send messages in threads" in told.content and f"<#{thread.id}>" in told.content
    assert not await discord.replies(thread.id)


async def log_of(room: Room) -> str:
    return room.world.bot.log
