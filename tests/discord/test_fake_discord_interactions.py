"""The fake Discord's commands and buttons, seen by discord.py: permissions, time limits, ephemeral responses."""

from __future__ import annotations

from typing import Any

import discord
import pytest
from discord import app_commands

from tests.discord.conftest import FakeServer

AppInteraction = discord.Interaction[Any]


class Commands:
    """The commands of a small bot. `received` are the interactions that it got."""

    def __init__(self, fake_server: FakeServer) -> None:
        self.received: list[AppInteraction] = []
        tree = fake_server.client.tree

        @tree.command(name="say", description="Say something")
        @app_commands.describe(text="what", count="how often")
        async def say(interaction: AppInteraction, text: str, count: int = 1) -> None:
            self.received.append(interaction)
            await interaction.response.send_message(f"{text} {count}")

        @tree.command(name="whisper", description="Say something to the asker only")
        async def whisper(interaction: AppInteraction) -> None:
            self.received.append(interaction)
            await interaction.response.send_message("psst", ephemeral=True)

        @tree.command(name="think", description="Take time")
        async def think(interaction: AppInteraction) -> None:
            self.received.append(interaction)
            await interaction.response.defer(ephemeral=True, thinking=True)

        @tree.command(name="sleep", description="Never respond")
        async def sleep(interaction: AppInteraction) -> None:
            self.received.append(interaction)


@pytest.fixture
async def commands(fake_server: FakeServer) -> Commands:
    registered = Commands(fake_server)
    await fake_server.client.tree.sync()
    return registered


async def test_bulk_registration_keeps_ids_and_refuses_invalid_names(
    fake_server: FakeServer, commands: Commands
) -> None:
    before = {command.name: command.id for command in await fake_server.control.commands()}
    fake_server.client.tree.remove_command("sleep")
    await fake_server.client.tree.sync()
    after = {command.name: command.id for command in await fake_server.control.commands()}
    assert after == {name: before[name] for name in ("say", "whisper", "think")}
    application = int(fake_server.control.application)
    for name, description in (("Big", "x"), ("a b", "x"), ("a", "")):
        command: Any = {"name": name, "description": description}
        call = fake_server.client.http.bulk_upsert_global_commands(application, [command])
        assert await fake_server.error_code(call) == 50035


async def test_commands_work_in_channels_threads_and_direct_messages(
    fake_server: FakeServer, commands: Commands
) -> None:
    thread = await fake_server.control.start_thread(fake_server.person, fake_server.channel_id, "aside")
    dm_channel = await fake_server.control.open_dm(fake_server.person)
    channels = [fake_server.channel_id, thread.id, dm_channel.id]
    for channel in channels:
        used = await fake_server.control.run_command(fake_server.person, channel, "say", text="hello", count=3)
        [response] = await fake_server.control.responses(used)
        assert used.state == "answered" and response.content == "hello 3"
    assert [str(interaction.channel_id) for interaction in commands.received] == channels
    assert [interaction.guild is None for interaction in commands.received] == [False, False, True]


async def test_ephemeral_response_is_visible_to_one_person_and_sent_as_a_direct_message(
    fake_server: FakeServer, commands: Commands
) -> None:
    control, channel = fake_server.control, fake_server.channel_id
    used = await control.run_command(fake_server.person, channel, "whisper")
    [response] = await control.responses(used)
    assert (response.content, response.ephemeral_to) == ("psst", fake_server.person)
    assert await control.messages(channel) == []
    assert await fake_server.error_code(fake_server.channel.fetch_message(int(response.id))) == 10008
    [event] = await control.create_events(response)
    assert "guild_id" not in event.data and event.data["flags"] & 1 << 6


async def test_interaction_without_a_response_fails_after_the_time_limit(
    fake_server: FakeServer, commands: Commands
) -> None:
    await fake_server.control.set_rules(interaction_seconds=0.3)
    used = await fake_server.control.run_command(fake_server.person, fake_server.channel_id, "sleep")
    assert used.state == "failed"
    assert await fake_server.error_code(commands.received[0].response.send_message("late")) == 10062
    assert await fake_server.error_code(commands.received[0].followup.send("later")) == 10015


async def test_deferred_response_is_completed_until_its_token_expires(
    fake_server: FakeServer, commands: Commands
) -> None:
    used = await fake_server.control.run_command(fake_server.person, fake_server.channel_id, "think")
    assert used.state == "deferred"
    [deferred] = await fake_server.control.responses(used)
    assert deferred.loading and deferred.ephemeral_to == fake_server.person
    [interaction] = commands.received
    assert await fake_server.error_code(interaction.followup.send("x" * 2001)) == 50035
    first = await interaction.followup.send("the answer", ephemeral=False, wait=True)
    assert str(first.id) == deferred.id
    await interaction.followup.send("and more", ephemeral=True)
    responses = await fake_server.control.responses(used)
    assert [(message.content, message.loading) for message in responses] == [("the answer", False), ("and more", False)]
    assert [message.ephemeral_to for message in responses] == [fake_server.person, fake_server.person]
    await fake_server.control.set_rules(token_seconds=0.0)
    assert await fake_server.error_code(interaction.edit_original_response(content="too late")) == 50027
    assert await fake_server.error_code(interaction.followup.send("too late")) == 50027
