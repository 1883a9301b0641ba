"""What the fake Discord does wrong on demand, and its rate limits, through the real discord.py."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import discord
import pytest

from tests.discord.conftest import Place
from tests.fakes.discord.models import Call


async def texts(place: Place) -> list[str]:
    """What the bot wrote."""
    return [one.content for one in await place.discord.replies(place.channel)]


async def posts(place: Place) -> list[Call]:
    """What the bot tried to write in this test's channel."""
    return [one for one in await place.discord.calls("create_message") if one.params["channel"] == place.channel]


async def test_a_cut_before_or_after_the_commit_looks_the_same_to_the_client(place: Place) -> None:
    await place.discord.fault("create_message", "cut")
    with pytest.raises(aiohttp.ClientError):
        await place.here.send("never written")
    await place.discord.fault("create_message", "commit_cut")
    with pytest.raises(aiohttp.ClientError):
        await place.here.send("written")
    assert await texts(place) == ["written"]
    calls = [(one.committed, one.fault, one.status) for one in await posts(place)]
    assert calls == [(False, "cut", None), (True, "commit_cut", None)]


async def test_discord_py_tries_again_after_a_500_that_came_after_the_commit(place: Place) -> None:
    """Its posts carry a nonce of its own, so that the second is the first; what carries none stands twice."""
    for status in (500, 502):
        await place.discord.fault("create_message", "commit_fail", status=status)
        await place.here.send(f"after {status}")
    assert await texts(place) == ["after 500", "after 502"]
    await place.discord.fault("create_message", "commit_fail")
    await place.client.http.request(
        discord.http.Route("POST", "/channels/{channel_id}/messages", channel_id=place.channel),
        json={"content": "bare"},
    )
    assert (await texts(place))[2:] == ["bare", "bare"]


async def test_a_failure_before_the_commit_is_tried_again_by_discord_py(place: Place) -> None:
    await place.discord.fault("create_message", "fail", status=500)
    await place.here.send("once")
    assert await texts(place) == ["once"]
    await place.discord.fault("create_message", "fail", status=503)
    with pytest.raises(discord.DiscordServerError):
        await place.here.send("not at all")


async def test_a_commit_can_come_late(place: Place) -> None:
    await place.discord.fault("create_message", "late_commit", delay=0.3)
    with pytest.raises(aiohttp.ClientError):
        await place.here.send("late")
    assert await texts(place) == []
    await place.discord.until(lambda: texts(place), lambda found: found == ["late"])


async def test_calls_can_be_held_and_refused_and_picked(place: Place) -> None:
    await place.discord.fault("create_message", "hold")
    held = asyncio.create_task(place.here.send("held"))
    await place.discord.wait_call("create_message")
    assert await texts(place) == []
    await place.discord.release()
    await held
    await place.discord.fault("create_message", "commit_hold")
    held = asyncio.create_task(place.here.send("written, not told"))
    await place.discord.until(lambda: texts(place), lambda found: len(found) == 2)
    assert not held.done()
    await place.discord.release()
    await held
    await place.discord.fault("*", "refuse", status=403, code=50013, contains="this one", skip=1)
    await place.here.send("this one passes")
    await place.here.send("another")
    assert await place.refused(place.here.send("this one not")) == 50013
    await place.here.send("this one again")


async def test_a_rate_limit_is_obeyed_by_discord_py(place: Place) -> None:
    await place.discord.fault("create_message", "ratelimited", retry_after=0.4)
    began = time.monotonic()
    await place.here.send("patient")
    assert time.monotonic() - began >= 0.4
    assert [one.status for one in await posts(place)] == [429, 200]


async def test_a_global_rate_limit_stops_every_route(place: Place) -> None:
    await place.discord.fault("create_message", "ratelimited", retry_after=0.5, scope="global")
    first = asyncio.create_task(place.here.send("first"))
    await place.discord.wait_call("create_message")
    async with aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bot {place.discord.token}"}
        async with session.get(f"{place.discord.api_url}/users/@me", headers=headers) as response:
            assert response.status == 429 and (await response.json())["global"] is True
            assert response.headers["X-RateLimit-Global"] == "true" and response.headers["Via"]
    await first
    assert await texts(place) == ["first"]


async def test_without_via_it_is_the_proxy_that_says_no(place: Place) -> None:
    await place.discord.fault("create_message", "ratelimited", via=False)
    with pytest.raises(discord.HTTPException) as caught:
        await place.here.send("banned")
    assert caught.value.status == 429


async def test_a_bucket_of_a_channel_is_real_and_told_in_headers(place: Place) -> None:
    await place.discord.rules(buckets={"create_message": (2, 0.6)})
    other = await place.discord.add_channel(place.guild, "other")
    began = time.monotonic()
    for number in range(3):
        await place.here.send(str(number))
    assert time.monotonic() - began >= 0.5
    await place.client.place(other.id).send("has a bucket of its own")
    assert {one.status for one in await posts(place)} == {200}
    url, headers = f"{place.discord.api_url}/channels/{other.id}/messages", {}
    headers["Authorization"] = f"Bot {place.discord.token}"
    seen: list[tuple[int, Any]] = []
    async with aiohttp.ClientSession(headers=headers) as session:
        for _ in range(3):
            async with session.post(url, json={"content": "fast"}) as response:
                seen.append((response.status, response.headers["X-RateLimit-Remaining"]))
                last = response.headers, await response.json()
    assert [status for status, _ in seen][-1] == 429 and seen[-1][1] == "0"
    assert int(last[0]["Retry-After"]) >= 1 and 0 < last[1]["retry_after"] <= 0.6 and last[0]["X-RateLimit-Bucket"]


async def test_an_outage_cuts_everything_until_it_is_over(place: Place) -> None:
    await place.discord.down()
    with pytest.raises(aiohttp.ClientError):
        await place.here.send("x")
    await place.discord.post(place.person, place.channel, "meanwhile", silent=True)
    await place.discord.down("503")
    with pytest.raises(discord.DiscordServerError):
        await place.here.send("x")
    await place.discord.up()
    await place.here.send("back")
    await place.event("resumed")
    assert [one.content async for one in place.here.history(oldest_first=True)] == ["meanwhile", "back"]


async def test_what_is_no_route_or_no_json_is_refused(place: Place) -> None:
    headers = {"Authorization": f"Bot {place.discord.token}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(f"{place.discord.api_url}/nothing") as response:
            assert response.status == 404
        async with session.post(f"{place.discord.api_url}/channels/{place.channel}/messages", data="{") as response:
            assert (response.status, (await response.json())["code"]) == (400, 50109)
        async with session.get(f"{place.discord.api_url}/users/@me", headers={"Authorization": "Bot x"}) as response:
            assert response.status == 401


async def test_who_the_bot_is_and_what_its_application_may(place: Place) -> None:
    app = await place.client.application_info()
    assert str(app.id) == place.discord.application
    assert app.flags.gateway_message_content_limited and app.flags.gateway_guild_members_limited
    await place.discord.configure(message_content=False)
    assert not (await place.client.application_info()).flags.gateway_message_content_limited
    _, url, limit = await place.client.http.get_bot_gateway()
    assert url == place.discord.gateway_url and limit["remaining"] <= limit["total"]
