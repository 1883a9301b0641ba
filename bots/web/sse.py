"""Server-sent events: one stream per browser or window, for all of a person's conversations."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re

from aiohttp import web

from bots.web.feed import Event, FeedRegistry
from bots.web.middleware import PERSON, EVENTS_PATH

HEARTBEAT_SECONDS = 15.0
RETRY_MILLISECONDS = 1000
HELLO_EVENT: dict[str, object] = {"kind": "hello"}
HEARTBEAT_FRAME = b"event: beat\ndata: 1\n\n"
"""An event and no comment: a script never sees comments, and could not tell a quiet stream from a dead one."""
_ID = re.compile(r"[0-9a-f]{8}-\d+")


def create_events_route(hub: FeedRegistry) -> web.RouteDef:
    """`GET /api/events`, which goes on from `Last-Event-ID` (or `?last=`, where a script opens the stream itself)."""

    async def events(request: web.Request) -> web.StreamResponse:
        feed = await hub.feed(request[PERSON])
        last = request.headers.get("Last-Event-ID") or request.query.get("last")
        if last and not _ID.fullmatch(last):
            last = None
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        try:
            with contextlib.suppress(ConnectionResetError):  # the window is gone, or was before it began
                async with feed.window(last) as queue:
                    await response.prepare(request)
                    hello = _frame(last or feed.last_id, HELLO_EVENT)
                    await response.write(f"retry: {RETRY_MILLISECONDS}\n".encode() + hello)
                    while (events := await _next(queue)) is not None:
                        await response.write(b"".join(_frame(*event) for event in events) or HEARTBEAT_FRAME)
        finally:
            hub.release(request[PERSON])
        return response

    return web.get(EVENTS_PATH, events)


async def _next(queue: asyncio.Queue[Event | None]) -> list[Event] | None:
    """All events that are there; an empty list when there was none for a while; None at the end of the stream."""
    try:
        async with asyncio.timeout(HEARTBEAT_SECONDS):
            found = [await queue.get()]
    except TimeoutError:
        return []
    while not queue.empty():
        found.append(queue.get_nowait())
    events = [event for event in found if event is not None]
    return events if len(events) == len(found) else None


def _frame(number: str, event: dict[str, object]) -> bytes:
    return f"id: {number}\ndata: {json.dumps(event, separators=(',', ':'))}\n\n".encode()
