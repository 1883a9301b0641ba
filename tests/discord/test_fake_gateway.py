"""The fake Discord's gateway, through the real discord.py: sessions, what is replayed, what is lost, who may listen."""

from __future__ import annotations

import asyncio
import json
import zlib
from typing import Any

import aiohttp
import discord
import pytest

from tests.discord.conftest import Place
from tests.fakes.discord import DiscordControl
from tests.fakes.discord.trial import connected, intents


# --- who may listen -----------------------------------------------------------------------------------------
async def test_a_wrong_token_is_refused_by_rest_and_by_the_gateway(ground: DiscordControl) -> None:
    with pytest.raises(discord.LoginFailure):
        async with connected(ground, token="wrong"):
            pass
    assert await closed_with(ground, identify(token="wrong")) == 4004
    assert await closed_with(ground, resume(token="wrong")) == 4004


@pytest.mark.parametrize("switch", ["message_content", "members", "presences"])
async def test_a_privileged_intent_that_is_not_switched_on_is_refused(ground: DiscordControl, switch: str) -> None:
    await ground.configure(message_content=False, members_intent=False)
    wanted = discord.Intents.default()
    async with connected(ground, wanted):
        pass
    setattr(wanted, switch, True)
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with connected(ground, wanted):
            pass
    await ground.configure(message_content=True, members_intent=True, presence_intent=True)
    async with connected(ground, wanted):
        pass


async def test_what_a_client_may_not_say_closes_the_line(ground: DiscordControl) -> None:
    assert await closed_with(ground, {"op": 3, "d": {}}) == 4003
    assert await closed_with(ground, {"op": 2, "d": None}) == 4002
    assert await closed_with(ground, identify(token=ground.token, intents=1 << 40)) == 4013
    assert await closed_with(ground, identify(token=ground.token, shard=[2, 2])) == 4010
    assert await closed_with(ground, *[identify(token=ground.token)] * 2) == 4005
    assert await closed_with(ground, identify(token=ground.token), {"op": 99, "d": {}}) == 4001
    assert await closed_with(ground, {"op": 1, "d": "x" * 5000}) == 4002
    assert await closed_with(ground, version="8") == 4012


async def test_the_shape_of_a_session_on_the_wire(ground: DiscordControl) -> None:
    """HELLO, READY with where to resume, then each server; sequence numbers without a gap; compressed as asked."""
    await ground.add_guild("One")
    for compress in ("", "zlib-stream"):
        frames = await said(ground, 4, {"op": 1, "d": None}, identify(token=ground.token), compress=compress)
        hello, ready, server = (one for one in frames if one["op"] != 11)  # the fourth is the heartbeat's answer
        assert hello["op"] == 10 and hello["d"]["heartbeat_interval"] == 41250
        assert server["t"] == "GUILD_CREATE"
        assert (ready["t"], ready["s"]) == ("READY", 1)
        assert ready["d"]["resume_gateway_url"].startswith("ws://") and ready["d"]["session_id"]


# --- heartbeats ---------------------------------------------------------------------------------------------
async def test_heartbeats_are_acknowledged_and_counted(ground: DiscordControl) -> None:
    await ground.rules(heartbeat_seconds=0.2)
    async with connected(ground) as client:
        session = (await ground.sessions())[-1].id

        async def beats() -> int:
            return next(one.heartbeats for one in await ground.sessions() if one.id == session)

        await ground.until(beats, lambda count: count >= 3)
        assert client.latency < 1


async def test_a_silent_client_is_sent_away_and_its_session_is_gone(ground: DiscordControl) -> None:
    await ground.rules(heartbeat_seconds=0.2)
    assert await closed_with(ground, identify(token=ground.token)) == 4009
    assert not (await ground.sessions())[-1].alive


