"""Running bots by name: alone (`threadwell bot NAME…`) or as part of `threadwell up`."""

from __future__ import annotations

import asyncio
import importlib
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

CONNECT_SECONDS = 15.0
"""Time that a start waits for the platforms before it goes on without them."""


@dataclass(frozen=True, slots=True)
class RunningBots:
    """Bots that run in this process.

    Attributes:
        lines: for each bot a line about its connection, once it is connected.
        tasks: one fails with a `UserError` when its platform rejects the bot.
    """

    lines: dict[str, asyncio.Future[str]]
    tasks: set[asyncio.Task[None]]


@asynccontextmanager
async def running_bots(names: Iterable[str], settings: Settings, bus: LiveBus) -> AsyncIterator[RunningBots]:
    """Run these bots while the block runs. The bot of an unreachable platform connects later, without delaying others.

    Raises:
        UserError: when a platform rejects its bot.
    """
    lines: dict[str, asyncio.Future[str]] = {name: asyncio.get_running_loop().create_future() for name in names}
    tasks = {asyncio.create_task(_run_bot(name, settings, bus, line)) for name, line in lines.items()}
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_SECONDS):
                while pending := {line for line in lines.values() if not line.done()}:
                    either: set[asyncio.Future[Any]] = {*pending, *tasks}
                    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                    for task in tasks:
                        if task.done():
                            task.result()
        yield RunningBots(lines, tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run_bot(name: str, settings: Settings, bus: LiveBus, line: asyncio.Future[str]) -> None:
    async with importlib.import_module(f"bots.{name}.app").serving(settings, bus=bus) as connection_line:
        line.set_result(connection_line)
        await asyncio.Event().wait()


def check_bot_exists(name: str) -> None:
    """Check that there is a bot of this name: a folder in `bots` with a module `app`.

    Raises:
        UserError: when there is none.
    """
    known = sorted(path.parent.name for folder in bots.__path__ for path in Path(folder).glob("*/app.py"))
    if name not in known:
        raise UserError(f"there is no bot {name!r}: choose from {', '.join(known)}")


async def run(settings: Settings, names: list[str]) -> None:
    """Run the named bots until SIGTERM or Ctrl-C. When one of them ends, the others are stopped.

    Raises:
        UserError: when a bot does not exist or its tokens are missing.
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
