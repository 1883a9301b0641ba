"""The model of every row: it answers at once, over real HTTP, in the Chat Completions stream format.

So what is measured is the backend and not a model. It never looks at what it is asked, and its events are made once.
QuestionMessage for the model `stamped`, its first token is the machine's monotonic clock in nanoseconds, sent the moment it is
read, and the rest follows after `PAUSE_SECONDS`: whoever sees that text knows how old it is. QuestionMessage for `caching`, it
does look: it counts as cached what an earlier prompt began with, too, as the prefix caches of providers do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import deque
from itertools import takewhile
from typing import Any

from aiohttp import web

TEXT = ("The quick brown fox jumps over the lazy dog while the band plays on. " * 3)[:200]
PIECE = 50
PAUSE_SECONDS = 0.25
INSTANT, STAMPED, CACHING = "instant", "stamped", "caching"


def main() -> None:
    """`python -m bench.instant_model --port 4010`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    app = web.Application(client_max_size=64 * 1024**2)
    app.router.add_post("/v1/chat/completions", _complete)
    app.router.add_get("/health", _health)
    web.run_app(app, host="127.0.0.1", port=given.port, access_log=None, print=None, handler_cancellation=True)


async def _health(_: web.Request) -> web.Response:
    return web.Response()


async def _complete(request: web.Request) -> web.StreamResponse:
    body = await request.read()
    stamped = b'"stamped"' in body
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    if stamped:
        await response.write(_event(text=f"{time.monotonic_ns()} "))
        await asyncio.sleep(PAUSE_SECONDS)
    for event in _PIECES:
        await response.write(event)
    usage = _usage(len(body) // 4, _cached(body) if b'"caching"' in body else None)
    await response.write(_event(usage=usage) + b"data: [DONE]\n\n")
    return response


_before: deque[list[Any]] = deque(maxlen=8)
"""The messages of the last prompts, summaries' among them."""


def _cached(body: bytes) -> int:
    """Tokens at the beginning of this prompt that were the beginning of an earlier one."""
    messages = json.loads(body)["messages"]
    begun = [
        [one for one, _ in takewhile(lambda pair: pair[0] == pair[1], zip(messages, before, strict=False))]
        for before in _before
    ]
    _before.append(messages)
    same = max(begun, key=len, default=[])
    return len(json.dumps(same, ensure_ascii=False, separators=(",", ":")).encode()) // 4 if same else 0


def _usage(prompt: int, cached: int | None) -> dict[str, object]:
    said = len(TEXT) // 4
    usage: dict[str, object] = {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}
    return usage if cached is None else {**usage, "prompt_tokens_details": {"cached_tokens": cached}}


def _event(*, text: str | None = None, finish: str | None = None, usage: dict[str, object] | None = None) -> bytes:
    chunk: dict[str, object] = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": INSTANT,
        "choices": [],
    }
    if usage is None:
        delta = {"content": text} if text is not None else {}
        chunk["choices"] = [{"index": 0, "delta": delta, "finish_reason": finish}]
    else:
        chunk["usage"] = usage
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


_PIECES = (
    *(_event(text=TEXT[start : start + PIECE]) for start in range(0, len(TEXT), PIECE)),
    _event(finish="stop"),
)


if __name__ == "__main__":
    main()