async def test_without_acknowledgements_the_client_gives_the_line_up_and_resumes(ground: DiscordControl) -> None:
    await ground.rules(heartbeat_seconds=0.3)
    async with connected(ground, heartbeat_timeout=1.0) as client:
        session = (await ground.sessions())[-1].id
        await ground.mute()

        async def resumed() -> int:
            return next(one.resumes for one in await ground.sessions() if one.id == session)

        await ground.until(resumed)
        await ground.mute(False)
        assert client.all("resumed") or not client.is_closed()


# --- resuming -----------------------------------------------------------------------------------------------
async def test_a_resume_replays_what_was_missed_in_order(place: Place) -> None:
    await place.discord.post(place.person, place.channel, "before")
    await place.heard("before")
    await place.discord.refuse_sockets()
    await place.discord.cut_sockets()
    for text in ("one", "two", "three"):
        await place.discord.post(place.person, place.channel, text)
    await place.discord.refuse_sockets(False)
    await place.heard("before", "one", "two", "three")
    session = (await place.discord.sessions())[-1]
    assert session.resumes == 1 and place.client.all("resumed")


async def test_a_resume_may_deliver_a_message_again(place: Place) -> None:
    await place.discord.rules(replay_again=2)
    await place.discord.post(place.person, place.channel, "once")
    await place.heard("once")
    await place.discord.cut_sockets()
    await place.heard("once", "once")
    first, second = place.client.all("message")
    assert first.id == second.id


async def test_after_the_session_is_forgotten_what_was_missed_is_lost_but_stands_in_the_history(place: Place) -> None:
    await place.discord.refuse_sockets()
    await place.discord.cut_sockets()
    missed = await place.discord.post(place.person, place.channel, "missed")
    await place.discord.advance(200)
    before = len(await place.discord.sessions())
    await place.discord.refuse_sockets(False)
    await place.event("ready", 2)
    assert len(await place.discord.sessions()) == before + 1
    await place.discord.post(place.person, place.channel, "heard")
    await place.heard("heard")
    history = [str(one.id) async for one in place.here.history(oldest_first=True)]
    assert history[0] == missed.id


async def test_invalid_sessions_are_resumed_or_begun_anew(place: Place) -> None:
    await place.discord.invalidate(resumable=True)
    await place.event("resumed")
    await place.discord.invalidate()
    await place.event("ready", 2)
    assert len(place.client.all("resumed")) == 1


async def test_reconnect_is_obeyed_without_losing_anything(place: Place) -> None:
    await place.discord.reconnect()
    await place.discord.post(place.person, place.channel, "during")
    await place.event("resumed")
    await place.heard("during")


@pytest.mark.parametrize(("code", "alive"), [(1000, False), (1001, False), (4000, True)])
async def test_a_clean_goodbye_ends_the_session(ground: DiscordControl, code: int, alive: bool) -> None:
    address = f"{ground.gateway_url}?v=10&encoding=json"
    async with aiohttp.ClientSession() as session, session.ws_connect(address) as ws:
        await ws.send_json(identify(token=ground.token))
        await ground.until(ground.connections, lambda number: number == 1)
        await ws.close(code=code)
    found = await ground.until(ground.sessions, lambda found: not found[-1].connected)
    assert (found[-1].close_code, found[-1].alive) == (code, alive)


async def test_a_session_that_missed_more_than_is_kept_is_not_resumed(ground: DiscordControl) -> None:
    await ground.rules(replay_events=3)
    person, guild = await ground.add_user("writer"), await ground.add_guild("Busy")
    await ground.join(person.id, guild.id)
    channel = await ground.add_channel(guild.id, "busy")
    async with connected(ground) as client:
        await ground.refuse_sockets()
        await ground.cut_sockets()
        for number in range(5):
            await ground.post(person.id, channel.id, str(number))
        await ground.refuse_sockets(False)

        async def ready() -> int:
            return len(client.all("ready"))

        await ground.until(ready, lambda count: count == 2)
        assert client.texts(channel.id) == []


