"""Start a fake in a process of its own, so that killing other processes does not affect it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import aiohttp

from chat_service.engine.process import free_port
from tests.fork_server import ROOT, python_process
from tests.processes import eventually


class Connectable(Protocol):
    """A control client."""

    def __init__(self, url: str) -> None: ...

    async def connect(self) -> object:
        """Read the fake's own data; raise aiohttp.ClientError while it does not answer."""

    async def close(self) -> None:
        """Close the connections to the fake."""


C = TypeVar("C", bound=Connectable)


@asynccontextmanager
async def running_fake(package: str, control_type: type[C], *options: str) -> AsyncIterator[C]:
    """Run `python -m package` and yield its connected control."""
    port = free_port()
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [package, "--port", str(port), *options]
    with Path(os.devnull).open("wb") as devnull:
        async with python_process(*command, env=env, cwd=ROOT, stdout=devnull.fileno(), stop_seconds=2):
            control = control_type(f"http://127.0.0.1:{port}")
            try:
                await eventually(partial(_is_connected, control))
                yield control
            finally:
                await control.close()


async def _is_connected(control: Connectable) -> bool:
    with contextlib.suppress(aiohttp.ClientError):
        await control.connect()
        return True
    return False
