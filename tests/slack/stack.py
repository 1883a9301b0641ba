"""The Slack bot beside all it needs, in processes of their own: an engine, a model, the chat service, a Slack."""

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
from tests.fakes.model import ModelControl
from tests.fakes.slack.control import SlackControl
from tests.fakes.slack.running import running_slack
from tests.processes import PATIENCE, ROOT, Stack, running_stack


@dataclass
class Bot:
    """A bot's process. With `whole` it is `threadwell up`: chat service, page and bot in one, so that previews show."""

    stack: Stack
    slack: SlackControl
    whole: bool = False
    http: bool = False
    env: dict[str, str] = field(default_factory=dict)
    source: Path = ROOT
    delivery_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None
    _exit: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def log(self) -> str:
        """What it said."""
        return (self.stack.data / "bot.log").read_text()

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        named = {
            **self.slack.env(http=self.http),
            "SLACK_DELIVERY_PORT": str(self.delivery_port),
            "SLACK_HTTP_PORT": str(self.http_port),
            "PERSON_MESSAGES_PER_MINUTE": "0",
            "WEB_PORT": "0",
            "MODEL_IMAGES": "true",
            **self.env,
        }
        whole = {**os.environ, **self.stack.environment(**named), "PYTHONPATH": str(self.source)}
        command = [sys.executable, "-m", "bots", *(["up"] if self.whole else ["bot", "slack"])]
        with contextlib.ExitStack() as files:
            sink = files.enter_context((self.stack.data / "bot.log").open("ab"))
            os.chdir(self.stack.data)  # no .env of a developer's checkout may colour the tests
            self.process = await self._exit.enter_async_context(
                child(command, env=whole, stdout=asyncio.subprocess.PIPE, stderr=sink, stop_seconds=15)
            )
        output = self.process.stdout
        assert output is not None
        said = ""
        while "ready in" not in said if self.whole else "listening" not in said:
            line = (await asyncio.wait_for(output.readline(), PATIENCE)).decode()
            assert line, f"the bot ended: {said} {self.log[-3000:]}"
            said += line
        if self.http:
            await self.slack.request_url(f"http://127.0.0.1:{self.http_port}/slack/events")
        else:
            await self.slack.wait_connected()

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
    """A stack, a Slack, and the bot between them."""

    stack: Stack
    slack: SlackControl
    bot: Bot

    @property
    def model(self) -> ModelControl:
        return self.stack.model

    def key(self, channel: str, thread_ts: str) -> str:
        """The conversation of a thread."""
        return f"slack:{self.slack.team.id}:{channel}:{thread_ts}"


@asynccontextmanager
async def running_world(
    binary: Path,
    data: Path,
    model: ModelControl,
    *,
    whole: bool = True,
    http: bool = False,
    start: bool = True,
    env: dict[str, str] | None = None,
) -> AsyncIterator[World]:
    """Everything up, and the bot listening, if it is to `start`. Not `whole`: the chat service runs by itself."""
    async with running_stack(binary, data, model, serve=not whole) as stack, running_slack() as slack:
        bot = Bot(stack, slack, whole=whole, http=http, env=env or {})
        try:
            if start:
                await bot.start()
            yield World(stack, slack, bot)
        finally:
            await bot.close()
