"""The model of every row: a real HTTP server that answers at once in the Chat Completions stream format.

It makes the backend the only thing that is measured: it does not parse the request, and its events are made once.

The requested model's name selects a mode:
    instant: the answer is `TEXT`.
    stamped: the first token is the machine's monotonic clock in nanoseconds, sent immediately. The rest follows after
        `PAUSE_SECONDS`. A reader of the text can compute its age.
    caching: the usage counts as cached the tokens that begin an earlier prompt, as providers' prefix caches do.
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
CHUNK_CHARACTERS = 50
PAUSE_SECONDS = 0.25
INSTANT, STAMPED, CACHING = "instant", "stamped", "caching"


def main() -> None:
    """`python -m bench.instant_model --port 4010`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    app = web.Application(client_max_size=64 * 1024**2)
    app.router.add_post("/v1/chat/completions", _complete)
    app.router.add_get("/health", _health)
    web.run_app(app, host="127.0.0.1", port=options.port, access_log=None, print=None, handler_cancellation=True)


async def _health(_: web.Request) -> web.Response:
    return web.Response()


async def _complete(request: web.Request) -> web.StreamResponse:
    body = await request.read()
    is_stamped = b'"stamped"' in body
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    if is_stamped:
        await response.write(_event(text=f"{time.monotonic_ns()} "))
        await asyncio.sleep(PAUSE_SECONDS)
    for event in _EVENTS:
        await response.write(event)
    usage = _usage(len(body) // 4, _cached_tokens(body) if b'"caching"' in body else None)
    await response.write(_event(usage=usage) + b"data: [DONE]\n\n")
    return response


_recent_prompts: deque[list[Any]] = deque(maxlen=8)
"""The messages of the last prompts, including those of summaries."""


def _cached_tokens(body: bytes) -> int:
    """Return the size of the longest common prefix with an earlier prompt, in tokens."""
    messages = json.loads(body)["messages"]
    prefixes = [
        [message for message, _ in takewhile(lambda pair: pair[0] == pair[1], zip(messages, earlier, strict=False))]
        for earlier in _recent_prompts
    ]
    _recent_prompts.append(messages)
    longest = max(prefixes, key=len, default=[])
    return len(json.dumps(longest, ensure_ascii=False, separators=(",", ":")).encode()) // 4 if longest else 0


def _usage(prompt: int, cached: int | None) -> dict[str, object]:
    completion = len(TEXT) // 4
    usage: dict[str, object] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
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


_EVENTS = (
    *(_event(text=TEXT[start : start + CHUNK_CHARACTERS]) for start in range(0, len(TEXT), CHUNK_CHARACTERS)),
    _event(finish="stop"),
)


if __name__ == "__main__":
    main()
