"""Scripted faults and outages."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Generic, Protocol, TypeVar

HELD_SECONDS = 30.0
"""Seconds that `release` waits for a call to be held."""


class ScriptedFault(Protocol):
    """A fault of the next `times` calls of one name whose content contains `contains`, after the first `skip`."""

    times: int
    skip: int
    contains: str

    @property
    def target(self) -> str:
        """The name of the calls that it applies to; `*`: all."""


F = TypeVar("F", bound=ScriptedFault)


class Faults(Generic[F]):
    """The scripted faults, the outage, and the gate at which held calls wait."""

    def __init__(self) -> None:
        self.script: list[F] = []
        self.outage: str | None = None
        self._gate = asyncio.Event()
        self._held = asyncio.Event()

    def take(self, name: str, content: Any, path: str = "") -> F | None:
        """Return the fault that applies to this call, and count it as used."""
        searched = f"{path} {json.dumps(content, ensure_ascii=False)}"
        for fault in self.script:
            if fault.target not in ("*", name) or fault.contains not in searched:
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.times -= 1
            if not fault.times:
                self.script.remove(fault)
            return fault
        return None

    async def release(self) -> None:
        """Let all held calls continue, as soon as one is held: a call that arrived later would be held forever."""
        async with asyncio.timeout(HELD_SECONDS):
            await self._held.wait()
        self._open_gate()

    def clear(self) -> None:
        """Drop the script and the outage, and let all held calls continue."""
        self.script.clear()
        self.outage = None
        self._open_gate()

    async def wait_for_release(self) -> None:
        """Hold a call until `release`."""
        self._held.set()
        await self._gate.wait()

    def _open_gate(self) -> None:
        gate, self._gate = self._gate, asyncio.Event()
        self._held.clear()
        gate.set()
