"""A fake in a process of its own, which no other kill reaches."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

import aiohttp

from chat_service.child_process import child
from chat_service.engine.process import free_port
from tests.processes import ROOT, eventually


class Connectable(Protocol):
    """A control that learns what it drives."""

    def __init__(self, url: str) -> None: ...

    async def connect(self) -> object:
        """Ask the fake who is there."""


C = TypeVar("C", bound=Connectable)


@asynccontextmanager
async def running_fake(package: str, kind: type[C], *options: str) -> AsyncIterator[C]:
    """Start `python -m package`; the control is connected."""
    port = free_port()
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", package, "--port", str(port), *options]
    async with child(command, env=env, stdout=asyncio.subprocess.DEVNULL, stop_seconds=2):
        control = kind(f"http://127.0.0.1:{port}")

        async def answers() -> bool:
            with contextlib.suppress(aiohttp.ClientError):
                await control.connect()
                return True
            return False

        await eventually(answers)
        yield control
