"""The conversation suite runs twice: as people run it, and with every await suspended and replayed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.model import ModelControl
from tests.processes import Stack, running_stack


@pytest.fixture(scope="session", params=["normal", "replay"])
async def stack(
    request: pytest.FixtureRequest,
    engine_binary: Path,
    model: ModelControl,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Stack]:
    """The shared stack, in both modes."""
    replay = request.param == "replay"
    async with running_stack(engine_binary, tmp_path_factory.mktemp("stack"), model, replay=replay) as running:
        yield running
