"""What goes wrong on purpose: scripted faults and an outage."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Generic, Protocol, TypeVar


class Scripted(Protocol):
    """What goes wrong with the next `times` calls of one name whose content contains `contains`; the first `skip` of
    them go through."""

    times: int
    skip: int
    contains: str

    @property
    def aim(self) -> str:
        """The name of the calls it is for; `*`: any."""


F = TypeVar("F", bound=Scripted)


class Faults(Generic[F]):
    """The script of faults, and the gate that held calls wait at."""

    def __init__(self) -> None:
        self.script: list[F] = []
        self.down: str | None = None
        self._gate = asyncio.Event()

    def take(self, name: str, content: Any, path: str = "") -> F | None:
        """The fault that meets this call, if one does; it is used up by it."""
        told = f"{path} {json.dumps(content, ensure_ascii=False)}"
        for fault in self.script:
            if fault.aim not in ("*", name) or fault.contains not in told:
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.times -= 1
            if not fault.times:
                self.script.remove(fault)
            return fault
        return None

    def release(self) -> None:
        """Let everything go that is held."""
        gate, self._gate = self._gate, asyncio.Event()
        gate.set()

    def clear(self) -> None:
        """Forget the script and the outage, and let go what is held."""
        self.script.clear()
        self.down = None
        self.release()

    async def held(self) -> None:
        """Wait at the gate."""
        await self._gate.wait()
