"""The gateway's sessions: dispatch events to them, and replay events at a RESUME."""

from __future__ import annotations

import contextlib
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from aiohttp import web

from tests.fakes.discord.gateway import intents
from tests.fakes.discord.gateway.connection import Connection
from tests.fakes.discord.models import Json
from tests.fakes.discord.records import Event, Session

if TYPE_CHECKING:
    from tests.fakes.discord.discord import FakeDiscord

RECONNECT = 7
"""The opcode that asks a client to reconnect."""
SESSION_SECONDS = 180.0
"""How long a session without a connection can be resumed."""
REPLAY_EVENTS = 1000
"""How many events a session keeps for a RESUME."""
BuildEvent = Callable[[int], Json]
"""Builds an event's data for a session's intents."""


class GatewaySession:
    """A session with the events that a RESUME can replay, and its connection while it has one."""

    def __init__(self, record: Session) -> None:
        self.record = record
        self.replay_buffer: deque[Event] = deque(maxlen=REPLAY_EVENTS)
        self.connection: Connection | None = None
        self.disconnected_at = 0.0


class Gateway:
    """All sessions and connections."""

    def __init__(self, discord: FakeDiscord) -> None:
        self._discord = discord
        self.sessions: dict[str, GatewaySession] = {}
        self.connections: list[Connection] = []
        self.events: list[Event] = []
        self.refuse_connections = False
        self._drop_count = 0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve `GET /gateway`."""
        if self._discord.faults.outage is not None or self.refuse_connections:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        connection = Connection(self._discord, request)
        self.connections.append(connection)
        try:
            return await connection.run()
        finally:
            self.connections.remove(connection)
            self._discord.record_change()

    # --- dispatching --------------------------------------------------------------------------------------
    @contextlib.contextmanager
    def dropping_events(self, drop: bool) -> Iterator[None]:
        """Lose the events that are dispatched in this context, as between two sessions, if `drop` is set."""
        self._drop_count += drop
        try:
            yield
        finally:
            self._drop_count -= drop

    def dispatch(self, type: str, build: BuildEvent, intent: int = intents.NONE, guild: str | None = None) -> None:
        """Send an event to every session that has its intent and whose shard has its server."""
        if self._drop_count:
            return
        for session in self.sessions.values():
            is_wanted = not intent or session.record.intents & intent
            if self.is_alive(session) and is_wanted and _is_in_shard(session.record.shard, guild):
                self.send_event(session, type, build(session.record.intents))

    def send_event(self, session: GatewaySession, type: str, data: Json) -> None:
        """Send an event to one session, under its next sequence number."""
        record = session.record
        record.seq += 1
        event = Event(number=len(self.events), session=record.id, seq=record.seq, type=type, data=data)
        self.events.append(event)
        session.replay_buffer.append(event)
        if session.connection is not None:
            session.connection.send(event)
        self._discord.record_change()

    def redeliver(self, number: int, times: int) -> None:
        """Send an event again to every session, under new sequence numbers."""
        event = self.events[number]
        for session in list(self.sessions.values()) * times:
            if self.is_alive(session):
                self.send_event(session, event.type, event.data)

    # --- sessions -----------------------------------------------------------------------------------------
    def start_session(self, connection: Connection, identify: Json) -> GatewaySession:
        """Start a session with the data of an IDENTIFY."""
        record = Session(id=secrets.token_hex(16), intents=identify["intents"], shard=identify.get("shard"))
        session = GatewaySession(record)
        session.connection = connection
        self.sessions[record.id] = session
        return session

    def is_alive(self, session: GatewaySession) -> bool:
        """Return whether a session is connected or can still be resumed."""
        if session.connection is None and session.record.alive:
            age = self._discord.state.clock.now() - session.disconnected_at
            session.record.alive = age <= SESSION_SECONDS
        return session.record.alive

    def resume_session(self, connection: Connection, id: str, seq: int) -> GatewaySession | None:
        """Resume a session and replay the events after `seq`; None if it cannot be resumed."""
        session = self.sessions.get(id)
        if session is None or not self.is_alive(session) or seq > session.record.seq:
            return None
        buffer = session.replay_buffer
        if seq + 1 < (buffer[0].seq if buffer else session.record.seq + 1):
            return None
        if session.connection is not None:
            session.connection.cut()
        session.connection = connection
        session.record.connected = True
        session.record.resumes += 1
        for event in list(buffer):
            if event.seq > seq - self._discord.rules.replay_again and event.type not in ("READY", "RESUMED"):
                connection.send(event)
        self.send_event(session, "RESUMED", {"_trace": ["fake"]})
        return session

    def disconnected(self, connection: Connection, code: int | None) -> None:
        """Note the end of a connection. A session whose client closed with 1000 or 1001 cannot be resumed."""
        for session in self.sessions.values():
            if session.connection is connection:
                session.connection, session.disconnected_at = None, self._discord.state.clock.now()
                session.record.connected = False
                if code in (1000, 1001):
                    session.record.alive = False

    # --- faults -------------------------------------------------------------------------------------------
    def cut(self) -> None:
        """Cut all connections without a close frame."""
        for connection in list(self.connections):
            connection.cut()

    def request_reconnect(self) -> None:
        """Ask all clients to reconnect (opcode 7)."""
        for connection in self.connections:
            connection.send({"op": RECONNECT, "d": None})

    def forget_sessions(self) -> None:
        """End all sessions: the next RESUME is answered with opcode 9."""
        for session in self.sessions.values():
            session.record.alive = False

    async def close(self, code: int) -> None:
        """Close all connections with a code."""
        for connection in list(self.connections):
            await connection.close(code)

    async def send_invalid_frame(self) -> None:
        """Send a frame that is not JSON over all connections."""
        for connection in list(self.connections):
            await connection.send_invalid_frame()


def _is_in_shard(shard: list[int] | None, guild: str | None) -> bool:
    """Return whether a shard gets the events of a server. The first shard gets direct messages."""
    if shard is None or shard[1] <= 1:
        return True
    return shard[0] == ((int(guild) >> 22) % shard[1] if guild else 0)
