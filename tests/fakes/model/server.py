"""The fake model's server: the Chat Completions API and a control API for tests in any process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from tests.fakes.model import protocol
from tests.fakes.model.protocol import ApiError, ModelRequest, ScriptedResponse


class FakeModel:
    """An endpoint that records its requests and sends the scripted responses."""

    def __init__(self, *, api_key: str | None = None, context_tokens: int | None = None) -> None:
        self.api_key = api_key
        self.context_tokens = context_tokens
        self.requests: list[ModelRequest] = []
        self._scripts: dict[str, deque[ScriptedResponse]] = {
            name: deque() for name in ("script", "titles", "summaries")
        }
        self._gates: dict[int, asyncio.Queue[str | None]] = {}
        self._changed = asyncio.Condition()

    def app(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(client_max_size=64 * 1024**2)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/control/release", self._control_release)
        app.router.add_post("/control/clear", self._control_clear)
        app.router.add_post("/control/{script}", self._control_script)
        app.router.add_get("/control/requests", self._control_requests)
        app.router.add_get("/control/wait", self._control_wait)
        return app

    async def _models(self, request: web.Request) -> web.Response:
        if refusal := self._refuse_api_key(request):
            return refusal
        return web.json_response({"object": "list", "data": [{"id": m, "object": "model"} for m in protocol.MODELS]})

    def _refuse_api_key(self, request: web.Request) -> web.Response | None:
        if self.api_key and request.headers.get("Authorization") != f"Bearer {self.api_key}":
            sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
            message = f"Incorrect API key provided: {sent}."
            return web.json_response({"error": {"message": message, "code": "invalid_api_key"}}, status=401)
        return None

    async def _complete(self, http_request: web.Request) -> web.StreamResponse:
        if refusal := self._refuse_api_key(http_request):
            return refusal
        content = await http_request.read()
        number = len(self.requests)  # after the await: a request that is read meanwhile would get the same number
        try:
            body = json.loads(content)
            protocol.validate(body, context_tokens=self.context_tokens)
        except json.JSONDecodeError:
            return web.json_response({"error": {"message": "could not parse the JSON body"}}, status=400)
        except ApiError as error:
            self.requests.append(ModelRequest(number=number, at=time.time(), body={}, refused=True, finished=True))
            await self._notify()
            return web.json_response(error.body, status=error.status)
        last = protocol.text_of(body["messages"][-1])
        is_title, is_summary = last.startswith(protocol.TITLE_PROMPT), last.startswith(protocol.SUMMARY_PROMPT)
        request = ModelRequest(number=number, at=time.time(), body=body, is_title=is_title, is_summary=is_summary)
        scripted = self._take_response(request)
        if scripted.kind == "gate":
            self._gates[number] = asyncio.Queue()
        self.requests.append(request)
        await self._notify()
        try:
            if scripted.kind == "fail":
                request.finished = True
                return web.json_response(scripted.body, status=scripted.status, headers=scripted.headers)
            response = await self._stream(http_request, scripted, request)
            request.finished = True
            return response
        except (ConnectionResetError, asyncio.CancelledError):
            request.disconnected = True
            raise
        finally:
            # The client may have disconnected and cancelled this handler; a waiting test must be notified anyway.
            await asyncio.shield(self._notify())

    def _take_response(self, request: ModelRequest) -> ScriptedResponse:
        script = self._scripts["titles" if request.is_title else "summaries" if request.is_summary else "script"]
        if script:
            return script.popleft()
        if request.is_title:
            return ScriptedResponse(text="A fine title")
        if request.is_summary:
            prompt = protocol.text_of(request.body["messages"][-1])
            return ScriptedResponse(text=protocol.default_summary(prompt))
        return ScriptedResponse(text=protocol.default_reply(request.body["messages"]))

    async def _stream(
        self, http_request: web.Request, scripted: ScriptedResponse, request: ModelRequest
    ) -> web.StreamResponse:
        model, messages = request.body["model"], request.body["messages"]
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(http_request)
        reply = ""
        async for piece in self._pieces(scripted, request.number):
            reply += piece
            await _send(response, protocol.build_chunk(model, text=piece))
            request.written += 1
            await self._notify()
        if scripted.kind == "stall":
            await asyncio.Event().wait()
        if scripted.kind == "drop":
            assert http_request.transport is not None
            http_request.transport.abort()
            return response
        if scripted.kind == "cut":
            await response.write_eof()
            return response
        await _send(response, protocol.build_chunk(model, finish=scripted.finish))
        if (request.body.get("stream_options") or {}).get("include_usage"):
            usage = protocol.build_usage(messages, reply)
            await _send(response, {**protocol.build_chunk(model), "choices": [], "usage": usage})
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _pieces(self, scripted: ScriptedResponse, number: int) -> AsyncIterator[str]:
        if scripted.kind == "gate":
            is_empty = True
            while (piece := await self._gates[number].get()) is not None:
                is_empty = False
                yield piece
            if is_empty:
                yield protocol.EMPTY_GATE_TEXT
            return
        for start in range(0, len(scripted.text), scripted.chunk):
            if scripted.delay:
                await asyncio.sleep(scripted.delay)
            yield scripted.text[start : start + scripted.chunk]

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    # --- control ------------------------------------------------------------------------------------------
    async def _control_script(self, request: web.Request) -> web.Response:
        script = self._scripts[request.match_info["script"]]
        script.extend(ScriptedResponse.model_validate(response) for response in await request.json())
        return web.json_response({})

    async def _control_clear(self, request: web.Request) -> web.Response:
        for script in self._scripts.values():
            script.clear()
        return web.json_response({})

    async def _control_release(self, request: web.Request) -> web.Response:
        arguments = await request.json()
        gate = self._gates[self._find_number(arguments["number"], arguments["exactly"])]
        gate.put_nowait(arguments["text"])
        return web.json_response({})

    async def _control_requests(self, request: web.Request) -> web.Response:
        """Return the number of requests, and the requests from number `after` on (default: none)."""
        after = int(request.query.get("after", len(self.requests)))
        found = [recorded.model_dump() for recorded in self.requests[after:]]
        return web.json_response({"count": len(self.requests), "requests": found})

    async def _control_wait(self, request: web.Request) -> web.Response:
        """Wait until `state` holds for a request; return that request, or null after the time-out."""
        start, exactly, state = int(request.query["number"]), request.query["exactly"] == "1", request.query["state"]
        least = int(request.query.get("least", 1))

        def holds() -> bool:
            if (number := self._find_number(start, exactly)) >= len(self.requests):
                return False
            return state == "arrived" or int(getattr(self.requests[number], state)) >= least

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(float(request.query["timeout"])), self._changed:
                await self._changed.wait_for(holds)
        found = self.requests[self._find_number(start, exactly)].model_dump() if holds() else None
        return web.json_response(found)

    def _find_number(self, number: int, exactly: bool) -> int:
        """Return `number` if `exactly`; else the number of the first request of a turn from there on."""
        while not exactly and number < len(self.requests) and self.requests[number].is_background:
            number += 1
        return number


async def _send(response: web.StreamResponse, event: dict[str, Any]) -> None:
    await response.write(b"data: " + json.dumps(event).encode() + b"\n\n")