# --- lost and repeated --------------------------------------------------------------------------------------
async def test_events_can_be_lost_and_repeated(place: Place) -> None:
    await place.discord.post(place.person, place.channel, "lost", silent=True)
    await place.discord.post(place.person, place.channel, "old", age=3600)
    await place.discord.lose_events()
    await place.discord.post(place.person, place.channel, "lost too")
    await place.discord.lose_events(False)
    message = await place.discord.post(place.person, place.channel, "again")
    await place.heard("again")
    [event] = await place.discord.events_of(message)
    await place.discord.repeat(event, 2)
    await place.heard("again", "again", "again")
    assert [one.content for one in await place.discord.messages(place.channel)] == ["old", "lost", "lost too", "again"]


async def test_two_clients_of_one_token_both_hear(place: Place) -> None:
    async with connected(place.discord) as second:
        await place.discord.post(place.person, place.channel, "both")
        await place.heard("both")

        async def other() -> list[str]:
            return second.texts(place.channel)

        await place.discord.until(other, lambda found: found == ["both"])


# --- what is told -------------------------------------------------------------------------------------------
async def test_without_the_intent_text_reaches_only_mentions_and_direct_messages(place: Place) -> None:
    answer = await place.here.send("the bot's own")
    wanted = discord.Intents.default()
    direct = (await place.discord.direct(place.person)).id
    async with connected(place.discord, wanted) as client:
        await place.discord.post(place.person, place.channel, "unseen", embeds=[{"title": "t"}])
        await place.discord.mention(place.person, place.channel, "seen")
        await place.discord.post(place.person, place.channel, "a reply", reply_to=str(answer.id))
        await place.discord.post(place.person, place.channel, "quiet", reply_to=str(answer.id), ping=False)
        await place.discord.post(place.person, direct, "private")

        async def texts() -> list[str]:
            return [*client.texts(place.channel), *client.texts(direct)]

        mention = f"<@{place.discord.bot}> seen"
        await place.discord.until(texts, lambda found: found == ["", mention, "a reply", "", "private"])
        assert not client.all("message")[0].embeds
    await place.discord.configure(message_content=False)
    history = [one.content async for one in place.here.history(oldest_first=True)]
    assert history == ["the bot's own", "", mention, "a reply", ""]


async def test_edits_deletions_threads_and_members_are_told(place: Place) -> None:
    control, person, channel = place.discord, place.person, place.channel
    message = await control.post(person, channel, "first")
    await place.heard("first")
    await control.edit(person, channel, message.id, "second")
    assert (await place.event("raw_message_edit")).data["content"] == "second"
    await control.unfurl(channel, message.id, "A page", "https://example.org")
    unfurled = (await place.event("raw_message_edit", 2)).data
    assert unfurled["embeds"][0]["title"] == "A page"
    thread = await control.start_thread(person, channel, "aside", message.id)
    assert thread.id == message.id
    assert str((await place.event("thread_create")).id) == thread.id
    await control.change_thread(control.owner, thread.id, archived=True, locked=True)
    assert (await place.event("raw_thread_update")).data["thread_metadata"]["locked"]
    await control.delete_channel(thread.id)
    assert str((await place.event("raw_thread_delete")).thread_id) == thread.id
    others = [(await control.post(person, channel, text)).id for text in ("a", "b")]
    await control.delete(person, channel, message.id)
    assert str((await place.event("raw_message_delete")).message_id) == message.id
    await control.delete_many(channel, others)
    assert {str(one) for one in (await place.event("raw_bulk_message_delete")).message_ids} == set(others)
    guest = await control.add_user("guest")
    await control.join(guest.id, place.guild, nick="Guesty")
    assert (await place.event("member_join")).display_name == "Guesty"
    await control.change_member(place.guild, guest.id, nick="Gone")
    await place.event("member_update")
    await control.leave(guest.id, place.guild)
    assert str((await place.event("member_remove")).id) == guest.id
    await control.typing(person, channel)
    await place.event("typing")
    await control.change_channel(channel, name="renamed")
    await place.event("guild_channel_update")
    await control.delete_channel(channel)
    await place.event("guild_channel_delete")
    other = await control.add_guild("Another")
    assert str((await place.event("guild_join")).id) == other.id
    await control.outage(other.id)
    await place.event("guild_unavailable")
    await control.outage(other.id, unavailable=False)
    await place.event("guild_available")
    await control.leave(control.bot, other.id)
    assert str((await place.event("guild_remove")).id) == other.id


