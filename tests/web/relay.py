"""A TCP relay between the browser and the web server, to test broken and silent connections."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Relay:
    """Forwards TCP connections to `port`. It can drop and refuse all of them, or silence event streams."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._streams: set[asyncio.StreamWriter] = set()
        self._frozen: set[asyncio.StreamWriter] = set()
        self._freeze_new = False
        self.port = 0

    @property
    def url(self) -> str:
        """The URL of the page through this relay."""
        return f"http://127.0.0.1:{self.port}"

    async def listen(self) -> None:
        """Accept connections."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Drop all connections and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def freeze(self, *, also_new: bool = False) -> None:
        """Forward nothing more to the open event streams, and close none; with `also_new` also to new streams."""
        self._frozen |= self._streams
        self._freeze_new = also_new

    def count_streams(self) -> int:
        """Return how many event streams were requested."""
        return len(self._streams)

    def thaw(self) -> None:
        """Forward to new event streams again."""
        self._freeze_new = False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers |= {writer, far_writer}
            try:
                await asyncio.gather(self._pump(reader, far_writer, writer), self._pump(far_reader, writer, far_writer))
            finally:
                self._writers -= {writer, far_writer}
                for side in (writer, far_writer):
                    side.close()
        self._tasks.discard(task)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65536):
            if b"GET /api/events" in data:
                self._streams.add(back)
                if self._freeze_new:
                    self._frozen.add(back)
            if writer in self._frozen:
                await asyncio.Event().wait()
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


@asynccontextmanager
async def running_relay(port: int) -> AsyncIterator[Relay]:
    """Run a relay to a loopback port."""
    relay = Relay(port)
    await relay.listen()
    try:
        yield relay
    finally:
        await relay.cut()
