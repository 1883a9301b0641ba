"""Events and messages that discord.py cannot read are logged, and the bot goes on."""

from __future__ import annotations

from tests.discord.stack import Server
from tests.discord.steps import ask, prompt_text, start_thread, wait_for_log, wait_for_reply
from tests.fakes.discord.models import VOICE


async def test_unreadable_channel_message_and_frame_do_not_stop_the_bot(own_server: Server) -> None:
    """A voice channel and a message without a field that each has, and a frame that is no JSON, after which discord.py
    starts a new session. In it the channel comes again, and the backfill reads the messages before and after the
    unreadable one."""
    server, discord = own_server, own_server.discord
    await discord.add_channel(server.guild, "voices", VOICE, omitted_fields=["bitrate"])
    await ask(server, server.ada, server.channel, "hello")
    await wait_for_log(server, "(CHANNEL_CREATE) cannot be read")
    before = await discord.mention(server.ada, server.channel, "written before it", silent=True)
    unreadable = await discord.mention(server.ben, server.channel, "unreadable", silent=True, omitted_fields=["type"])
    after = await discord.mention(server.ben, server.channel, "written after it", silent=True)
    sessions = len(await discord.sessions())
    await discord.send_invalid_frame()
    # discord.py pauses longer before each reconnection of a process.
    await discord.wait_until(discord.sessions, lambda found: len(found) > sessions and found[-1].connected, timeout=120)
    for missed in (before, after):
        await wait_for_reply(server, missed)
    await wait_for_log(server, "Attempting a reconnect")
    await wait_for_log(server, f"the server {server.guild} cannot be read completely")
    await wait_for_log(server, f"the message {unreadable.id} in {server.channel} cannot be read")
    thread = await start_thread(server)
    _, reply, _ = await ask(server, server.ben, thread.id, "and here?")
    assert reply.reply_to


async def test_unreadable_message_hides_no_earlier_message_from_the_model(server: Server) -> None:
    await server.discord.post(server.ben, server.channel, "the word is plum")
    await server.discord.post(server.ben, server.channel, "unreadable", omitted_fields=["type"])
    _, _, request = await ask(server, server.ada, server.channel, "which word?")
    assert "the word is plum" in prompt_text(request)
