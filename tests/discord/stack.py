"""The Discord bot beside all it needs, in processes of their own: an engine, a model, the chat service, a Discord."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chat_service.children import child
from chat_service.engine.process import free_port
from tests.fakes.discord.control import DiscordControl
from tests.fakes.discord.running import running_discord
from tests.fakes.model import ModelControl
from tests.processes import PATIENCE, ROOT, Stack, running_stack


@dataclass
class Bot:
    """A bot's process. With `whole` it is `threadwell up`: chat service, page and bot in one, so that previews show."""

    stack: Stack
    discord: DiscordControl
    whole: bool = False
    env: dict[str, str] = field(default_factory=dict)
    delivery_port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None
    said: str = ""
    _exit: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def log(self) -> str:
        """What it told the operator."""
        return (self.stack.data / "bot.log").read_text()

    async def start(self, **more: str) -> None:
        """Start it, and wait until it listens."""
        named = {
            **self.discord.env(),
            "DISCORD_DELIVERY_PORT": str(self.delivery_port),
            "PERSON_MESSAGES_PER_MINUTE": "0",
            "WEB_PORT": "0",
            "MODEL_IMAGES": "true",
            **self.env,
            **more,
        }
        whole = {**os.environ, **self.stack.environment(**named), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "bots", *(["up"] if self.whole else ["bot", "discord"])]
        with contextlib.ExitStack() as files:
            sink = files.enter_context((self.stack.data / "bot.log").open("ab"))
            os.chdir(self.stack.data)  # no .env of a developer's checkout may colour the tests
            self.process = await self._exit.enter_async_context(
                child(command, env=whole, stdout=asyncio.subprocess.PIPE, stderr=sink, stop_seconds=15)
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


@dataclass
class World:
    """A stack, a Discord, and the bot between them."""

    stack: Stack
    discord: DiscordControl
    bot: Bot

    @property
    def model(self) -> ModelControl:
        return self.stack.model


@asynccontextmanager
async def running_world(
    binary: Path, data: Path, model: ModelControl, *, whole: bool = True, start: bool = True, **env: str
) -> AsyncIterator[World]:
    """Everything up, and the bot listening. Not `whole`: the chat service is a process of its own."""
    async with running_stack(binary, data, model, serve=not whole) as stack, running_discord() as discord:
        bot = Bot(stack, discord, whole=whole, env=env)
        try:
            if start:
                await bot.start()
            yield World(stack, discord, bot)
        finally:
            await bot.close()
