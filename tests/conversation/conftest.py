"""The conversation suite runs twice: as people run it, and with every await suspended and replayed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.model.running import running_model
from tests.processes import Stack, running_stack


async def _stacks(binary: Path, folders: pytest.TempPathFactory, *, replay: bool) -> AsyncIterator[Stack]:
    folder = folders.mktemp("stack")
    async with running_model() as model, running_stack(binary, folder, model, replay=replay) as running:
        yield running


@pytest.fixture(scope="session")
async def normal(engine_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack as people run it."""
    async for one in _stacks(engine_binary, tmp_path_factory, replay=False):
        yield one


@pytest.fixture(scope="session")
async def replaying(engine_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack that suspends at every await."""
    async for one in _stacks(engine_binary, tmp_path_factory, replay=True):
        yield one


@pytest.fixture(scope="session", params=["normal", "replay"])
def stack(request: pytest.FixtureRequest) -> Stack:
    """The shared stack, in both modes. Each is started once, however often files and modes take turns."""
    found: Stack = request.getfixturevalue({"normal": "normal", "replay": "replaying"}[request.param])
    return found


@pytest.fixture(autouse=True)
async def own_script(request: pytest.FixtureRequest) -> None:
    """What one test has scripted and not used up is not said to another."""
    if "stack" in request.fixturenames:
        stack: Stack = request.getfixturevalue("stack")
        await stack.model.clear()
