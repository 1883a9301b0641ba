"""One world for the tests that kill nothing: each works in channels and with people of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.model.running import running_model
from tests.fakes.slack.control import SlackControl
from tests.processes import session_name
from tests.shared import SharedStack
from tests.slack.stack import Bot, World, running_world


@dataclass
class Room:
    """A channel with two people, and a direct conversation with the first."""

    world: World
    slack: SlackControl
    channel: str
    ada: str
    ben: str
    direct: str


@pytest.fixture(scope="session")
def shared_world(shared: SharedStack) -> World:
    """The stack that tests share as long as they kill nothing."""
    bot = Bot(stack=shared.stack, slack=shared.slack, whole=True, said=shared.process.said)
    return World(shared.stack, shared.slack, bot)


async def new_room(world: World, **more: object) -> Room:
    """A channel nobody has used."""
    slack, name = world.slack, session_name()
    ada = await slack.add_user(f"ada-{name}", display_name="Ada")
    ben = await slack.add_user(f"ben-{name}", display_name="Ben")
    channel = await slack.add_channel(name, [ada.id, ben.id], **more)  # type: ignore[arg-type]
    direct = await slack.direct(ada.id)
    return Room(world, slack, channel.id, ada.id, ben.id, direct.id)


@pytest.fixture
async def room(shared_world: World) -> Room:
    """A room of its own for a test, and no leftovers of another's script."""
    await shared_world.model.clear()
    await shared_world.slack.clear()
    return await new_room(shared_world)


@pytest.fixture(scope="session")
async def frail_world(engine_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A world to kill things in, each part a process of its own; a test starts again what it has killed."""
    folder = tmp_path_factory.mktemp("frail")
    async with running_model() as model, running_world(engine_binary, folder, model, whole=False) as world:
        await world.slack.rules(retry_delays=[0.0, 1.0, 3.0])
        yield world


@pytest.fixture
async def frail(frail_world: World) -> Room:
    """A room in it."""
    await frail_world.model.clear()
    await frail_world.slack.clear()
    return await new_room(frail_world)
