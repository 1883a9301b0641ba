"""Client for the control API that all fakes have, usable from any process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import aiohttp

from tests.fakes.platform.errors import ImpossibleActionError

TIMEOUT = 30.0
T = TypeVar("T")


class Control:
    """The verbs that every fake has. `url` is the fake server's address."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections to the fake."""
        if self._session is not None:
            await self._session.close()

    async def advance_clock(self, seconds: float) -> None:
        """Put the platform's clock forward, so that things expire."""
        await self._call("advance", seconds=seconds)

    async def release_held_calls(self) -> None:
        """Let the calls continue that a `hold` or `commit_hold` fault holds."""
        await self._call("release")

    async def start_outage(self, how: str = "cut") -> None:
        """Take the platform down: no sockets, no events; every call is cut (`cut`) or gets this HTTP status (`503`)."""
        await self._call("down", how=how)

    async def end_outage(self) -> None:
        """Bring the platform back."""
        await self._call("up")

    async def cut_sockets(self) -> None:
        """Cut the app's connections without a closing frame."""
        await self._call("cut_sockets")

    async def refuse_sockets(self, refuse: bool = True) -> None:
        """Refuse new connections, or accept them again."""
        await self._call("refuse_sockets", refuse=refuse)

    async def clear_faults(self) -> None:
        """Drop faults, rate limits, the outage, and the deliveries that still wait."""
        await self._call("clear")

    async def wait_until(
        self, read: Callable[[], Awaitable[T]], condition: Callable[[T], Any] = bool, timeout: float = TIMEOUT
    ) -> T:
        """Read after every change in the fake until `holds`; the assertion error shows the last value."""
        deadline = time.monotonic() + timeout
        changes = int(await self._call("changed", since=0, timeout=0))
        while True:
            value = await read()
            if condition(value):
                return value
            left = deadline - time.monotonic()
            assert left > 0, f"the condition did not hold within {timeout} s; last value: {value!r}"
            changes = int(await self._call("changed", since=changes, timeout=min(left, 1.0)))

    async def _call(self, verb: str, **arguments: Any) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        async with self._session.post(f"{self.url}/control/{verb}", json=arguments) as response:
            if response.status in (404, 409):
                raise ImpossibleActionError((await response.json())["impossible"])
            response.raise_for_status()
            return (await response.json())["result"]


async def settle(seconds: float = 0.3) -> None:
    """Wait a fixed time before an assertion that something did not happen; no event announces that."""
    await asyncio.sleep(seconds)
