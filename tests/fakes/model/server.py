"""The server: Chat Completions on one side, a control API for tests in any process on the other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from typing import Any

from aiohttp import web

from tests.fakes.model import protocol
from tests.fakes.model.protocol import Behaviour, Refused, Seen

INSTANT_TEXT = ("The quick brown fox jumps over the lazy dog while the band plays on. " * 3)[:200]


class Gate:
    """A reply that says only what it is told to."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[str | None] = asyncio.Queue()


class FakeModel:
    """One endpoint. `instant` answers 200 characters at once and keeps no records: for the bench."""

    def __init__(
        self,
        *,
        api_key: str | None = None,
        instant: bool = False,
        context_tokens: int | None = None,
        sees_images: bool = True,
        sends_usage: bool = True,
    ) -> None:
        self.api_key = api_key
        self.instant = instant
        self.context_tokens = context_tokens
        self.sees_images = sees_images
        self.sends_usage = sends_usage
        self.script: deque[Behaviour] = deque()
        self.titles: deque[Behaviour] = deque()
        self.summaries: deque[Behaviour] = deque()
        self.seen: list[Seen] = []
        self._gates: dict[int, Gate] = {}
        self._changed = asyncio.Condition()

    def app(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=64 * 1024**2)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/control/script", self._control_script)
        app.router.add_post("/control/titles", self._control_titles)
        app.router.add_post("/control/summaries", self._control_summaries)
        app.router.add_post("/control/release", self._control_release)
        app.router.add_post("/control/clear", self._control_clear)
        app.router.add_get("/control/seen", self._control_seen)
        app.router.add_get("/control/wait", self._control_wait)
        return app

    async def _models(self, request: web.Request) -> web.Response:
        if refusal := self._unauthorised(request):
            return refusal
        return web.json_response({"object": "list", "data": [{"id": m, "object": "model"} for m in protocol.MODELS]})

    def _unauthorised(self, request: web.Request) -> web.Response | None:
        if self.api_key and request.headers.get("Authorization") != f"Bearer {self.api_key}":
            sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
            message = f"Incorrect API key provided: {sent}."
            return web.json_response({"error": {"message": message, "code": "invalid_api_key"}}, status=401)
        return None

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        if refusal := self._unauthorised(request):
            return refusal
        try:
            body = json.loads(await request.read())
            protocol.check(body, context_tokens=self.context_tokens, sees_images=self.sees_images)
        except json.JSONDecodeError:
            return web.json_response({"error": {"message": "could not parse the JSON body"}}, status=400)
        except Refused as refused:
            self.seen.append(Seen(number=len(self.seen), at=time.time(), body={}, refused=True, finished=True))
            await self._tell()
            return web.json_response(refused.body, status=refused.status)
        if self.instant:
            return await self._stream(request, body, Behaviour(text=INSTANT_TEXT, chunk=50), None)
        title = protocol.text_of(body["messages"][-1]).startswith(protocol.TITLE_PROMPT)
        summary = protocol.text_of(body["messages"][-1]).startswith(protocol.SUMMARY_PROMPT)
        seen = Seen(number=len(self.seen), at=time.time(), body=body, title=title, summary=summary)
        if title:
            behaviour = self.titles.popleft() if self.titles else Behaviour(text="A fine title")
        elif summary:
            text = protocol.summarise(protocol.text_of(body["messages"][-1]))
            behaviour = self.summaries.popleft() if self.summaries else Behaviour(text=text)
        elif self.script:
            behaviour = self.script.popleft()
        else:
            behaviour = Behaviour(text=protocol.answer(body["messages"]))
        if behaviour.kind == "gate":
            self._gates[seen.number] = Gate()
        self.seen.append(seen)
        await self._tell()
        try:
            if behaviour.kind == "fail":
                seen.finished = True
                return web.json_response(behaviour.body, status=behaviour.status, headers=behaviour.headers)
            response = await self._stream(request, body, behaviour, seen)
            seen.finished = True
            return response
        except (ConnectionResetError, asyncio.CancelledError):
            seen.disconnected = True
            raise
        finally:
            # The client may be gone: what the test waits for must be told all the same.
            await asyncio.shield(self._tell())

    async def _stream(
        self, request: web.Request, body: dict[str, Any], behaviour: Behaviour, seen: Seen | None
    ) -> web.StreamResponse:
        model = body["model"]
        if not body.get("stream"):
            choice = {
                "index": 0,
                "message": {"role": "assistant", "content": behaviour.text},
                "finish_reason": "stop",
            }
            counted = protocol.usage(body["messages"], behaviour.text)
            whole = {"id": "x", "object": "chat.completion", "created": 0, "model": model}
            return web.json_response({**whole, "choices": [choice], "usage": counted})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        said = ""
        gate = self._gates.get(seen.number) if seen else None
        async for piece in self._pieces(behaviour, gate):
            said += piece
            await _send(response, protocol.chunk(model, text=piece))
            if seen:
                seen.written += 1
                await self._tell()
        if behaviour.kind == "stall":
            await asyncio.Event().wait()
        if behaviour.kind == "drop":
            assert request.transport is not None
            request.transport.abort()
            return response
        if behaviour.kind == "cut":
            await response.write_eof()
            return response
        await _send(response, protocol.chunk(model, finish=behaviour.finish))
        if self.sends_usage and (body.get("stream_options") or {}).get("include_usage"):
            last = {**protocol.chunk(model), "choices": [], "usage": protocol.usage(body["messages"], said)}
            await _send(response, last)
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _pieces(self, behaviour: Behaviour, gate: Gate | None) -> Any:
        if gate is not None:
            spoken = False
            while (piece := await gate.pieces.get()) is not None:
                spoken = True
                yield piece
            if not spoken:
                yield protocol.ENOUGH
            return
        for start in range(0, len(behaviour.text), behaviour.chunk):
            if behaviour.delay:
                await asyncio.sleep(behaviour.delay)
            yield behaviour.text[start : start + behaviour.chunk]

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    # --- control ------------------------------------------------------------------------------------------
    async def _control_script(self, request: web.Request) -> web.Response:
        self.script.extend(Behaviour.model_validate(one) for one in await request.json())
        return web.json_response({})

    async def _control_titles(self, request: web.Request) -> web.Response:
        self.titles.extend(Behaviour.model_validate(one) for one in await request.json())
        return web.json_response({})

    async def _control_summaries(self, request: web.Request) -> web.Response:
        self.summaries.extend(Behaviour.model_validate(one) for one in await request.json())
        return web.json_response({})

    async def _control_clear(self, request: web.Request) -> web.Response:
        self.script.clear()
        self.titles.clear()
        self.summaries.clear()
        return web.json_response({})

    async def _control_release(self, request: web.Request) -> web.Response:
        told = await request.json()
        gate = self._gates[self._named(told["number"], told["exactly"])]
        gate.pieces.put_nowait(told["text"])
        return web.json_response({})

    async def _control_seen(self, request: web.Request) -> web.Response:
        """How many requests there were, and those from number `after` on."""
        seen = [one.model_dump() for one in self.seen[int(request.query.get("after", len(self.seen))) :]]
        return web.json_response({"count": len(self.seen), "seen": seen})

    async def _control_wait(self, request: web.Request) -> web.Response:
        """Wait until `state` holds for a request; that request, or nothing when it never did."""
        named, exactly, state = int(request.query["number"]), request.query["exactly"] == "1", request.query["state"]

        def holds() -> bool:
            if (number := self._named(named, exactly)) >= len(self.seen):
                return False
            least = int(request.query.get("least", 1))
            return state == "arrived" or int(getattr(self.seen[number], state)) >= least

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(float(request.query["timeout"])), self._changed:
                await self._changed.wait_for(holds)
        return web.json_response(self.seen[self._named(named, exactly)].model_dump() if holds() else None)

    def _named(self, number: int, exactly: bool) -> int:
        """That request; if not `exactly`, the first one from there on that is none aside."""
        while not exactly and number < len(self.seen) and self.seen[number].aside:
            number += 1
        return number


async def _send(response: web.StreamResponse, event: dict[str, Any]) -> None:
    await response.write(b"data: " + json.dumps(event).encode() + b"\n\n")
