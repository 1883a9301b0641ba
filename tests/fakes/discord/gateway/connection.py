"""One connection to the gateway: HELLO, IDENTIFY or RESUME, heartbeats, and what a client may say."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from tests.fakes.discord.gateway import intents
from tests.fakes.discord.gateway.codec import codec
from tests.fakes.discord.models import Event, Json

if TYPE_CHECKING:
    from tests.fakes.discord.discord import FakeDiscord
    from tests.fakes.discord.gateway.sessions import Live

HEARTBEAT, IDENTIFY, PRESENCE, VOICE, RESUME, MEMBERS, HELLO, ACK = 1, 2, 3, 4, 6, 8, 10, 11
LARGEST, MOST_A_MINUTE = 4096, 120
ACK_SECONDS = 0.05
"""About what a line to Discord takes."""


class Connection:
    """A client on the line."""

    def __init__(self, discord: FakeDiscord, request: web.Request) -> None:
        self._discord = discord
        self._request = request
        self._ws = web.WebSocketResponse(autoping=True, max_msg_size=0)
        self._codec = codec(request.query.get("compress"))
        self._queue: asyncio.Queue[Json | Event] = asyncio.Queue()
        self._live: Live | None = None
        self._beat = time.monotonic()
        self._said: deque[float] = deque()

    async def run(self) -> web.StreamResponse:
        """Serve it until it ends."""
        await self._ws.prepare(self._request)
        if self._request.query.get("v") not in ("9", "10"):
            await self._ws.close(code=4012)
            return self._ws
        interval = int(self._discord.rules.heartbeat_seconds * 1000)
        self.frame({"op": HELLO, "d": {"heartbeat_interval": interval, "_trace": ["fake"]}})
        tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._watch())]
        try:
            async for message in self._ws:
                if message.type is WSMsgType.TEXT:
                    await self._hear(message.data)
        finally:
            for task in tasks:
                task.cancel()
            self._discord.gateway.left(self, self._ws.close_code)
        return self._ws

    # --- speaking -----------------------------------------------------------------------------------------
    def frame(self, frame: Json) -> None:
        """Send something that is no event."""
        self._queue.put_nowait(frame)

    def push(self, event: Event) -> None:
        """Send an event."""
        self._queue.put_nowait(event)

    def cut(self) -> None:
        """End it without a word."""
        if self._request.transport is not None:
            self._request.transport.abort()
        self._discord.gateway.left(self, None)

    async def close(self, code: int) -> None:
        """End it with a close code."""
        self._discord.gateway.left(self, code)
        await self._ws.close(code=code)

    async def garble(self) -> None:
        """Send what no client can read."""
        await self._ws.send_str("{")

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                frame = await self._queue.get()
                if isinstance(frame, Event):
                    frame.sent += 1
                    await self._codec.send(self._ws, {"op": 0, "s": frame.seq, "t": frame.type, "d": frame.data})
                    self._discord.record_change()
                else:
                    await self._codec.send(self._ws, {"s": None, "t": None, **frame})

    async def _watch(self) -> None:
        """Close the line of a client that does not send its heartbeats; its session is gone."""
        while True:
            await asyncio.sleep(0.05)
            if time.monotonic() - self._beat > self._discord.rules.heartbeat_seconds * 1.5:
                if self._live is not None:
                    self._live.record.alive = False
                await self.close(4009)
                return

    # --- hearing ------------------------------------------------------------------------------------------
    async def _hear(self, raw: str) -> None:
        try:
            frame = json.loads(raw)
        except ValueError:
            frame = None
        if not isinstance(frame, dict) or len(raw.encode()) > LARGEST:
            await self.close(4002)
            return
        now = time.monotonic()
        self._said.append(now)
        while self._said[0] < now - 60:
            self._said.popleft()
        if len(self._said) > MOST_A_MINUTE:
            await self.close(4008)
            return
        op, data = frame.get("op"), frame.get("d")
        if op == HEARTBEAT:
            self._heartbeat()
        elif op == IDENTIFY:
            await self._identify(data)
        elif op == RESUME:
            await self._resume(data)
        elif self._live is None:
            await self.close(4003)
        elif op == PRESENCE:
            self._live.record.presence = data
            self._discord.record_change()
        elif op == MEMBERS and isinstance(data, dict):
            self._members(self._live, data)
        elif op != VOICE:
            await self.close(4001)

    def _heartbeat(self) -> None:
        self._beat = time.monotonic()
        if self._live is not None:
            self._live.record.heartbeats += 1
            self._discord.record_change()
        if not self._discord.gateway.mute:
            # Trap: discord.py notes when it sent a heartbeat after having sent it. An answer that takes no time at all
            # comes before that, and counts as late by a whole interval.
            asyncio.get_running_loop().call_later(ACK_SECONDS, self.frame, {"op": ACK})

    async def _identify(self, data: Any) -> None:
        app, gateway = self._discord.app, self._discord.gateway
        refused = {
            4005: self._live is not None,
            4002: not isinstance(data, dict) or not isinstance(data.get("properties"), dict),
        }
        if not any(refused.values()):
            wanted = data.get("intents")
            shard = data.get("shard") or [0, 1]
            allowed = isinstance(wanted, int)
            refused = {
                4004: data.get("token") != app.token,
                4010: len(shard) != 2 or not 0 <= shard[0] < shard[1],
                4011: shard[1] < self._discord.rules.shards,
                4013: not allowed or wanted & ~intents.KNOWN != 0,
                4014: allowed and bool(wanted & self._discord.forbidden_intents()),
            }
        for code, reason in refused.items():
            if reason:
                await self.close(code)
                return
        self._live = gateway.start(self, data)
        self._discord.events.ready(self._live, str(self._request.url.with_query(None).with_scheme("ws")))

    async def _resume(self, data: Any) -> None:
        if self._live is not None or not isinstance(data, dict):
            await self.close(4005 if self._live else 4002)
            return
        if data.get("token") != self._discord.app.token:
            await self.close(4004)
            return
        self._live = self._discord.gateway.resume(self, str(data.get("session_id")), int(data.get("seq") or 0))
        if self._live is None:
            self.frame({"op": 9, "d": False})

    def _members(self, live: Live, data: Json) -> None:
        """REQUEST_GUILD_MEMBERS: all of them needs the members intent."""
        guild = self._discord.world.guilds.get(str(data.get("guild_id")))
        if guild is None:
            return
        wanted = data.get("user_ids")
        names = [wanted] if isinstance(wanted, str | int) else wanted
        found = list(guild.members.values())
        if names is not None:
            found = [one for one in found if one.user in [str(name) for name in names]]
        elif (query := str(data.get("query") or "").lower()) or live.record.intents & intents.MEMBERS:
            users = self._discord.world.users
            found = [one for one in found if users[one.user].username.lower().startswith(query)]
        else:
            found = []
        limit = int(data.get("limit") or 0)
        told = [self._discord.render.member(guild.id, one) for one in found[: limit or None]]
        chunk: Json = {"guild_id": guild.id, "members": told, "chunk_index": 0, "chunk_count": 1}
        if data.get("nonce"):
            chunk["nonce"] = data["nonce"]
        self._discord.gateway.give(live, "GUILD_MEMBERS_CHUNK", chunk)
