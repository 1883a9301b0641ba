"""Run the bot of one platform in its own process."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from chat_service.engine.process import free_port
from tests.fork_server import ROOT, ForkedProcess, python_process
from tests.processes import WAIT_SECONDS, Stack


@dataclass(kw_only=True)
class BotProcess:
    """A process that runs `threadwell bot NAME` and uses a stack.

    With `whole` it runs `threadwell up`: the chat service, the page and the bots in one process, so that previews work.
    """

    stack: Stack
    name: str
    whole: bool = False
    env: dict[str, str] = field(default_factory=dict)
    source: Path = ROOT
    delivery_port: int = field(default_factory=free_port)
    process: ForkedProcess | None = None
    output: str = ""
    _exit: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def log(self) -> str:
        """The text that the process has written to its log."""
        return (self.stack.data / "bot.log").read_text()

    async def start_process(self, **env: str) -> None:
        """Start the process with these settings and wait until it is ready."""
        settings = {
            f"{self.name.upper()}_DELIVERY_PORT": str(self.delivery_port),
            "PERSON_MESSAGES_PER_MINUTE": "0",
            "WEB_PORT": "0",
            "MODEL_IMAGES": "true",
            **self.env,
            **env,
        }
        environment = {**os.environ, **self.stack.environment(**settings), "PYTHONPATH": str(self.source)}
        command = ["bots", "up"] if self.whole else ["bots", "bot", self.name]
        with (self.stack.data / "bot.log").open("ab") as log:
            self.process = await self._exit.enter_async_context(
                python_process(*command, env=environment, cwd=self.stack.data, stderr=log.fileno(), stop_seconds=15)
            )
        stdout = self.process.stdout
        assert stdout is not None
        self.output = ""
        while "ready in" not in self.output if self.whole else "listening" not in self.output:
            line = (await asyncio.wait_for(stdout.readline(), WAIT_SECONDS)).decode()
            assert line, f"the process ended: {self.output} {self.log[-3000:]}"
            self.output += line

    async def kill(self) -> None:
        """`kill -9` the process."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def close(self) -> None:
        """Stop the process with SIGTERM."""
        await self._exit.aclose()
