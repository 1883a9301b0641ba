"""The tests of conversations run on a chat service without bots; those marked `replayed` also in always-replay mode."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.model.running import running_model
from tests.processes import Stack, running_stack


async def _running(binary: Path, folders: pytest.TempPathFactory, *, replay: bool) -> AsyncIterator[Stack]:
    folder = folders.mktemp("replay" if replay else "conversation")
    async with running_model() as model, running_stack(binary, folder, model, replay=replay) as running:
        yield running


@pytest.fixture(scope="session")
async def normal(engine_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A chat service without bots: replies to keys of Slack and Discord wait for a bot."""
    async for running in _running(engine_binary, tmp_path_factory, replay=False):
        yield running


@pytest.fixture(scope="session")
async def replaying(engine_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """The same, but every handler suspends at each await and is replayed."""
    async for running in _running(engine_binary, tmp_path_factory, replay=True):
        yield running


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Stack:
    """The stack of all conversation tests; the replaying one for the second run of a test marked `replayed`."""
    found: Stack = request.getfixturevalue(
        {"normal": "normal", "replay": "replaying"}[getattr(request, "param", "normal")]
    )
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that is marked `replayed` in both modes."""
    if "stack" in metafunc.fixturenames and metafunc.definition.get_closest_marker("replayed"):
        metafunc.parametrize("stack", ["normal", "replay"], indirect=True)


@pytest.fixture(autouse=True)
async def clear_model_script(request: pytest.FixtureRequest) -> None:
    """Remove scripted model responses that an earlier test did not use."""
    if "stack" in request.fixturenames:
        stack: Stack = request.getfixturevalue("stack")
        await stack.model.clear_script()
