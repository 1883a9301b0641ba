"""A fake Discord for a module, and a fresh server in it for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Any

import discord
import pytest

from tests.discord.rooms import Room, new_room
from tests.discord.stack import Bot, World
from tests.fakes.discord import DiscordControl
from tests.fakes.discord.models import Rules
from tests.fakes.discord.running import running_discord
from tests.fakes.discord.trial import Trial, connected
from tests.shared import SharedStack


@dataclass
class Place:
    """A server with one person and the bot, and a real discord.py client of the bot."""

    discord: DiscordControl
    client: Trial
    guild: str
    person: str
    channel: str

    @property
    def here(self) -> Any:
        """The channel, to write in."""
        return self.client.place(self.channel)

    async def refused(self, call: Awaitable[Any]) -> int:
        """The error code of a call that must fail."""
        with pytest.raises(discord.HTTPException) as caught:
            await call
        return caught.value.code

    async def heard(self, *texts: str, channel: str | None = None) -> None:
        """Wait until the client has heard these texts there, in this order, and no other."""
        where = channel or self.channel

        async def look() -> list[str]:
            return self.client.texts(where)

        await self.discord.until(look, lambda found: found == list(texts))

    async def event(self, name: str, number: int = 1) -> Any:
        """Wait for the library's event of a name; what came with the last of `number`."""

        async def look() -> list[Any]:
            return self.client.all(name)

        return (await self.discord.until(look, lambda found: len(found) >= number))[number - 1]


@pytest.fixture(scope="module")
async def fake() -> AsyncIterator[DiscordControl]:
    async with running_discord() as control:
        yield control


@pytest.fixture
async def ground(fake: DiscordControl) -> AsyncIterator[DiscordControl]:
    """The fake as it is when it starts, but for its world."""
    await fake.clear()
    await fake.forget_sessions()  # a client that closes says 4000, after which Discord keeps a session for a while
    yield fake
    await fake.clear()
    await fake.rules(**Rules().model_dump())
    await fake.configure(message_content=True, members_intent=True, presence_intent=False)


@pytest.fixture
async def place(ground: DiscordControl) -> AsyncIterator[Place]:
    person = await ground.add_user("asker", global_name="Asker")
    guild = await ground.add_guild("A server")
    await ground.join(person.id, guild.id)
    channel = await ground.add_channel(guild.id, "talk")
    async with connected(ground) as client:
        yield Place(ground, client, guild.id, person.id, channel.id)
    await ground.leave(ground.bot, guild.id)


@pytest.fixture(scope="session")
def shared_world(shared: SharedStack) -> World:
    """The stack that tests share as long as they kill nothing."""
    bot = Bot(stack=shared.stack, discord=shared.discord, whole=True, said=shared.process.said)
    return World(shared.stack, shared.discord, bot)


@pytest.fixture
async def room(shared_world: World) -> Room:
    """A room of its own for a test, and no leftovers of another's script."""
    await shared_world.model.clear()
    await shared_world.discord.clear()
    return await new_room(shared_world)
