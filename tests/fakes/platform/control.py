"""Driving a fake from a test, in whatever process either of them runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import aiohttp

from tests.fakes.platform.errors import Impossible

PATIENCE = 30.0
T = TypeVar("T")


class Control:
    """The verbs that every fake has. `url` is the server's."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def advance(self, seconds: float) -> None:
        """Put the platform's clock forward, for what runs out."""
        await self._ask("advance", seconds=seconds)

    async def release(self) -> None:
        """Let go what `hold` and `commit_hold` hold."""
        await self._ask("release")

    async def down(self, how: str = "cut") -> None:
        """The platform is away: no sockets, no events, every call cut (`cut`) or answered with a status (`503`)."""
        await self._ask("down", how=how)

    async def up(self) -> None:
        """The platform is back."""
        await self._ask("up")

    async def cut_sockets(self) -> None:
        """Cut the app's connections without a word."""
        await self._ask("cut_sockets")

    async def refuse_sockets(self, refuse: bool = True) -> None:
        """Take no connection until told otherwise."""
        await self._ask("refuse_sockets", refuse=refuse)

    async def clear(self) -> None:
        """Forget faults, limits, the outage, and what still waits for delivery."""
        await self._ask("clear")

    async def until(
        self, look: Callable[[], Awaitable[T]], holds: Callable[[T], Any] = bool, patience: float = PATIENCE
    ) -> T:
        """Look whenever something happened in the fake, until it holds; the last look is in the failure."""
        ends = time.monotonic() + patience
        while True:
            since = int(await self._ask("changed", since=0, timeout=0))
            seen = await look()
            if holds(seen):
                return seen
            left = ends - time.monotonic()
            assert left > 0, f"it never held; last seen: {seen!r}"
            await self._ask("changed", since=since, timeout=min(left, 1.0))

    async def _ask(self, verb: str, **given: Any) -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/control/{verb}", json=given) as response,
        ):
            if response.status in (404, 409):
                raise Impossible((await response.json())["impossible"])
            response.raise_for_status()
            return (await response.json())["result"]


async def settle(seconds: float = 0.3) -> None:
    """Give what must not happen the time to happen. For negatives only: nothing announces what does not come."""
    await asyncio.sleep(seconds)
