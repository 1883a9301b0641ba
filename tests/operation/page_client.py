"""The page's API, as a browser uses it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import aiohttp

from tests.processes import eventually


class PageClient:
    """One browser with one conversation."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._conversation_url = f"{url}/api/conversations/{uuid4().hex[:12]}"

    async def read_history(self) -> dict[str, Any]:
        """Return the conversation."""
        async with self._session.get(self._conversation_url) as response:
            assert response.status == 200, await response.text()
            body: dict[str, Any] = await response.json()
            return body

    async def ask(self, text: str) -> str:
        """Send a message and return the reply from the history."""
        message = {"message": text, "id": uuid4().hex}
        async with self._session.post(f"{self._conversation_url}/messages", json=message) as response:
            assert response.status == 202, await response.text()

        def is_answered(history: dict[str, Any]) -> bool:
            texts = [message["text"] for message in history["messages"]]
            return text in texts and not history.get("running") and not history.get("waiting")

        history = await eventually(self.read_history, is_answered, 60)
        last = history["messages"][-1]
        assert (last["role"], last["status"]) == ("assistant", "answered"), last
        reply: str = last["text"]
        return reply


@asynccontextmanager
async def open_page(url: str) -> AsyncIterator[PageClient]:
    """Open the page in a new browser, which gets its identity as a cookie."""
    # unsafe: keep cookies of a host that is an IP address, as browsers do.
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.get(url) as response:
            assert response.status == 200
            assert "<html" in await response.text()
        yield PageClient(session, url)
