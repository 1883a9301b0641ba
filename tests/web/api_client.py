"""A client of the page's HTTP API with its own cookies, as one browser has them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp

from tests.processes import WAIT_SECONDS


@dataclass
class ApiResponse:
    """The status, JSON body and headers of a response."""

    status: int
    body: Any
    headers: Any = field(repr=False)

    @property
    def error(self) -> str:
        """The error text of a refused request."""
        return str(self.body["error"])


class ApiClient:
    """Calls the API as the page does, and keeps the cookies."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def request(self, method: str, path: str, body: Any = None, **headers: str) -> ApiResponse:
        """Send one request; a body goes as JSON."""
        sent = {"data": json.dumps(body), "headers": {"Content-Type": "application/json", **headers}}
        if body is None:
            sent = {"headers": headers}
        async with self.session.request(method, self.url + path, **sent) as response:  # type: ignore[arg-type]
            raw = await response.read()
            is_json = response.content_type == "application/json"
            return ApiResponse(response.status, json.loads(raw) if is_json else raw.decode(), response.headers)

    async def send(self, conversation: str, message: str, **fields: Any) -> ApiResponse:
        """Send a message under a new id, as the page does."""
        body = {"id": uuid4().hex, "message": message, **fields}
        return await self.request("POST", f"/api/conversations/{conversation}/messages", body)

    async def history(self, conversation: str, query: str = "") -> dict[str, Any]:
        """Return one page of a conversation's messages."""
        response = await self.request("GET", f"/api/conversations/{conversation}{query}")
        assert response.status == 200, response.body
        return dict(response.body)

    async def get_person_id(self) -> str:
        """Return the public id of this client's identity."""
        return str((await self.request("GET", "/api/me")).body["person"])

    def cookie(self, name: str = "threadwell") -> str:
        """Return a cookie's value; by default the identity's secret."""
        return next(cookie.value for cookie in self.session.cookie_jar if cookie.key == name)

    @asynccontextmanager
    async def events(self, last: str | None = None, **headers: str) -> AsyncIterator[EventStream]:
        """Open the stream of server-sent events; `last` is the id of the last event that was received."""
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
        """Return the next event; a heartbeat is `{"kind": "beat"}`. Raises EOFError at the end of the stream."""
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

    async def read_until(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """Return all events up to and including the first one of this kind with these fields."""
        events: list[dict[str, Any]] = []
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                event = await self.read()
                events.append(event)
                if event["kind"] == kind and all(event.get(name) == value for name, value in fields.items()):
                    return events


@asynccontextmanager
async def open_client(url: str, *, load_page: bool = True) -> AsyncIterator[ApiClient]:
    """Open a client; with `load_page` it requests the page first, which gives it a new identity."""
    jar = aiohttp.CookieJar(unsafe=True)  # accept cookies from an IP address
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        client = ApiClient(session, url)
        if load_page:
            with contextlib.suppress(KeyError):
                assert (await client.request("GET", "/")).status == 200
        yield client
