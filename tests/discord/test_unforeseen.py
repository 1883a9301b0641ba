"""What nobody foresaw leaves the bot hearing, and the operator told."""

from __future__ import annotations

import aiohttp
import pytest

from bots.common.errors import TransientError
from bots.discord.client import call_discord
from tests.discord.rooms import Room, answered, asks, prompt
from tests.fakes.discord.models import VOICE


async def test_what_discord_py_cannot_read_is_passed_over_and_told(room: Room) -> None:
    """A voice channel without what each has: when it is made, and in each later session."""
    discord = room.discord
    await discord.add_channel(room.guild, "voices", VOICE, lacks=["bitrate"])
    await asks(room, room.ada, room.channel, f"<@{discord.bot}> hello")
    await discord.until(lambda: log_of(room), lambda log: "(CHANNEL_CREATE) cannot be read" in log)
    await discord.forget_sessions()
    await discord.cut_sockets()
    silent = await discord.mention(room.ada, room.channel, "nobody hears this", silent=True)
    await discord.wait_connected()
    await answered(room, silent)
    thread = await discord.start_thread(room.ada, room.channel, "aside", None, type=11)
    _, reply, _ = await asks(room, room.ben, thread.id, f"<@{discord.bot}> and here?")
    assert reply.reply_to and f"the server {room.guild} cannot be read completely" in room.world.bot.log


async def test_a_message_that_discord_py_cannot_read_hides_no_other(room: Room) -> None:
    """Neither those that are caught up with, on both sides of it, nor those that a later question is asked about."""
    discord = room.discord
    await asks(room, room.ada, room.channel, f"<@{discord.bot}> hello")
    one = await discord.mention(room.ada, room.channel, "said before it", silent=True)
    odd = await discord.mention(room.ben, room.channel, "nobody reads this", silent=True, lacks=["type"])
    two = await discord.mention(room.ben, room.channel, "said after it", silent=True)
    await discord.forget_sessions()
    await discord.cut_sockets()
    for missed in (one, two):
        await answered(room, missed)
    assert f"the message {odd.id} in {room.channel} cannot be read" in room.world.bot.log

    aside = await discord.add_channel(room.guild, "aside")
    await discord.post(room.ben, aside.id, "the word is plum")
    await discord.post(room.ben, aside.id, "nor this", lacks=["type"])
    _, _, seen = await asks(room, room.ada, aside.id, f"<@{discord.bot}> which word?")
    assert "the word is plum" in prompt(seen)


async def test_a_frame_that_nobody_can_read_begins_a_new_session(room: Room) -> None:
    discord = room.discord
    await asks(room, room.ada, room.channel, f"<@{discord.bot}> hello")
    sessions = len(await discord.sessions())
    await discord.garble()
    # discord.py waits longer from one reconnection to the next.
    await discord.until(discord.sessions, lambda found: len(found) > sessions and found[-1].connected, patience=120)
    await asks(room, room.ada, room.channel, f"<@{discord.bot}> are you still there?")
    assert "Attempting a reconnect" in room.world.bot.log


async def test_what_a_bot_that_is_ending_cannot_do_is_done_later() -> None:
    """Its deliveries are served a moment longer than its connections live."""
    async with aiohttp.ClientSession() as session:
        pass
    with pytest.raises(TransientError, match="is shutting down"):
        await call_discord("send", session.get("http://127.0.0.1/"))


async def log_of(room: Room) -> str:
    return room.world.bot.log
