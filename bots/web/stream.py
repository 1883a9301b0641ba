"""Server-sent events: one stream per window, for all of a person's conversations."""

from __future__ import annotations

import asyncio
import json
import re

from aiohttp import web

from bots.web.hub import Hub

HEARTBEAT_SECONDS = 15.0
RETRY_MILLISECONDS = 1000
HELLO: dict[str, object] = {"kind": "hello"}
_ID = re.compile(r"[0-9a-f]{8}-\d+")


def events_route(hub: Hub) -> web.RouteDef:
    """`GET /api/events`, which goes on from `Last-Event-ID` (or `?last=`, where a script opens the stream itself)."""

    async def events(request: web.Request) -> web.StreamResponse:
        feed = await hub.feed(request["person"])
        last = request.headers.get("Last-Event-ID") or request.query.get("last")
        if last and not _ID.fullmatch(last):
            last = None
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        async with feed.window(last) as queue:
            await response.prepare(request)
            await response.write(f"retry: {RETRY_MILLISECONDS}\n".encode() + _frame(last or feed.last_id, HELLO))
            stopping = asyncio.create_task(hub.stopping.wait())
            try:
                while not stopping.done():
                    getting = asyncio.create_task(queue.get())
                    await asyncio.wait(
                        {getting, stopping}, timeout=HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED
                    )
                    if getting.done():
                        frames = [_frame(*getting.result())]
                        while not queue.empty():
                            frames.append(_frame(*queue.get_nowait()))
                        await response.write(b"".join(frames))
                    else:
                        getting.cancel()
                        await response.write(b": still here\n\n")
            except ConnectionResetError:
                pass  # the window is gone
            finally:
                stopping.cancel()
                hub.release(request["person"])
        return response

    return web.get("/api/events", events)


def _frame(number: str, event: dict[str, object]) -> bytes:
    return f"id: {number}\ndata: {json.dumps(event, separators=(',', ':'))}\n\n".encode()
