"""The fake Discord's gateway, seen by discord.py: intents, sessions, and which events are sent again or are lost."""

from __future__ import annotations

import discord
import pytest

from tests.discord.conftest import FakeServer
from tests.fakes.discord import DiscordControl
from tests.fakes.discord.recording_client import connect_client


async def test_wrong_token_is_refused(fake_discord: DiscordControl) -> None:
    with pytest.raises(discord.LoginFailure):
        async with connect_client(fake_discord, token="wrong"):
            pass


async def test_privileged_intent_that_is_switched_off_is_refused(fake_discord: DiscordControl) -> None:
    await fake_discord.configure_app(message_content=False)
    intents = discord.Intents.default()
    intents.message_content = True
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with connect_client(fake_discord, intents):
            pass
    async with connect_client(fake_discord, discord.Intents.default()) as client:
        assert not (await client.application_info()).flags.gateway_message_content_limited


async def test_resumed_session_gets_the_missed_events_in_order(fake_server: FakeServer) -> None:
    control, person, channel = fake_server.control, fake_server.person, fake_server.channel_id
    await control.set_rules(replay_again=1)
    await control.post(person, channel, "before")
    await fake_server.wait_for_texts("before")
    await control.refuse_sockets()
    await control.cut_sockets()
    for text in ("one", "two"):
        await control.post(person, channel, text)
    await control.refuse_sockets(False)
    await fake_server.wait_for_texts("before", "before", "one", "two")  # the first again, by the rule
    assert (await control.sessions())[-1].resumes == 1
    await control.request_reconnect()
    await control.set_rules(replay_again=0)
    await control.post(person, channel, "after")
    await fake_server.control.wait_until(
        lambda: fake_server.read_texts(), lambda texts: texts[-1] == "after" and texts.count("after") == 1
    )


async def test_forgotten_session_loses_the_missed_events_and_the_history_keeps_them(fake_server: FakeServer) -> None:
    control, person, channel = fake_server.control, fake_server.person, fake_server.channel_id
    sessions = len(await control.sessions())
    missed = await control.post(person, channel, "missed", silent=True)
    await control.forget_sessions()
    await control.cut_sockets()
    await fake_server.wait_for_event("ready", 2)
    assert len(await control.sessions()) == sessions + 1
    await control.post(person, channel, "received")
    await fake_server.wait_for_texts("received")
    history = [str(message.id) async for message in fake_server.channel.history(oldest_first=True)]
    assert history[0] == missed.id


async def test_events_can_be_lost_repeated_and_received_by_two_clients(fake_server: FakeServer) -> None:
    control, person, channel = fake_server.control, fake_server.person, fake_server.channel_id
    await control.post(person, channel, "lost", silent=True)
    await control.post(person, channel, "old", age=3600)
    message = await control.post(person, channel, "again")
    await fake_server.wait_for_texts("again")
    [event] = await control.create_events(message)
    await control.redeliver(event, 2)
    await fake_server.wait_for_texts("again", "again", "again")
    assert [posted.content for posted in await control.messages(channel)] == ["old", "lost", "again"]
    async with connect_client(control) as second:
        await control.post(person, channel, "both")
        await fake_server.wait_for_texts("again", "again", "again", "both")
        await control.wait_until(lambda: fake_server.read_texts(second), lambda texts: texts == ["both"])


async def test_without_the_intent_only_mentions_replies_and_direct_messages_have_text(fake_server: FakeServer) -> None:
    control, person, channel = fake_server.control, fake_server.person, fake_server.channel_id
    answer = await fake_server.channel.send("the bot's own")
    dm_channel = (await control.open_dm(person)).id
    async with connect_client(control, discord.Intents.default()) as client:
        await control.post(person, channel, "unseen", embeds=[{"title": "t"}])
        await control.mention(person, channel, "seen")
        await control.post(person, channel, "a reply", reply_to=str(answer.id))
        await control.post(person, channel, "quiet", reply_to=str(answer.id), ping=False)
        await control.post(person, dm_channel, "private")
        expected = ["", f"<@{control.bot}> seen", "a reply", ""]
        await control.wait_until(lambda: fake_server.read_texts(client), lambda texts: texts == expected)
        await control.wait_until(lambda: fake_server.read_texts(client, dm_channel), lambda texts: texts == ["private"])
        assert not client.received("message")[0].embeds
    await control.configure_app(message_content=False)
    history = [message.content async for message in fake_server.channel.history(oldest_first=True)]
    assert history == ["the bot's own", *expected]


async def test_messages_in_invisible_channels_are_not_sent(fake_server: FakeServer) -> None:
    control, person, channel = fake_server.control, fake_server.person, fake_server.channel_id
    hidden = await control.add_channel(fake_server.guild, "hidden")
    await control.set_overwrite(hidden.id, control.bot, deny=["view_channel"])
    await control.post(person, hidden.id, "secret")
    await control.post(person, channel, "public")
    await fake_server.wait_for_texts("public")
    assert not fake_server.client.texts(hidden.id)
