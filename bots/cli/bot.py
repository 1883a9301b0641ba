"""The bots, by name: apart from the rest (`threadwell bot NAME…`), or beside it (`threadwell up`)."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bots
from bots.cli import tokens
from chat_service.errors import UserError
from chat_service.live import LiveBus
from chat_service.settings import Settings

JOIN_SECONDS = 15.0
"""How long a start waits for the platforms, before it goes on without them."""


@dataclass(frozen=True, slots=True)
class RunningBots:
    """Bots that run beside something else.

    Attributes:
        lines: by name, how each of them listens, once it does.
        tasks: of which one ends, with a `UserError`, when its platform does not take it.
    """

    lines: dict[str, asyncio.Future[str]]
    tasks: set[asyncio.Task[None]]


@asynccontextmanager
async def running_bots(names: Iterable[str], settings: Settings, bus: LiveBus) -> AsyncIterator[RunningBots]:
    """Run these bots while the block runs. A platform that is away holds nothing up: its bot joins when it is back.

    Raises:
        UserError: from a bot that its platform does not take.
    """
    lines: dict[str, asyncio.Future[str]] = {name: asyncio.get_running_loop().create_future() for name in names}
    tasks = {asyncio.create_task(_listen(name, settings, bus, line)) for name, line in lines.items()}
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(JOIN_SECONDS):
                while missing := {line for line in lines.values() if not line.done()}:
                    either: set[asyncio.Future[Any]] = {*missing, *tasks}
                    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                    for task in tasks:
                        if task.done():
                            task.result()
        yield RunningBots(lines, tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _listen(name: str, settings: Settings, bus: LiveBus, line: asyncio.Future[str]) -> None:
    async with importlib.import_module(f"bots.{name}.app").serving(settings, bus=bus) as listens:
        line.set_result(listens)
        await asyncio.Event().wait()


def check_bot_exists(name: str) -> None:
    """Raises a UserError for a bot that this version does not have; a bot is a folder of `bots` with an `app`."""
    there = sorted(path.parent.name for folder in bots.__path__ for path in Path(folder).glob("*/app.py"))
    if name not in there:
        raise UserError(f"there is no bot {name!r} in this version, but: {', '.join(there)}")


async def run(settings: Settings, names: list[str]) -> None:
    """Run the named bots until SIGTERM or Ctrl-C, which reach one of them; the others are stopped with it.

    Raises:
        UserError: for a bot that does not exist, or whose tokens are missing.
    """
    for name in names:
        check_bot_exists(name)
        if name in tokens.REQUIRED and not tokens.is_complete(name):
            raise UserError(f"the {name} bot needs {tokens.missing(name)}")
    running = {asyncio.create_task(importlib.import_module(f"bots.{name}.app").run(settings)) for name in set(names)}
    try:
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    for task in done:
        task.result()
