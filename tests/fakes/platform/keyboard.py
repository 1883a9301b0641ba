"""A person at a terminal, on a platform."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from tests.fakes.platform.errors import Impossible


def say(*words: str) -> None:
    """A line for the person at the keyboard."""
    print(*words, flush=True)  # noqa: T201


async def read_lines(typed: Callable[[str], Awaitable[None]]) -> None:
    """Hand every line of stdin over, until it ends; what is impossible is told."""
    async for line in _lines():
        try:
            await typed(line.strip())
        except Impossible as no:
            say(f"  ! {no}")


async def _lines() -> AsyncIterator[str]:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode():
        yield line


async def serve(app: web.Application, port: int, beside: Awaitable[None] | None) -> None:
    """Serve a fake while what is `beside` it runs; for ever without."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        await (asyncio.Event().wait() if beside is None else beside)
    finally:
        await runner.cleanup()
