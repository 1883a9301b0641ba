"""The fake in a process of its own, which no other kill reaches."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from chat_service.children import child
from chat_service.engine.process import free_port
from tests.fakes.discord.control import DiscordControl
from tests.processes import ROOT, eventually


@asynccontextmanager
async def running_discord() -> AsyncIterator[DiscordControl]:
    """Start it; the control is connected."""
    port = free_port()
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.fakes.discord", "--port", str(port), "--quiet"]
    async with child(command, env=env, stdout=asyncio.subprocess.DEVNULL, stop_seconds=2):
        control = DiscordControl(f"http://127.0.0.1:{port}")

        async def answers() -> bool:
            with contextlib.suppress(aiohttp.ClientError):
                await control.connect()
                return True
            return False

        await eventually(answers)
        yield control
