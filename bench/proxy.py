"""A TCP proxy between Restate and the handlers that counts the bytes in each direction."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class CountingProxy:
    """Forwards connections to a target.

    Attributes:
        read: bytes that the handlers received: input, state, results.
        written: bytes that the handlers sent: their journal entries.
    """

    def __init__(self, host: str, port: int) -> None:
        self.read = 0
        self.written = 0
        self._target = host, port
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection until it ends."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            target_reader, target_writer = await asyncio.open_connection(*self._target)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._forward(reader, target_writer, to_target=True))
                    group.create_task(self._forward(target_reader, writer, to_target=False))
            finally:
                target_writer.close()
        except* (OSError, asyncio.CancelledError):
            pass  # one end closed the connection; closing the writers closes the other end
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, to_target: bool) -> None:
        while data := await source.read(256 * 1024):
            if to_target:
                self.read += len(data)
            else:
                self.written += len(data)
            sink.write(data)
            await sink.drain()
        with contextlib.suppress(OSError):
            sink.write_eof()

    async def close(self) -> None:
        """Close all connections."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def counting_proxy(host: str, port: int) -> AsyncIterator[tuple[CountingProxy, str]]:
    """Run a proxy to `host:port`. Yield it with its own URL."""
    proxy = CountingProxy(host, port)
    server = await asyncio.start_server(proxy.serve_connection, "127.0.0.1", 0)
    try:
        proxy_port = server.sockets[0].getsockname()[1]
        yield proxy, f"http://127.0.0.1:{proxy_port}"
    finally:
        server.close()
        await proxy.close()
