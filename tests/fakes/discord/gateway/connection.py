"""One connection to the gateway: HELLO, IDENTIFY or RESUME, heartbeats, and the checks of a client's frames."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from tests.fakes.discord.gateway import intents
from tests.fakes.discord.models import Json
from tests.fakes.discord.records import Event

if TYPE_CHECKING:
    from tests.fakes.discord.discord import FakeDiscord
    from tests.fakes.discord.gateway.sessions import GatewaySession

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE_UPDATE, RESUME, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 0, 1, 2, 3, 6, 9, 10, 11
"""Opcodes."""
HEARTBEAT_MILLISECONDS = 41_250
ACK_SECONDS = 0.05
"""About the time that a heartbeat takes to Discord."""


class Connection:
    """A client's WebSocket. Frames are sent as plain text, which discord.py accepts although it asks for
    compression."""

    def __init__(self, discord: FakeDiscord, request: web.Request) -> None:
        self._discord = discord
        self._request = request
        self._ws = web.WebSocketResponse(autoping=True, max_msg_size=0)
        self._queue: asyncio.Queue[Json | Event] = asyncio.Queue()
        self._session: GatewaySession | None = None

    async def run(self) -> web.StreamResponse:
        """Serve the connection until it ends."""
        await self._ws.prepare(self._request)
        if self._request.query.get("v") != "10":
            await self._ws.close(code=4012)
            return self._ws
        self.send({"op": HELLO, "d": {"heartbeat_interval": HEARTBEAT_MILLISECONDS, "_trace": ["fake"]}})
        sending = asyncio.create_task(self._send_queued())
        try:
            async for message in self._ws:
                if message.type is WSMsgType.TEXT:
                    await self._receive(message.data)
        finally:
            sending.cancel()
            self._discord.gateway.disconnected(self, self._ws.close_code)
        return self._ws

    # --- sending ------------------------------------------------------------------------------------------
    def send(self, frame: Json | Event) -> None:
        """Queue an event or another frame."""
        self._queue.put_nowait(frame)

    def cut(self) -> None:
        """End the connection without a close frame."""
        if self._request.transport is not None:
            self._request.transport.abort()
        self._discord.gateway.disconnected(self, None)

    async def close(self, code: int) -> None:
        """End the connection with a close code."""
        self._discord.gateway.disconnected(self, code)
        await self._ws.close(code=code)

    async def send_invalid_frame(self) -> None:
        """Send a frame that is not JSON."""
        await self._ws.send_str("{")

    async def _send_queued(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                frame = await self._queue.get()
                if isinstance(frame, Event):
                    frame.sent += 1
                    await self._ws.send_json({"op": DISPATCH, "s": frame.seq, "t": frame.type, "d": frame.data})
                    self._discord.record_change()
                else:
                    await self._ws.send_json({"s": None, "t": None, **frame})

    # --- receiving ----------------------------------------------------------------------------------------
    async def _receive(self, raw: str) -> None:
        try:
            frame = json.loads(raw)
        except ValueError:
            frame = None
        if not isinstance(frame, dict):
            await self.close(4002)
            return
        op, data = frame.get("op"), frame.get("d")
        if op == HEARTBEAT:
            self._acknowledge_heartbeat()
        elif op == IDENTIFY:
            await self._identify(data)
        elif op == RESUME:
            await self._resume(data)
        elif self._session is None:
            await self.close(4003)
        elif op != PRESENCE_UPDATE:
            await self.close(4001)

    def _acknowledge_heartbeat(self) -> None:
        # Trap: discord.py notes the time of a heartbeat after it has sent it. An acknowledgement that takes no time
        # arrives before that, and counts as late by a whole interval.
        asyncio.get_running_loop().call_later(ACK_SECONDS, self.send, {"op": HEARTBEAT_ACK})

    async def _identify(self, data: Any) -> None:
        if (code := self._check_identify(data)) is not None:
            await self.close(code)
            return
        self._session = self._discord.gateway.start_session(self, data)
        url = self._request.url.with_query(None).with_scheme("ws")
        self._discord.events.ready(self._session, str(url))

    def _check_identify(self, data: Any) -> int | None:
        """Return the close code for an invalid IDENTIFY, or None."""
        if self._session is not None:
            return 4005
        if not isinstance(data, dict) or not isinstance(data.get("properties"), dict):
            return 4002
        wanted, shard = data.get("intents"), data.get("shard") or [0, 1]
        if data.get("token") != self._discord.app.token:
            return 4004
        if len(shard) != 2 or not 0 <= shard[0] < shard[1]:
            return 4010
        if shard[1] < self._discord.rules.shards:
            return 4011
        if not isinstance(wanted, int) or wanted & ~intents.KNOWN:
            return 4013
        return 4014 if wanted & self._discord.disallowed_intents() else None

    async def _resume(self, data: Any) -> None:
        if self._session is not None or not isinstance(data, dict):
            await self.close(4005 if self._session else 4002)
            return
        if data.get("token") != self._discord.app.token:
            await self.close(4004)
            return
        seq = int(data.get("seq") or 0)
        self._session = self._discord.gateway.resume_session(self, str(data.get("session_id")), seq)
        if self._session is None:
            self.send({"op": INVALID_SESSION, "d": False})
