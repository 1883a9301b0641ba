"""The Slack bot beside all it needs, in processes of their own: an engine, a model, the chat service, a Slack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chat_service.engine.process import free_port
from tests.bot_process import BotProcess
from tests.fakes.model import ModelControl
from tests.fakes.slack.control import SlackControl
from tests.fakes.slack.running import running_slack
from tests.processes import Stack, running_stack


@dataclass(kw_only=True)
class Bot(BotProcess):
    """The Slack bot's process: in Socket Mode, or reached over HTTP."""

    slack: SlackControl
    name: str = "slack"
    http: bool = False
    http_port: int = field(default_factory=free_port)

    async def start(self) -> None:
        """Start it, and wait until Slack reaches it."""
        await self.start_process(**{"SLACK_HTTP_PORT": str(self.http_port), **self.slack.env(http=self.http), **self.env})
        if self.http:
            await self.slack.set_request_url(f"http://127.0.0.1:{self.http_port}/slack/events")
        else:
            await self.slack.wait_connected()


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
        bot = Bot(stack=stack, slack=slack, whole=whole, http=http, env=env or {})
        try:
            if start:
                await bot.start()
            yield World(stack, slack, bot)
        finally:
            await bot.close()
