"""The live bus over Redis, for several processes.

The channels are `live:{conversation key}`. `preview:{key}` holds the running reply's text, `retry:{key}` the wait for
the next attempt; both expire. While Redis is down, events are dropped and the connection is retried: only previews are
missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.exceptions import RedisError

from chat_service.errors import UserError
from chat_service.live.bus import ENDS_RETRY_WAIT, LiveEvent, Preview, RetryWait
from chat_service.live.memory import BACKLOG, put_or_drop_oldest, read_queue

log = logging.getLogger(__name__)

EXPIRE_SECONDS = 900
RECONNECT_SECONDS = 1.0
REMINDER_SECONDS = 60.0


class RedisBus:
    """One task sends all published events, so that `publish` never waits."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._outgoing: asyncio.Queue[LiveEvent] = asyncio.Queue(BACKLOG)
        self._previews: dict[str, Preview] = {}
        self._outage_log = OutageLog()

    @classmethod
    @asynccontextmanager
    async def connected(cls, url: str) -> AsyncIterator[RedisBus]:
        """Open the bus. The connection is made lazily: if Redis is down at the start, that is only logged.

        Raises:
            UserError: when the URL is invalid.
        """
        try:
            redis = Redis.from_url(url, socket_connect_timeout=2)
        except ValueError as error:
            raise UserError(f"LIVE_BUS_URL is not a Redis URL ({error}): correct it") from error
        bus = cls(redis)
        sender = asyncio.create_task(bus._send_events())
        try:
            yield bus
        finally:
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sender
            await redis.aclose()

    def publish(self, event: LiveEvent) -> None:
        put_or_drop_oldest(self._outgoing, event)

    @asynccontextmanager
    async def subscribe(self, prefix: str) -> AsyncIterator[AsyncIterator[LiveEvent]]:
        pattern = "live:" + re.sub(r"([*?\[\]\\^-])", r"\\\1", prefix) + "*"
        queue: asyncio.Queue[LiveEvent] = asyncio.Queue(BACKLOG)
        subscribed = asyncio.Event()
        receiver = asyncio.create_task(self._receive_events(pattern, queue, subscribed))
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(subscribed.wait(), 2)
            yield read_queue(queue)
        finally:
            receiver.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await receiver

    async def get_preview(self, conversation: str) -> Preview | None:
        try:
            data = await self._redis.get(f"preview:{conversation}")
        except (RedisError, OSError):
            return None
        return Preview.model_validate_json(data) if data else None

    async def get_retry_wait(self, conversation: str) -> RetryWait | None:
        try:
            data = await self._redis.get(f"retry:{conversation}")
        except (RedisError, OSError):
            return None
        return RetryWait.model_validate_json(data) if data else None

    async def _send_events(self) -> None:
        while True:
            event = await self._outgoing.get()
            try:
                async with self._redis.pipeline(transaction=False) as pipe:
                    self._record(pipe, event)
                    pipe.publish(f"live:{event.conversation}", event.model_dump_json())
                    await pipe.execute()
                self._outage_log.record_success()
            except (RedisError, OSError) as error:
                self._outage_log.record_failure(error)
                await asyncio.sleep(RECONNECT_SECONDS)

    def _record(self, pipe: Redis, event: LiveEvent) -> None:
        key = f"preview:{event.conversation}"
        if event.kind == "ended":
            self._previews.pop(event.conversation, None)
            pipe.delete(key)
        elif event.kind == "delta":
            preview = Preview.extend(self._previews.get(event.conversation), event)
            self._previews[event.conversation] = preview
            pipe.set(key, preview.model_dump_json(), ex=EXPIRE_SECONDS)
        if event.kind == "retry":
            wait = RetryWait.from_event(event)
            pipe.set(f"retry:{event.conversation}", wait.model_dump_json(), ex=EXPIRE_SECONDS)
        elif event.kind in ENDS_RETRY_WAIT:
            pipe.delete(f"retry:{event.conversation}")

    async def _receive_events(self, pattern: str, queue: asyncio.Queue[LiveEvent], subscribed: asyncio.Event) -> None:
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.psubscribe(pattern)
                    async for message in pubsub.listen():
                        if message["type"] == "psubscribe":
                            subscribed.set()
                            self._outage_log.record_success()
                        elif message["type"] == "pmessage":
                            _forward(message["data"], queue)
            except (RedisError, OSError) as error:
                self._outage_log.record_failure(error)
                await asyncio.sleep(RECONNECT_SECONDS)


def _forward(data: bytes, queue: asyncio.Queue[LiveEvent]) -> None:
    """Put a received event into the queue. Data of another code version or another program may not be an event."""
    try:
        event = LiveEvent.model_validate_json(data)
    except ValueError:
        log.warning("live bus: dropped an event that cannot be parsed")
        return
    put_or_drop_oldest(queue, event)


class OutageLog:
    """Logs the start and end of an outage of Redis, and once a minute that it goes on, for all connections together."""

    def __init__(self) -> None:
        self._last_logged: float | None = None

    def record_failure(self, error: Exception) -> None:
        """Log a failed attempt, unless the last line is less than a minute old."""
        now = time.monotonic()
        if self._last_logged is None:
            log.warning("live bus: Redis (LIVE_BUS_URL) is unreachable, retrying until it is back (%s)", error)
        elif now - self._last_logged < REMINDER_SECONDS:
            return
        else:
            log.warning("live bus: Redis (LIVE_BUS_URL) is still unreachable (%s)", error)
        self._last_logged = now

    def record_success(self) -> None:
        """Log the end of an outage."""
        if self._last_logged is not None:
            log.warning("live bus: Redis (LIVE_BUS_URL) is reachable again")
            self._last_logged = None
