"""`threadwell bot web` as a process of its own, and clients of its API: each one a browser of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp

from chat_service.engine.process import EnginePorts, free_port
from tests.fakes.model import ModelControl
from tests.fork_server import ROOT, ForkedProcess, python_process
from tests.processes import WAIT_SECONDS, Stack, running_stack


@dataclass
class WebServer:
    """A running page."""

    url: str
    process: ForkedProcess
    log: Path

    @property
    def port(self) -> int:
        """Where it listens on loopback."""
        return int(self.url.rsplit(":", 1)[1])


def web_environment(stack: Stack, **env: str) -> dict[str, str]:
    """The environment of a page on this stack, listening on a free port of its own."""
    named = {name.upper(): value for name, value in stack._named().items()}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WEB_", "LIVE_", "OPENAI_"))}
    return {**kept, **named, **stack.env, "WEB_PORT": "0", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **env}


@asynccontextmanager
async def running_web_server(stack: Stack, **env: str) -> AsyncIterator[WebServer]:
    """`threadwell bot web`: the page alone, beside a chat service of its own process."""
    async with _running(stack, ["bot", "web"], "page at", env) as web_server:
        yield web_server


@asynccontextmanager
async def running_separate_processes(
    engine: Path, folder: Path, model: ModelControl, redis_port: int
) -> AsyncIterator[tuple[Stack, WebServer]]:
    """Chat service and page in processes of their own, with a Redis between them, which need not be there."""
    await model.clear_script()
    url = f"redis://127.0.0.1:{redis_port}/0"
    async with (
        running_stack(engine, folder, model, live_bus_url=url) as stack,
        running_web_server(stack, LIVE_BUS_URL=url) as web_server,
    ):
        yield stack, web_server


@asynccontextmanager
async def running_threadwell_up(stack: Stack, **env: str) -> AsyncIterator[WebServer]:
    """`threadwell up` on the stack's engine: chat service and page in one process, as on a person's own machine."""
    async with _running(stack, ["up"], "page ", {"CHAT_SERVICE_PORT": str(free_port()), **env}) as web_server:
        yield web_server


@asynccontextmanager
async def _running(stack: Stack, command: list[str], word: str, env: dict[str, str]) -> AsyncIterator[WebServer]:
    log = stack.data / f"web-{uuid4().hex[:6]}.log"
    with log.open("ab") as sink:
        async with python_process(
            "bots", *command, env=web_environment(stack, **env), cwd=stack.data, stderr=sink.fileno()
        ) as process:
            assert process.stdout is not None
            url = ""
            async with asyncio.timeout(WAIT_SECONDS):
                while not url:
                    line = (await process.stdout.readline()).decode()
                    assert line, f"the page did not start: {log.read_text()[-2000:]}"
                    url = line.split()[-1] if line.startswith(word) else ""
            yield WebServer(url, process, log)


@asynccontextmanager
async def running_engine_alone(binary: Path, data: Path, model: ModelControl) -> AsyncIterator[Stack]:
    """A Restate server for pages that bring their chat service with them."""
    data.mkdir(parents=True, exist_ok=True)
    stack = Stack(data, model, engine=None)  # type: ignore[arg-type]
    try:
        await stack.start_engine(binary, EnginePorts(0, 0, 0))
        yield stack
    finally:
        await stack.close()


@dataclass
class ApiResponse:
    """What came back: its status, its JSON, its headers."""

    status: int
    body: Any
    headers: Any = field(repr=False)

    @property
    def error(self) -> str:
        """The line for the person."""
        return str(self.body["error"])


class ApiClient:
    """A browser without a screen: it keeps its cookies and calls the API as the page does."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def request(self, method: str, path: str, body: Any = None, **headers: str) -> ApiResponse:
        """One request; a body goes as JSON."""
        sent = {"data": json.dumps(body), "headers": {"Content-Type": "application/json", **headers}}
        if body is None:
            sent = {"headers": headers}
        async with self.session.request(method, self.url + path, **sent) as response:  # type: ignore[arg-type]
            raw = await response.read()
            is_json = response.content_type == "application/json"
            return ApiResponse(response.status, json.loads(raw) if is_json else raw.decode(), response.headers)

    async def send(self, conversation: str, message: str, **more: Any) -> ApiResponse:
        """A message with an id of its own, as the page sends it."""
        body = {"id": uuid4().hex, "message": message, **more}
        return await self.request("POST", f"/api/conversations/{conversation}/messages", body)

    async def history(self, conversation: str, query: str = "") -> dict[str, Any]:
        """A page of a conversation."""
        answer = await self.request("GET", f"/api/conversations/{conversation}{query}")
        assert answer.status == 200, answer.body
        return dict(answer.body)

    async def get_person_id(self) -> str:
        """The public id."""
        return str((await self.request("GET", "/api/me")).body["person"])

    def cookie(self, name: str = "threadwell") -> str:
        """The secret that this browser carries."""
        return next(one.value for one in self.session.cookie_jar if one.key == name)

    @asynccontextmanager
    async def events(self, last: str | None = None, **headers: str) -> AsyncIterator[EventStream]:
        """The stream, as an EventSource reads it."""
        query = f"?last={last}" if last else ""
        timeout = aiohttp.ClientTimeout(total=None, sock_read=WAIT_SECONDS)
        async with self.session.get(f"{self.url}/api/events{query}", headers=headers, timeout=timeout) as response:
            assert response.status == 200
            assert response.content_type == "text/event-stream"
            yield EventStream(response)


class EventStream:
    """Reads a stream of server-sent events."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.last: str | None = None

    async def read(self) -> dict[str, Any]:
        """The next event; a heartbeat is `{"kind": "beat"}`."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                fields: dict[str, str] = {}
                while line := (await self._response.content.readline()).decode().rstrip("\n"):
                    name, _, value = line.partition(":")
                    fields[name] = value.lstrip()
                if self._response.content.at_eof() and not fields:
                    raise EOFError("the stream has ended")
                if fields.get("event") == "beat":
                    return {"kind": "beat"}
                if "data" in fields:
                    self.last = fields.get("id", self.last)
                    return dict(json.loads(fields["data"]))

    async def read_until(self, kind: str, **wanted: Any) -> list[dict[str, Any]]:
        """Everything up to and including the first event of this kind with these values."""
        seen: list[dict[str, Any]] = []
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                seen.append(await self.read())
                last = seen[-1]
                if last["kind"] == kind and all(last.get(name) == value for name, value in wanted.items()):
                    return seen


@asynccontextmanager
async def open_client(url: str, *, enters: bool = True) -> AsyncIterator[ApiClient]:
    """A new browser; it opens the page first, which gives it its identity."""
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address without a name
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        client = ApiClient(session, url)
        if enters:
            with contextlib.suppress(KeyError):
                assert (await client.request("GET", "/")).status == 200
        yield client
