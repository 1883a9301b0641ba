"""Where the bot lacks a permission to answer, it tells the asker once, and the operator in the log."""

from __future__ import annotations

from tests.discord.stack import Server
from tests.discord.steps import ask, start_thread, wait_for_log


async def test_missing_read_permission_is_explained_once_in_the_channel(server: Server) -> None:
    discord = server.discord
    await discord.set_overwrite(server.channel, discord.bot, deny=["read_message_history"])
    await discord.mention(server.ada, server.channel, "hello?")
    notice = await discord.wait_reply(server.channel, None)
    assert "I lack the permission to read message history" in notice.content and not notice.reply_to
    await discord.mention(server.ada, server.channel, "hello??")
    await wait_for_log(server, f"{server.conversation(server.channel)} is undelivered", times=2)
    assert len(await discord.replies(server.channel)) == 1
    await wait_for_log(server, "the bot may not answer, it lacks: read message history")
    await discord.set_overwrite(server.channel, discord.bot)
    await ask(server, server.ada, server.channel, "and now?")


async def test_missing_write_permission_in_threads_is_explained_in_a_direct_message(server: Server) -> None:
    discord = server.discord
    thread = await start_thread(server)
    await discord.set_overwrite(server.channel, discord.bot, deny=["send_messages_in_threads"])
    await discord.mention(server.ada, thread.id, "hello?")
    notice = await discord.wait_reply(server.dm_channel, None)
    assert "the permission to send messages in threads" in notice.content and f"<#{thread.id}>" in notice.content
    assert not await discord.replies(thread.id)
