"""The page's API, as a browser uses it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import aiohttp

from tests.processes import eventually


class Page:
    """One browser's conversation."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._conversation = f"{url}/api/conversations/{uuid4().hex[:12]}"

    async def history(self) -> dict[str, Any]:
        async with self._session.get(self._conversation) as response:
            assert response.status == 200, await response.text()
            body: dict[str, Any] = await response.json()
            return body

    async def ask(self, text: str, patience: float = 60) -> str:
        """Say something, and wait for the answer in the history."""
        message = {"message": text, "id": uuid4().hex}
        async with self._session.post(f"{self._conversation}/messages", json=message) as response:
            assert response.status == 202, await response.text()

        def answered(history: dict[str, Any]) -> bool:
            messages = [one["text"] for one in history["messages"]]
            return text in messages and not history.get("running") and not history.get("waiting")

        history = await eventually(self.history, answered, patience)
        last = history["messages"][-1]
        assert (last["role"], last["status"]) == ("assistant", "answered"), last
        said: str = last["text"]
        return said


@asynccontextmanager
async def browser(url: str) -> AsyncIterator[Page]:
    """A browser that has just opened the page, and has its identity from it."""
    # Browsers take a cookie from an address without a name; aiohttp has to be told.
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.get(url) as response:
            assert response.status == 200
            assert "<html" in await response.text()
        yield Page(session, url)
