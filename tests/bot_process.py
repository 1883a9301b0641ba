"""Run the bot of one platform in its own process."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from chat_service.engine.process import free_port
from tests.fakes.model import ModelControl
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
    settings: dict[str, str] | None = None
    """The environment variables that it was started with last, in addition to `env`; None before the first start."""
    _exit: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def start(self, **settings: str) -> None:
        """Start it with these settings and wait until the platform reaches it. A running one is ended first."""
        await self.close()
        self.settings = settings
        await self.start_process(**{**self.platform_env(), **settings})
        await self.wait_until_reached()

    def platform_env(self) -> dict[str, str]:
        """Return the settings with which it uses the platform."""
        return {}

    async def wait_until_reached(self) -> None:
        """Wait until the platform can send it events."""

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


@dataclass
class BotStack:
    """Restate, a model, a chat service, and the bot of one platform."""

    stack: Stack
    bot: BotProcess
    engine_binary: Path

    @property
    def model(self) -> ModelControl:
        return self.stack.model

    async def start_engine(self) -> None:
        """Start the killed Restate server again, on its ports and its data."""
        await self.stack.start_engine(self.engine_binary, self.stack.engine.ports)

    async def restore_services(self) -> None:
        """Start the Restate server and the chat service again, if a test has ended them."""
        if self.stack.engine.process.returncode is not None:
            await self.start_engine()
        if not self.bot.whole:
            await self.stack.restart_missing(self.engine_binary)

    async def restore(self) -> None:
        """Start again what a test has ended; the bot has the default settings afterwards."""
        await self.restore_services()
        if not self.bot.is_running or self.bot.settings:
            await self.bot.start()
