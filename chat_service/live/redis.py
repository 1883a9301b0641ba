"""The live bus over Redis, for processes that run apart.

Channels are `live:{conversation key}`; what was said so far lies in `said:{key}`, what a turn waits for in
`pause:{key}`, and both go away by themselves.
A Redis that is away costs previews, nothing else: events are dropped, and the connection is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.exceptions import RedisError

from chat_service.errors import UserError
from chat_service.live.bus import ENDS_PAUSE, LiveEvent, Pause, Preview
from chat_service.live.memory import BACKLOG, drain
from chat_service.live.outage import Outage

log = logging.getLogger(__name__)

KEEP_SECONDS = 900
RECONNECT_SECONDS = 1.0


class RedisBus:
    """One sender task for everything published here, so that `publish` never waits."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._outgoing: asyncio.Queue[LiveEvent] = asyncio.Queue(BACKLOG)
        self._said: dict[str, Preview] = {}
        self._outage = Outage(log, "live bus: Redis (LIVE_BUS_URL)")

    @classmethod
    @asynccontextmanager
    async def connected(cls, url: str) -> AsyncIterator[RedisBus]:
        """Open the connection lazily: a Redis that is down at start is only logged.

        Raises:
            UserError: when the address is none.
        """
        try:
            redis = Redis.from_url(url, socket_connect_timeout=2)
        except ValueError as error:  # a port that is no number, a name that cannot be one
            raise UserError(f"LIVE_BUS_URL is no address of a Redis ({error}): correct it") from error
        bus = cls(redis)
        sender = asyncio.create_task(bus._send())
        try:
            yield bus
        finally:
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sender
            await redis.aclose()

    def publish(self, event: LiveEvent) -> None:
        if self._outgoing.full():
            self._outgoing.get_nowait()
        self._outgoing.put_nowait(event)

    @asynccontextmanager
    async def subscribe(self, prefix: str) -> AsyncIterator[AsyncIterator[LiveEvent]]:
        pattern = "live:" + re.sub(r"([*?\[\]\\^-])", r"\\\1", prefix) + "*"
        queue: asyncio.Queue[LiveEvent] = asyncio.Queue(BACKLOG)
        ready = asyncio.Event()
        reader = asyncio.create_task(self._read(pattern, queue, ready))
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ready.wait(), 2)
            yield drain(queue)
        finally:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reader

    async def so_far(self, conversation: str) -> Preview | None:
        try:
            said = await self._redis.get(f"said:{conversation}")
        except (RedisError, OSError):
            return None
        return Preview.model_validate_json(said) if said else None

    async def pause(self, conversation: str) -> Pause | None:
        try:
            told = await self._redis.get(f"pause:{conversation}")
        except (RedisError, OSError):
            return None
        return Pause.model_validate_json(told) if told else None

    async def _send(self) -> None:
        while True:
            event = await self._outgoing.get()
            try:
                async with self._redis.pipeline(transaction=False) as pipe:
                    self._keep(pipe, event)
                    pipe.publish(f"live:{event.conversation}", event.model_dump_json())
                    await pipe.execute()
                self._outage.over()
            except (RedisError, OSError) as error:
                self._outage.goes_on(error)
                await asyncio.sleep(RECONNECT_SECONDS)

    def _keep(self, pipe: Redis, event: LiveEvent) -> None:
        key = f"said:{event.conversation}"
        if event.kind == "ended":
            self._said.pop(event.conversation, None)
            pipe.delete(key)
        elif event.kind == "delta":
            said = Preview.extended(self._said.get(event.conversation), event)
            self._said[event.conversation] = said
            pipe.set(key, said.model_dump_json(), ex=KEEP_SECONDS)
        if event.kind == "retry":
            pipe.set(f"pause:{event.conversation}", Pause.told(event).model_dump_json(), ex=KEEP_SECONDS)
        elif event.kind in ENDS_PAUSE:
            pipe.delete(f"pause:{event.conversation}")

    async def _read(self, pattern: str, queue: asyncio.Queue[LiveEvent], ready: asyncio.Event) -> None:
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.psubscribe(pattern)
                    async for message in pubsub.listen():
                        if message["type"] == "psubscribe":
                            ready.set()
                            self._outage.over()
                        elif message["type"] == "pmessage":
                            _hear(message["data"], queue)
            except (RedisError, OSError) as error:
                self._outage.goes_on(error)
                await asyncio.sleep(RECONNECT_SECONDS)


def _hear(data: bytes, queue: asyncio.Queue[LiveEvent]) -> None:
    """Pass an event on. What another version of the code says, or a stranger on the same Redis, may make no sense."""
    try:
        event = LiveEvent.model_validate_json(data)
    except ValueError:
        log.warning("live bus: an event that cannot be read was dropped")
        return
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(event)
