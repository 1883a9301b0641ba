"""How long people wait for an answer: medians over some questions, one after the other, against the fake platforms."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeVar

from chat_service.engine.binary import find_engine
from chat_service.settings import Settings
from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import Behaviour
from tests.fakes.model.running import running_model

QUESTIONS = 20
STREAMED = Behaviour(text="a word after another " * 40, chunk=20, delay=0.05)
"""A model that begins to speak at once, and speaks for some seconds."""

W = TypeVar("W")
R = TypeVar("R")


async def measure(
    running_world: Callable[[Path, Path, ModelControl], AbstractAsyncContextManager[W]],
    new_room: Callable[[W], Awaitable[R]],
    ask: Callable[[R, int], Awaitable[dict[str, float]]],
) -> None:
    """Ask in a room of a platform, and print. `ask` gives what was waited for, in seconds, by name."""
    engine = await find_engine(Settings(_env_file=None))
    with tempfile.TemporaryDirectory() as folder:
        async with running_model() as model, running_world(engine, Path(folder), model) as world:
            room = await new_room(world)
            await ask(room, 0)  # the first also learns who everybody is
            found = [await ask(room, number) for number in range(1, QUESTIONS + 1)]
    for name in found[0]:
        waits = [one[name] for one in found]
        print(f"{name}: median {statistics.median(waits) * 1000:.0f} ms, worst {max(waits) * 1000:.0f} ms")  # noqa: T201
