"""The fake Discord's faults, rate limits and outages, seen by discord.py."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import discord
import pytest

from tests.discord.conftest import FakeServer
from tests.fakes.discord.records import Call


async def read_texts(fake_server: FakeServer) -> list[str]:
    """Return what the bot posted in the channel."""
    return [message.content for message in await fake_server.control.replies(fake_server.channel_id)]


async def read_posts(fake_server: FakeServer) -> list[Call]:
    """Return the bot's tries to post in the channel."""
    calls = await fake_server.control.calls("create_message")
    return [call for call in calls if call.params["channel"] == fake_server.channel_id]


async def test_cut_before_and_after_the_commit_look_the_same_to_the_client(fake_server: FakeServer) -> None:
    await fake_server.control.add_fault("create_message", "cut")
    with pytest.raises(aiohttp.ClientError):
        await fake_server.channel.send("never written")
    await fake_server.control.add_fault("create_message", "commit_cut")
    with pytest.raises(aiohttp.ClientError):
        await fake_server.channel.send("written")
    assert await read_texts(fake_server) == ["written"]
    await fake_server.control.add_fault("create_message", "late_commit", delay=0.1)
    with pytest.raises(aiohttp.ClientError):
        await fake_server.channel.send("late")
    await fake_server.control.wait_until(lambda: read_texts(fake_server), lambda texts: texts == ["written", "late"])


async def test_repeat_after_a_failure_behind_the_commit_is_recognized_by_its_nonce(fake_server: FakeServer) -> None:
    """discord.py sends a nonce of its own with each post; a post without one is there twice."""
    await fake_server.control.add_fault("create_message", "commit_fail", status=500)
    await fake_server.channel.send("with a nonce")
    await fake_server.control.add_fault("create_message", "commit_fail")
    route = discord.http.Route("POST", "/channels/{channel_id}/messages", channel_id=fake_server.channel_id)
    await fake_server.client.http.request(route, json={"content": "bare"})
    assert await read_texts(fake_server) == ["with a nonce", "bare", "bare"]


async def test_calls_can_be_held_refused_and_selected(fake_server: FakeServer) -> None:
    await fake_server.control.add_fault("create_message", "hold")
    held = asyncio.create_task(fake_server.channel.send("held"))
    await fake_server.control.wait_call("create_message")
    assert await read_texts(fake_server) == []
    await fake_server.control.release_held_calls()
    await held
    await fake_server.control.add_fault("create_message", "commit_hold")
    held = asyncio.create_task(fake_server.channel.send("written without a response"))
    await fake_server.control.wait_until(lambda: read_texts(fake_server), lambda texts: len(texts) == 2)
    assert not held.done()
    await fake_server.control.release_held_calls()
    await held
    await fake_server.control.add_fault("*", "refuse", status=403, code=50013, contains="this one", skip=1)
    await fake_server.channel.send("this one passes")
    await fake_server.channel.send("another")
    assert await fake_server.error_code(fake_server.channel.send("this one not")) == 50013
    await fake_server.channel.send("this one again")


async def test_discord_py_waits_for_rate_limits(fake_server: FakeServer) -> None:
    began = time.monotonic()
    await fake_server.control.add_fault("create_message", "ratelimited", retry_after=0.2)
    await fake_server.channel.send("first")
    await fake_server.control.add_fault("create_message", "ratelimited", retry_after=0.2, scope="global")
    await fake_server.channel.send("second")
    assert time.monotonic() - began >= 0.4
    assert [call.status for call in await read_posts(fake_server)] == [429, 200, 429, 200]
