"""A wire between a browser and a page that can be cut: what "offline" is, down to the sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Relay:
    """Passes bytes on to `port`. Cut, it drops every connection and refuses new ones; frozen, streams are silent."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._streams: set[asyncio.StreamWriter] = set()
        self._frozen: set[asyncio.StreamWriter] = set()
        self._freezes = False
        self.port = 0

    @property
    def url(self) -> str:
        """The page, through this wire."""
        return f"http://127.0.0.1:{self.port}"

    async def join(self) -> None:
        """Let connections through."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Drop what is open and refuse what comes."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def freeze(self, *, also_new: bool = False) -> None:
        """Pass nothing more on over the streams that are open now, and close none: a network that went quietly.
        `also_new`: nor over any that are opened until it thaws."""
        self._frozen |= self._streams
        self._freezes = also_new

    def thaw(self) -> None:
        """What is opened from now on passes again."""
        self._freezes = False

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
                for one in (writer, far_writer):
                    one.close()
        self._tasks.discard(task)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65536):
            if b"GET /api/events" in data:
                self._streams.add(back)
                if self._freezes:
                    self._frozen.add(back)
            if writer in self._frozen:
                await asyncio.Event().wait()
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


@asynccontextmanager
async def running_relay(port: int) -> AsyncIterator[Relay]:
    """A wire to a page on loopback."""
    relay = Relay(port)
    await relay.join()
    try:
        yield relay
    finally:
        await relay.cut()
