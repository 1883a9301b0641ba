"""Socket Mode: a WebSocket the app opens, envelopes down, acknowledgements up."""

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

MOST = 10


class Socket:
    """One connection."""

    def __init__(self, ws: web.WebSocketResponse, request: web.Request) -> None:
        self.ws = ws
        self.gone = asyncio.Event()
        self._request = request

    async def send(self, what: dict[str, Any]) -> None:
        """Send, or find that nobody is there."""
        with contextlib.suppress(ConnectionError):
            await self.ws.send_str(json.dumps(what))

    def cut(self) -> None:
        """End it as a network does: without a word."""
        if self._request.transport is not None:
            self._request.transport.abort()
        self.gone.set()


class Sockets:
    """The connections of the app, and the envelopes that wait for an acknowledgement."""

    def __init__(self, slack: FakeSlack) -> None:
        self._slack = slack
        self.open: list[Socket] = []
        self.refuse = False
        self._tickets: set[str] = set()
        self._turn = itertools.count()
        self._waiting: dict[str, asyncio.Future[Any]] = {}

    def url(self, base: str) -> str:
        """A fresh address, good for one connection."""
        ticket = uuid.uuid4().hex
        self._tickets.add(ticket)
        return f"{base.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={self._slack.app.app_id}"

    def spoil(self) -> None:
        """The addresses that were given out are good no longer, as after some time."""
        self._tickets.clear()

    def pick(self) -> Socket | None:
        """The next connection in turn."""
        return self.open[next(self._turn) % len(self.open)] if self.open else None

    def expect(self, envelope_id: str) -> asyncio.Future[Any]:
        """The acknowledgement of an envelope, on whichever connection it comes."""
        self._waiting[envelope_id] = asyncio.get_running_loop().create_future()
        return self._waiting[envelope_id]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """`GET /link/`."""
        if self._slack.faults.outage is not None or self.refuse or request.query.get("ticket") not in self._tickets:
            return web.Response(status=403)
        self._tickets.discard(request.query["ticket"])
        ws = web.WebSocketResponse(autoping=True)
        await ws.prepare(request)
        socket = Socket(ws, request)
        if len(self.open) >= MOST:
            await socket.send({"type": "disconnect", "reason": "too_many_websockets", "debug_info": {}})
            await ws.close()
            return ws
        info = {"host": "fake", "build_number": 1, "approximate_connection_time": 18060}
        connection = {"app_id": self._slack.app.app_id}
        number = len(self.open) + 1
        hello = {"type": "hello", "num_connections": number, "debug_info": info, "connection_info": connection}
        await socket.send(hello)
        self.open.append(socket)
        self._slack.record_change()
        try:
            async for frame in ws:
                if frame.type is WSMsgType.TEXT:
                    self._acknowledged(json.loads(frame.data))
        finally:
            socket.gone.set()
            self._leave(socket)
        return ws

    def _acknowledged(self, frame: dict[str, Any]) -> None:
        waiting = self._waiting.pop(str(frame.get("envelope_id")), None)
        if waiting is not None and not waiting.done():
            waiting.set_result(frame.get("payload"))

    def _leave(self, socket: Socket) -> None:
        if socket in self.open:
            self.open.remove(socket)
            self._slack.record_change()

    async def disconnect(self, reason: str) -> None:
        """Send everybody away, as Slack does when it refreshes: they come back at once."""
        for socket in list(self.open):
            self._leave(socket)
            await socket.send({"type": "disconnect", "reason": reason, "debug_info": {"host": "fake"}})
            await socket.ws.close(code=WSCloseCode.GOING_AWAY)
            socket.gone.set()

    def cut(self) -> None:
        """Cut every connection."""
        for socket in list(self.open):
            self._leave(socket)
            socket.cut()
