"""Socket Mode: the WebSocket connections of the app, with envelopes and acknowledgements."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import uuid
from typing import TYPE_CHECKING, Any

from aiohttp import WSCloseCode, WSMsgType, web

if TYPE_CHECKING:
    from tests.fakes.slack.slack import FakeSlack

MAX_CONNECTIONS = 10


class Connection:
    """A WebSocket connection of the app."""

    def __init__(self, ws: web.WebSocketResponse, request: web.Request) -> None:
        self.ws = ws
        self.closed = asyncio.Event()
        self._request = request

    async def send(self, frame: dict[str, Any]) -> None:
        """Send a frame; a closed connection is ignored."""
        with contextlib.suppress(ConnectionError):
            await self.ws.send_str(json.dumps(frame))

    def cut(self) -> None:
        """Abort the connection without a closing frame."""
        if self._request.transport is not None:
            self._request.transport.abort()
        self.closed.set()


class Connections:
    """The open connections, and the envelopes that wait for an acknowledgement."""

    def __init__(self, slack: FakeSlack) -> None:
        self._slack = slack
        self.open: list[Connection] = []
        self.refuse = False
        self._tickets: set[str] = set()
        self._counter = itertools.count()
        self._waiting: dict[str, asyncio.Future[Any]] = {}

    def issue_url(self, base_url: str) -> str:
        """Return a new URL, valid for one connection."""
        ticket = uuid.uuid4().hex
        self._tickets.add(ticket)
        return f"{base_url.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={self._slack.app.app_id}"

    def expire_urls(self) -> None:
        """Invalidate the issued URLs, as Slack does after some time."""
        self._tickets.clear()

    def next_connection(self) -> Connection | None:
        """Return the connections in turn; None if there is none."""
        return self.open[next(self._counter) % len(self.open)] if self.open else None

    def expect_ack(self, envelope_id: str) -> asyncio.Future[Any]:
        """Return a future for the acknowledgement of an envelope, on whichever connection it arrives."""
        self._waiting[envelope_id] = asyncio.get_running_loop().create_future()
        return self._waiting[envelope_id]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Handle `GET /link/`."""
        is_valid = request.query.get("ticket") in self._tickets
        if self._slack.faults.outage is not None or self.refuse or not is_valid:
            return web.Response(status=403)
        self._tickets.discard(request.query["ticket"])
        ws = web.WebSocketResponse(autoping=True)
        await ws.prepare(request)
        connection = Connection(ws, request)
        if len(self.open) >= MAX_CONNECTIONS:
            await connection.send({"type": "disconnect", "reason": "too_many_websockets", "debug_info": {}})
            await ws.close()
            return ws
        debug_info = {"host": "fake", "build_number": 1, "approximate_connection_time": 18060}
        hello = {"type": "hello", "num_connections": len(self.open) + 1, "debug_info": debug_info}
        await connection.send({**hello, "connection_info": {"app_id": self._slack.app.app_id}})
        self.open.append(connection)
        self._slack.record_change()
        try:
            async for frame in ws:
                if frame.type is WSMsgType.TEXT:
                    self._receive_ack(json.loads(frame.data))
        finally:
            connection.closed.set()
            self._remove(connection)
        return ws

    def _receive_ack(self, frame: dict[str, Any]) -> None:
        waiting = self._waiting.pop(str(frame.get("envelope_id")), None)
        if waiting is not None and not waiting.done():
            waiting.set_result(frame.get("payload"))

    def _remove(self, connection: Connection) -> None:
        if connection in self.open:
            self.open.remove(connection)
            self._slack.record_change()

    async def disconnect(self, reason: str) -> None:
        """Close all connections with a `disconnect` frame, after which the app reconnects."""
        for connection in list(self.open):
            self._remove(connection)
            await connection.send({"type": "disconnect", "reason": reason, "debug_info": {"host": "fake"}})
            await connection.ws.close(code=WSCloseCode.GOING_AWAY)
            connection.closed.set()

    def cut(self) -> None:
        """Abort all connections."""
        for connection in list(self.open):
            self._remove(connection)
            connection.cut()
