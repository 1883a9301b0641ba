"""The server process of the peers without Restate: aiohttp, until SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web

from chat_service.models.protocol import ChatModel
from chat_service.models.registry import open_models
from chat_service.settings import Settings

Build = Callable[[ChatModel, AsyncExitStack], Any]
"""Returns the application or a coroutine of it. Resources to close at the end go on the stack."""


def serve_turns(name: str, port: int, build: Build) -> None:
    """Serve on loopback, and print the address when the server is ready."""
    asyncio.run(_serve(name, port, build))


async def _serve(name: str, port: int, build: Build) -> None:
    shutdown = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(signum, shutdown.set)
    async with AsyncExitStack() as stack:
        models = await stack.enter_async_context(open_models(Settings(_env_file=None)))
        built = build(models.primary, stack)
        app: web.Application = await built if asyncio.iscoroutine(built) else built
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", port).start()
        print(f"{name} at http://127.0.0.1:{port}", flush=True)
        await shutdown.wait()
