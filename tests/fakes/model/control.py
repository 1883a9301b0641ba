"""Scripting the fake model from a test, in whatever process either of them runs."""

from __future__ import annotations

from typing import Any, Literal

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
        return [one for one in await self.everything(after) if not one.aside]

    async def everything(self, after: int = 0) -> list[Seen]:
        """Titles and summaries too."""
        return [Seen.model_validate(one) for one in (await self._get("seen", after=after))["seen"]]

    async def count(self) -> int:
        """How many requests there were, of all kinds: what a turn asks next is the first from this number on."""
        return int((await self._get("seen"))["count"])

    async def wait(self, asked: int | Seen, state: str = "arrived", least: int = 1) -> Seen:
        """Wait until a request is `arrived`, `finished` or `disconnected`, or has `least` pieces `written`.

        `asked`: that request, or the first of a turn from this number on.
        """
        found = await self._get("wait", **_named(asked), state=state, least=least, timeout=PATIENCE)
        assert found, f"request {asked} was never {state}"
        return Seen.model_validate(found)

    async def wait_for_question(self, text: str, after: int = 0) -> Seen:
        """Wait for a request whose last message contains `text`; titles and summaries do not count."""
        seen = await self.wait(after)
        while text not in str(seen.body["messages"][-1]["content"]):
            seen = await self.wait(seen.number + 1)
        return seen

    async def wait_for_title(self, after: int = 0) -> Seen:
        """Wait for a request that wants a title."""
        return await self._wait_for("title", after)

    async def wait_for_summary(self, after: int = 0) -> Seen:
        """Wait for a request that wants a summary."""
        return await self._wait_for("summary", after)

    async def _wait_for(self, kind: Literal["title", "summary"], number: int) -> Seen:
        while True:
            found = await self._get("wait", number=number, exactly=1, state="arrived", timeout=PATIENCE)
            assert found, f"nobody wanted a {kind}"
            if getattr(seen := Seen.model_validate(found), kind):
                return seen
            number += 1

    async def release(self, asked: int | Seen, text: str) -> None:
        """Let a gated reply say more; `asked` as for `wait`."""
        await self._post("release", {**_named(asked), "text": text})

    async def finish(self, asked: int | Seen) -> None:
        """Let a gated reply end; `asked` as for `wait`."""
        await self._post("release", {**_named(asked), "text": None})

    async def _get(self, verb: str, **params: str | float) -> Any:
        url = f"{self.url}/control/{verb}"
        async with aiohttp.ClientSession() as session, session.get(url, params=params) as response:
            response.raise_for_status()
            return await response.json()

    async def _post(self, verb: str, body: Any) -> None:
        url = f"{self.url}/control/{verb}"
        async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
            response.raise_for_status()


def _named(asked: int | Seen) -> dict[str, int]:
    if isinstance(asked, Seen):
        return {"number": asked.number, "exactly": 1}
    return {"number": asked, "exactly": 0}
