"""The stream of server-sent events: one per browser or window, for all conversations of a person."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re

from aiohttp import web

from bots.web.feed import FeedRegistry, NumberedEvent, PageEvent
from bots.web.middleware import EVENTS_PATH, PERSON

HEARTBEAT_SECONDS = 15.0
RETRY_MILLISECONDS = 1000
HELLO_EVENT: PageEvent = {"kind": "hello"}
HEARTBEAT_FRAME = b"event: beat\ndata: 1\n\n"
"""An event instead of a comment: scripts do not see comments, so they could not detect a dead stream."""
_EVENT_ID = re.compile(r"[0-9a-f]{8}-\d+")


def create_events_route(feeds: FeedRegistry) -> web.RouteDef:
    """Return the route `GET /api/events`.

    The stream continues after `Last-Event-ID`, or after `?last=` if a script opens the stream itself.
    """

    async def stream_events(request: web.Request) -> web.StreamResponse:
        feed = await feeds.open(request[PERSON])
        last_id = request.headers.get("Last-Event-ID") or request.query.get("last")
        if last_id and not _EVENT_ID.fullmatch(last_id):
            last_id = None
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        try:
            with contextlib.suppress(ConnectionResetError):  # the window closed, perhaps before the stream began
                async with feed.window(last_id) as queue:
                    await response.prepare(request)
                    hello = _frame(last_id or feed.last_id, HELLO_EVENT)
                    await response.write(f"retry: {RETRY_MILLISECONDS}\n".encode() + hello)
                    while (events := await _next_events(queue)) is not None:
                        await response.write(b"".join(_frame(*event) for event in events) or HEARTBEAT_FRAME)
        finally:
            feeds.schedule_close(request[PERSON])
        return response

    return web.get(EVENTS_PATH, stream_events)


async def _next_events(queue: asyncio.Queue[NumberedEvent | None]) -> list[NumberedEvent] | None:
    """Return all queued events; an empty list after `HEARTBEAT_SECONDS` without one; None at the end of the stream."""
    try:
        async with asyncio.timeout(HEARTBEAT_SECONDS):
            items = [await queue.get()]
    except TimeoutError:
        return []
    while not queue.empty():
        items.append(queue.get_nowait())
    events = [item for item in items if item is not None]
    return events if len(events) == len(items) else None


def _frame(event_id: str, event: PageEvent) -> bytes:
    return f"id: {event_id}\ndata: {json.dumps(event, separators=(',', ':'))}\n\n".encode()
