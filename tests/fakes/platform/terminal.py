"""Running a fake in a terminal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from tests.fakes.platform.errors import ImpossibleActionError


def print_line(*words: str) -> None:
    """Print a line at once."""
    print(*words, flush=True)  # noqa: T201


async def read_lines(handle: Callable[[str], Awaitable[None]]) -> None:
    """Call `handle` with every line of stdin until it ends; print the reason of an impossible action."""
    async for line in _lines():
        try:
            await handle(line.strip())
        except ImpossibleActionError as error:
            print_line(f"  ! {error}")


async def _lines() -> AsyncIterator[str]:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode():
        yield line


async def serve(app: web.Application, port: int, until: Awaitable[None] | None) -> None:
    """Serve a fake until `until` is done; without it, forever."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        await (asyncio.Event().wait() if until is None else until)
    finally:
        await runner.cleanup()
