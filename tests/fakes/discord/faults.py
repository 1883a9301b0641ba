"""What goes wrong on purpose: scripted faults and an outage."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.fakes.discord.models import Fault


class Faults:
    """The script of faults, and the gate that held calls wait at."""

    def __init__(self) -> None:
        self.script: list[Fault] = []
        self.down: str | None = None
        self._gate = asyncio.Event()

    def take(self, route: str, path: str, body: Any) -> Fault | None:
        """The fault that meets this call, if one does; it is used up by it."""
        for fault in self.script:
            told = f"{path} {json.dumps(body, ensure_ascii=False)}"
            if fault.route not in ("*", route) or fault.contains not in told:
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

    async def held(self) -> None:
        """Wait at the gate."""
        await self._gate.wait()