async def test_presences_are_told_with_their_intent(ground: DiscordControl) -> None:
    await ground.configure(presence_intent=True)
    person, guild = await ground.add_user("idler"), await ground.add_guild("Lounge")
    await ground.join(person.id, guild.id)
    async with connected(ground, intents(presences=True)) as client:
        await ground.presence(person.id, guild.id, "idle")

        async def told() -> list[Any]:
            return client.all("presence_update")

        await ground.until(told)
        member = client.get_guild(int(guild.id)).get_member(int(person.id))  # type: ignore[union-attr]
        assert member is not None and member.status is discord.Status.idle


async def test_members_can_be_asked_for(place: Place) -> None:
    guild: Any = place.client.get_guild(int(place.guild))
    assert [str(one.id) for one in await guild.query_members("ask")] == [place.person]
    assert [str(one.id) for one in await guild.query_members(user_ids=[int(place.person)])] == [place.person]


async def test_what_the_bot_may_not_see_is_not_told(place: Place) -> None:
    hidden = await place.discord.add_channel(place.guild, "hidden")
    await place.discord.overwrite(hidden.id, place.discord.bot, deny=["view_channel"])
    await place.discord.post(place.person, hidden.id, "secret")
    private = await place.discord.start_thread(place.person, place.channel, "private", type=12)
    await place.discord.post(place.person, private.id, "secret too")
    await place.discord.post(place.person, place.channel, "public")
    await place.heard("public")
    assert not place.client.texts(hidden.id) and not place.client.texts(private.id)
    await place.discord.join_thread(place.discord.bot, private.id)
    await place.discord.post(place.person, private.id, "invited")
    await place.heard("invited", channel=private.id)


# --- a client that is no library ----------------------------------------------------------------------------
def identify(token: str, **more: Any) -> dict[str, Any]:
    """An IDENTIFY."""
    data = {"token": token, "intents": 513, "properties": {"os": "linux"}, **more}
    return {"op": 2, "d": data}


def resume(token: str) -> dict[str, Any]:
    """A RESUME of a session nobody has."""
    return {"op": 6, "d": {"token": token, "session_id": "none", "seq": 1}}


async def closed_with(control: DiscordControl, *frames: dict[str, Any], version: str = "10") -> int | None:
    """The code the gateway closes with after these frames."""
    query = f"v={version}&encoding=json"
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{control.gateway_url}?{query}") as ws:
        for frame in frames:
            await ws.send_json(frame)
        async with asyncio.timeout(10):
            async for _ in ws:
                pass
        return ws.close_code


async def said(control: DiscordControl, number: int, *frames: dict[str, Any], compress: str) -> list[dict[str, Any]]:
    """The first frames the gateway says in answer to these."""
    context = zlib.decompressobj()
    found: list[dict[str, Any]] = []
    query = f"v=10&encoding=json&compress={compress}"
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{control.gateway_url}?{query}") as ws:
        for frame in frames:
            await ws.send_json(frame)
        while len(found) < number:
            message = await ws.receive(timeout=10)
            assert message.type is (aiohttp.WSMsgType.BINARY if compress else aiohttp.WSMsgType.TEXT)
            raw = context.decompress(message.data) if message.type is aiohttp.WSMsgType.BINARY else message.data
            found.append(json.loads(raw))
    return found
