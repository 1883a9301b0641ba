"""Scripting the fake model from a test, in whatever process either of them runs."""

from __future__ import annotations

from typing import Any

import aiohttp

from tests.fakes.model.protocol import Behaviour, Seen

PATIENCE = 30.0


class ModelControl:
    """Tells the fake what to say next and asks it what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.base_url = f"{url}/v1"

    async def script(self, *behaviours: Behaviour) -> None:
        """Queue behaviours, one per request; afterwards it answers by default."""
        await self._post("script", [one.model_dump() for one in behaviours])

    async def script_titles(self, *behaviours: Behaviour) -> None:
        """The same for requests that want a title."""
        await self._post("titles", [one.model_dump() for one in behaviours])

    async def script_summaries(self, *behaviours: Behaviour) -> None:
        """The same for requests that want a summary."""
        await self._post("summaries", [one.model_dump() for one in behaviours])

    async def clear(self) -> None:
        """Drop what is left of the script."""
        await self._post("clear", {})

    async def requests(self) -> list[Seen]:
        """Everything it was asked in turns: no titles, no summaries."""
        return [one for one in await self._seen() if not (one.title or one.summary)]

    async def everything(self) -> list[Seen]:
        """Titles and summaries too."""
        return await self._seen()

    async def count(self) -> int:
        """How many requests there were, of all kinds: the number of the next one."""
        return len(await self._seen())

    async def wait(self, number: int, state: str = "arrived", least: int = 1) -> Seen:
        """Wait until request `number` is `arrived`, `finished` or `disconnected`, or has `least` pieces `written`."""
        async with aiohttp.ClientSession() as session:
            params = {"number": str(number), "state": state, "least": str(least), "timeout": str(PATIENCE)}
            async with session.get(f"{self.url}/control/seen", params=params) as response:
                body = await response.json()
        assert body["holds"], f"request {number} was never {state}"
        return Seen.model_validate(body["seen"][number])

    async def wait_for_question(self, text: str, after: int = 0) -> Seen:
        """Wait for a request whose last message contains `text`; titles and summaries do not count."""
        number = after
        while True:
            seen = await self.wait(number)
            if not (seen.title or seen.summary) and text in str(seen.body["messages"][-1]["content"]):
                return seen
            number += 1

    async def wait_for_title(self, after: int = 0) -> Seen:
        """Wait for a request that wants a title."""
        number = after
        while not (seen := await self.wait(number)).title:
            number += 1
        return seen

    async def wait_for_summary(self, after: int = 0) -> Seen:
        """Wait for a request that wants a summary."""
        number = after
        while not (seen := await self.wait(number)).summary:
            number += 1
        return seen

    async def release(self, number: int, text: str) -> None:
        """Let a gated reply say more."""
        await self._post("release", {"number": number, "text": text})

    async def finish(self, number: int) -> None:
        """Let a gated reply end."""
        await self._post("release", {"number": number, "text": None})

    async def _seen(self) -> list[Seen]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/control/seen") as response:
            return [Seen.model_validate(one) for one in (await response.json())["seen"]]

    async def _post(self, verb: str, body: Any) -> None:
        url = f"{self.url}/control/{verb}"
        async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
            response.raise_for_status()
