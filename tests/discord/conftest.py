"""Fixtures: a new server in the shared stack, a new server in a stack to kill in, and a client for the fake itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
import pytest

from tests.discord.stack import DiscordBot, DiscordStack, Server, create_server, running_discord_stack
from tests.fakes.discord import DiscordControl
from tests.fakes.discord.recording_client import RecordingClient, connect_client
from tests.fakes.discord.records import Rules
from tests.fakes.discord.running import running_discord
from tests.fakes.model.running import running_model
from tests.shared import SharedStack


@pytest.fixture(scope="session")
def shared_discord(shared: SharedStack) -> DiscordStack:
    """The stack that tests share if they kill and reconfigure nothing."""
    bot = DiscordBot(stack=shared.stack, discord=shared.discord, whole=True, output=shared.process.output)
    return DiscordStack(shared.stack, bot, Path(), shared.discord)


@pytest.fixture
async def server(shared_discord: DiscordStack) -> Server:
    """A new server in the shared stack, without leftovers of another test's script."""
    await shared_discord.reset_fakes()
    return await create_server(shared_discord)


@pytest.fixture(scope="package")
async def own_discord(engine_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DiscordStack]:
    """A stack in which tests kill processes and start the bot with other settings."""
    folder = tmp_path_factory.mktemp("own_discord")
    async with running_model() as model, running_discord_stack(engine_binary, folder, model) as stack:
        yield stack


@pytest.fixture
async def own_server(own_discord: DiscordStack) -> Server:
    """A new server in the stack to kill in, with everything running and the bot's settings at their defaults."""
    await own_discord.restore()
    return await create_server(own_discord)


@dataclass
class FakeServer:
    """A server of the fake with one member, and a discord.py client of the bot in it."""

    control: DiscordControl
    client: RecordingClient
    guild: str
    person: str
    channel_id: str

    @property
    def channel(self) -> Any:
        """discord.py's object of the channel."""
        return self.client.messageable(self.channel_id)

    async def error_code(self, call: Awaitable[Any]) -> int:
        """Return Discord's error code of a call that must fail."""
        with pytest.raises(discord.HTTPException) as caught:
            await call
        return caught.value.code

    async def read_texts(self, client: RecordingClient | None = None, channel: str | None = None) -> list[str]:
        """Return the texts of the messages that a client has received in a channel."""
        return (client or self.client).texts(channel or self.channel_id)

    async def wait_for_texts(self, *texts: str) -> None:
        """Wait until the client has received messages with these texts in the channel, in this order, and no other."""
        await self.control.wait_until(self.read_texts, lambda found: found == list(texts))

    async def wait_for_event(self, name: str, number: int = 1) -> None:
        """Wait until discord.py has dispatched an event `number` times."""

        async def count() -> int:
            return len(self.client.received(name))

        await self.control.wait_until(count, lambda found: found >= number)


@pytest.fixture(scope="module")
async def running_fake_discord() -> AsyncIterator[DiscordControl]:
    async with running_discord() as control:
        yield control


@pytest.fixture
async def fake_discord(running_fake_discord: DiscordControl) -> DiscordControl:
    """The fake with its initial rules, and without earlier sessions."""
    await running_fake_discord.clear_faults()
    await running_fake_discord.forget_sessions()  # Discord keeps the session of a closed client for a while
    await running_fake_discord.set_rules(**Rules().model_dump())
    await running_fake_discord.configure_app(message_content=True)
    return running_fake_discord


@pytest.fixture
async def fake_server(fake_discord: DiscordControl) -> AsyncIterator[FakeServer]:
    person = await fake_discord.add_user("asker", global_name="Asker")
    guild = await fake_discord.add_guild("A server")
    await fake_discord.join(person.id, guild.id)
    channel = await fake_discord.add_channel(guild.id, "talk")
    async with connect_client(fake_discord) as client:
        yield FakeServer(fake_discord, client, guild.id, person.id, channel.id)
    await fake_discord.leave(fake_discord.bot, guild.id)
