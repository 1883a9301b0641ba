"""How frames go over the wire: plain JSON, or one compressed stream for the whole connection."""

from __future__ import annotations

import importlib
import json
import zlib
from typing import Any, Protocol

from aiohttp import web


class Codec(Protocol):
    """Sends a frame over a connection."""

    async def send(self, ws: web.WebSocketResponse, frame: dict[str, Any]) -> None: ...


class Plain:
    """Text frames."""

    async def send(self, ws: web.WebSocketResponse, frame: dict[str, Any]) -> None:
        await ws.send_str(json.dumps(frame))


class Zlib:
    """`compress=zlib-stream`: one context for the connection, every message ends in a sync flush."""

    def __init__(self) -> None:
        self._context = zlib.compressobj()

    async def send(self, ws: web.WebSocketResponse, frame: dict[str, Any]) -> None:
        body = self._context.compress(json.dumps(frame).encode()) + self._context.flush(zlib.Z_SYNC_FLUSH)
        await ws.send_bytes(body)


class Zstd:
    """`compress=zstd-stream`: asked for where the client has a zstd module, and then so has this process."""

    def __init__(self) -> None:
        try:
            module: Any = importlib.import_module("compression.zstd")
            self._context: Any = module.ZstdCompressor()
            self._flush: Any = module.ZstdCompressor.FLUSH_BLOCK
        except ImportError:
            module = importlib.import_module("zstandard")
            self._context = module.ZstdCompressor().compressobj()
            self._flush = module.COMPRESSOBJ_FLUSH_BLOCK

    async def send(self, ws: web.WebSocketResponse, frame: dict[str, Any]) -> None:
        body = self._context.compress(json.dumps(frame).encode()) + self._context.flush(self._flush)
        await ws.send_bytes(body)


def codec(asked: str | None) -> Codec:
    """The one that a connection asked for."""
    if asked == "zlib-stream":
        return Zlib()
    return Zstd() if asked == "zstd-stream" else Plain()
