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

    async def connect(self) -> None:
        """Whether it answers; raises aiohttp.ClientError while it does not."""
        await self.count()

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

    async def requests(self, after: int = 0) -> list[Seen]:
        """What it was asked in turns, from request number `after` on: no titles, no summaries."""
        return [one for one in await self.everything(after) if not (one.title or one.summary)]

    async def everything(self, after: int = 0) -> list[Seen]:
        """Titles and summaries too."""
        return [Seen.model_validate(one) for one in (await self._get("seen", after=after))["seen"]]

    async def count(self) -> int:
        """How many requests there were, of all kinds: the number of the next one."""
        return int((await self._get("seen"))["count"])

    async def wait(self, number: int, state: str = "arrived", least: int = 1) -> Seen:
        """Wait until request `number` is `arrived`, `finished` or `disconnected`, or has `least` pieces `written`."""
        found = await self._get("wait", number=number, state=state, least=least, timeout=PATIENCE)
        assert found, f"request {number} was never {state}"
        return Seen.model_validate(found)

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

    async def _get(self, verb: str, **params: str | float) -> Any:
        url = f"{self.url}/control/{verb}"
        async with aiohttp.ClientSession() as session, session.get(url, params=params) as response:
            response.raise_for_status()
            return await response.json()

    async def _post(self, verb: str, body: Any) -> None:
        url = f"{self.url}/control/{verb}"
        async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
            response.raise_for_status()
