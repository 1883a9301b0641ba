"""The Discord bot beside all it needs, in processes of their own: an engine, a model, the chat service, a Discord."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bot_process import BotProcess
from tests.fakes.discord.control import DiscordControl
from tests.fakes.discord.running import running_discord
from tests.fakes.model import ModelControl
from tests.processes import Stack, running_stack


@dataclass(kw_only=True)
class Bot(BotProcess):
    """The Discord bot's process."""

    discord: DiscordControl
    name: str = "discord"

    async def start(self, **more: str) -> None:
        """Start it, and wait until it listens."""
        await self.launch(**{**self.discord.env(), **self.env, **more})


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
        bot = Bot(stack=stack, discord=discord, whole=whole, env=env)
        try:
            if start:
                await bot.start()
            yield World(stack, discord, bot)
        finally:
            await bot.close()
