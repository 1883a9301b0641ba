"""Sessions: what was dispatched to whom, and what a RESUME gets again."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fakes.discord.gateway import intents as bits
from tests.fakes.discord.gateway.connection import Connection
from tests.fakes.discord.models import Event, Json, Session

if TYPE_CHECKING:
    from tests.fakes.discord.discord import FakeDiscord

DISPATCH, RECONNECT, INVALID_SESSION = 0, 7, 9
Build = Callable[[int], Json]


class Live:
    """A session, with what it may still be sent again, and its connection when it has one."""

    def __init__(self, record: Session, most: int) -> None:
        self.record = record
        self.kept: deque[Event] = deque(maxlen=most)
        self.connection: Connection | None = None
        self.lost_at = 0.0


class Gateway:
    """All sessions and connections."""

    def __init__(self, discord: FakeDiscord) -> None:
        self._discord = discord
        self.sessions: dict[str, Live] = {}
        self.connections: list[Connection] = []
        self.events: list[Event] = []
        self.refuse = False
        self.mute = False
        self._losing = 0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """`GET /gateway`."""
        if self._discord.faults.outage is not None or self.refuse:
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
    def losing(self, lose: bool = True) -> Iterator[None]:
        """What is dispatched meanwhile reaches no session: lost between two of them."""
        self._losing += lose
        try:
            yield
        finally:
            self._losing -= lose

    def lose(self, lose: bool) -> None:
        """The same until told otherwise."""
        self._losing = 1 if lose else 0

    def dispatch(self, kind: str, build: Build, intent: int = bits.EVERYWHERE, guild: str | None = None) -> None:
        """Give an event to every session that is subscribed to it; `build` makes it for a session's intents."""
        if self._losing:
            return
        for live in self.sessions.values():
            wanted = not intent or live.record.intents & intent
            if self.lives(live) and wanted and _in_shard(live.record.shard, guild):
                self.give(live, kind, build(live.record.intents))

    def give(self, live: Live, kind: str, data: Json) -> Event:
        """Give an event to one session, under its next sequence number."""
        live.record.seq += 1
        event = Event(
            number=len(self.events),
            session=live.record.id,
            seq=live.record.seq,
            type=kind,
            data=data,
            at=time.time(),
        )
        self.events.append(event)
        live.kept.append(event)
        if live.connection is not None:
            live.connection.push(event)
        self._discord.record_change()
        return event

    def repeat(self, number: int) -> None:
        """Deliver an event once more, under a new sequence number, to every session there is."""
        event = self.events[number]
        for live in self.sessions.values():
            if self.lives(live):
                self.give(live, event.type, event.data)

    # --- sessions -----------------------------------------------------------------------------------------
    def start(self, connection: Connection, identify: Json) -> Live:
        """A new session."""
        record = Session(
            id=secrets.token_hex(16),
            token=identify["token"],
            intents=identify["intents"],
            shard=identify.get("shard"),
            identified_at=time.time(),
            presence=identify.get("presence"),
        )
        live = Live(record, self._discord.rules.replay_events)
        live.connection = connection
        self.sessions[record.id] = live
        return live

    def lives(self, live: Live) -> bool:
        """Whether it can still be resumed; Discord forgets a session some time after its connection is lost."""
        if live.connection is None and live.record.alive:
            age = self._discord.world.clock.now() - live.lost_at
            live.record.alive = age <= self._discord.rules.session_seconds
        return live.record.alive

    def resume(self, connection: Connection, session: str, seq: int) -> Live | None:
        """Take a session up and send again what it missed; None when it is gone."""
        live = self.sessions.get(session)
        if live is None or not self.lives(live) or seq > live.record.seq:
            return None
        oldest = live.kept[0].seq if live.kept else live.record.seq + 1
        if seq + 1 < oldest:
            return None
        if live.connection is not None:
            live.connection.cut()
        live.connection = connection
        live.record.connected, live.record.close_code = True, None
        live.record.resumes += 1
        for event in list(live.kept):
            if event.seq > seq - self._discord.rules.replay_again and event.type not in ("READY", "RESUMED"):
                connection.push(event)
        self.give(live, "RESUMED", {"_trace": ["fake"]})
        return live

    def left(self, connection: Connection, code: int | None) -> None:
        """A connection is gone. One that the client closed with 1000 or 1001 takes its session with it."""
        for live in self.sessions.values():
            if live.connection is connection:
                live.connection, live.lost_at = None, self._discord.world.clock.now()
                live.record.connected, live.record.close_code = False, code
                if code in (1000, 1001):
                    live.record.alive = False

    # --- what goes wrong ----------------------------------------------------------------------------------
    def cut(self) -> None:
        """Cut every connection without a word."""
        for connection in list(self.connections):
            connection.cut()

    def reconnect(self) -> None:
        """Ask every client to come back: op 7."""
        self._all({"op": RECONNECT, "d": None})

    def invalidate(self, resumable: bool) -> None:
        """Tell every client that its session is invalid: op 9. Not resumable: it is gone."""
        if not resumable:
            self.forget()
        self._all({"op": INVALID_SESSION, "d": resumable})

    def forget(self) -> None:
        """Let every session be gone: the next RESUME gets INVALID_SESSION."""
        for live in self.sessions.values():
            live.record.alive = False

    async def close(self, code: int) -> None:
        """Close every connection with a code."""
        for connection in list(self.connections):
            await connection.close(code)

    async def garble(self) -> None:
        """Send over every connection what no client can read."""
        for connection in list(self.connections):
            await connection.garble()

    def _all(self, frame: dict[str, Any]) -> None:
        for connection in list(self.connections):
            connection.frame(frame)


def _in_shard(shard: list[int] | None, guild: str | None) -> bool:
    """Whether a server's events go to a shard; direct messages go to the first."""
    if shard is None or shard[1] <= 1:
        return True
    return shard[0] == ((int(guild) >> 22) % shard[1] if guild else 0)
