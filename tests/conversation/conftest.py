"""The conversation suite runs twice: as people run it, and with every await suspended and replayed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.model.running import running_model
from tests.processes import Stack, running_stack
from tests.shared import SharedStack


@pytest.fixture(scope="session")
async def replaying(engine_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack whose handlers suspend at every await and are replayed."""
    folder = tmp_path_factory.mktemp("replay")
    async with running_model() as model, running_stack(engine_binary, folder, model, replay=True) as running:
        yield running


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Stack:
    """The shared stack; for the second run of a test marked `replayed`, the one that suspends at every await."""
    if getattr(request, "param", "normal") == "replay":
        found: Stack = request.getfixturevalue("replaying")
        return found
    shared: SharedStack = request.getfixturevalue("shared")
    return shared.stack


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that is marked `replayed` in both modes."""
    if "stack" in metafunc.fixturenames and metafunc.definition.get_closest_marker("replayed"):
        metafunc.parametrize("stack", ["normal", "replay"], indirect=True)


@pytest.fixture(autouse=True)
async def own_script(request: pytest.FixtureRequest) -> None:
    """What one test has scripted and not used up is not said to another."""
    if "stack" in request.fixturenames:
        stack: Stack = request.getfixturevalue("stack")
        await stack.model.clear()
