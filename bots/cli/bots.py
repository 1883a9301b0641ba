"""`threadwell bot NAME…`: one or more bots, apart from the rest."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util

from chat_service.errors import UserError
from chat_service.settings import Settings


async def run(settings: Settings, names: list[str]) -> None:
    """Run the named bots until SIGTERM or Ctrl-C.

    Raises:
        UserError: for a bot that does not exist.
    """
    for name in names:
        if not name.isidentifier() or importlib.util.find_spec(f"bots.{name}.app") is None:
            raise UserError(f"there is no bot {name!r}")
    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(importlib.import_module(f"bots.{name}.app").run(settings))
