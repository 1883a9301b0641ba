"""A wire that counts: it passes bytes between the engine and the handlers, and knows how many went each way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Wire:
    """`read` is what handlers were sent (input, state, results), `written` what they sent back (their journal)."""

    def __init__(self) -> None:
        self.read = 0
        self.written = 0
        self.target: tuple[str, int] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None and self.target is not None
        self._tasks.add(task)
        try:
            there_reader, there_writer = await asyncio.open_connection(*self.target)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pump(reader, there_writer, inwards=True))
                    group.create_task(self._pump(there_reader, writer, inwards=False))
            finally:
                there_writer.close()
        except* (OSError, asyncio.CancelledError):
            pass  # one end went away; the other one is told by the close
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, inwards: bool) -> None:
        while data := await source.read(256 * 1024):
            if inwards:
                self.read += len(data)
            else:
                self.written += len(data)
            sink.write(data)
            await sink.drain()
        with contextlib.suppress(OSError):
            sink.write_eof()

    async def close(self) -> None:
        """Cut every connection."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def counting_wire(host: str, port: int) -> AsyncIterator[tuple[Wire, str]]:
    """A wire to `host:port`; yields it with its own URL."""
    wire = Wire()
    wire.target = (host, port)
    server = await asyncio.start_server(wire._joined, "127.0.0.1", 0)
    try:
        own_port = server.sockets[0].getsockname()[1]
        yield wire, f"http://127.0.0.1:{own_port}"
    finally:
        server.close()
        await wire.close()
