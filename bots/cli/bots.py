"""`threadwell bot NAME…`: one or more bots, apart from the rest."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from pathlib import Path

import bots
from bots.cli import tokens
from chat_service.errors import UserError
from chat_service.settings import Settings


def check_exists(name: str) -> None:
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
        check_exists(name)
        if name in tokens.NEEDED and not tokens.is_complete(name):
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
