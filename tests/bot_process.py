"""A platform's bot in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from chat_service.engine.process import free_port
from tests.fork_server import ROOT, ForkedProcess, python_process
from tests.processes import PATIENCE, Stack


@dataclass(kw_only=True)
class BotProcess:
    """`threadwell bot`, beside a stack. With `whole` it is `threadwell up`: chat service, page and bot in one, so that
    previews show."""

    stack: Stack
    name: str
    whole: bool = False
    env: dict[str, str] = field(default_factory=dict)
    source: Path = ROOT
    delivery_port: int = field(default_factory=free_port)
    process: ForkedProcess | None = None
    said: str = ""
    _exit: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def log(self) -> str:
        """What it told the operator."""
        return (self.stack.data / "bot.log").read_text()

    async def launch(self, **named: str) -> None:
        """Start it with these settings, and wait until it listens."""
        settings = {
            f"{self.name.upper()}_DELIVERY_PORT": str(self.delivery_port),
            "PERSON_MESSAGES_PER_MINUTE": "0",
            "WEB_PORT": "0",
            "MODEL_IMAGES": "true",
            **self.env,
            **named,
        }
        whole = {**os.environ, **self.stack.environment(**settings), "PYTHONPATH": str(self.source)}
        command = ["bots", "up"] if self.whole else ["bots", "bot", self.name]
        with contextlib.ExitStack() as files:
            sink = files.enter_context((self.stack.data / "bot.log").open("ab"))
            self.process = await self._exit.enter_async_context(
                python_process(*command, env=whole, cwd=self.stack.data, stderr=sink.fileno(), stop_seconds=15)
            )
        output = self.process.stdout
        assert output is not None
        self.said = ""
        while "ready in" not in self.said if self.whole else "listening" not in self.said:
            line = (await asyncio.wait_for(output.readline(), PATIENCE)).decode()
            assert line, f"the bot ended: {self.said} {self.log[-3000:]}"
            self.said += line

    async def kill(self) -> None:
        """`kill -9`."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def close(self) -> None:
        """End it, kindly."""
        await self._exit.aclose()
