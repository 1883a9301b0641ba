"""Processes of the Discord bot, Restate, the chat service and the fakes; and a new Discord server for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bot_process import BotProcess
from tests.fakes.discord.control import BOT_PERMISSIONS, DiscordControl
from tests.fakes.discord.records import Rules
from tests.fakes.discord.running import running_discord
from tests.fakes.model import ModelControl
from tests.processes import Stack, new_session_key, running_stack


@dataclass(kw_only=True)
class DiscordBot(BotProcess):
    """The Discord bot's process. `settings` are the environment variables that it was started with last."""

    discord: DiscordControl
    name: str = "discord"
    settings: dict[str, str] | None = None

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def start(self, **settings: str) -> None:
        """Start it with these settings and wait until it is connected."""
        await self.close()
        self.settings = settings
        await self.start_process(**{**self.discord.env(), **self.env, **settings})


@dataclass
class DiscordStack:
    """Restate, a model, a chat service, a Discord, and the bot."""

    stack: Stack
    discord: DiscordControl
    bot: DiscordBot
    engine_binary: Path

    @property
    def model(self) -> ModelControl:
        return self.stack.model

    async def start_engine(self) -> None:
        """Start the killed Restate server again, on its ports and its data."""
        await self.stack.start_engine(self.engine_binary, self.stack.engine.ports)

    async def restore(self) -> None:
        """Start again what a test has ended, with the default settings; remove faults and scripted responses."""
        await self.restore_services()
        if not self.bot.is_running or self.bot.settings != {}:
            await self.bot.start()

    async def restore_services(self) -> None:
        """The same without the bot."""
        await self.reset_fakes()
        if self.stack.engine.process.returncode is not None:
            await self.start_engine()
        if self.stack.service is None or self.stack.service.returncode is not None:
            await self.stack.start_service()

    async def reset_fakes(self) -> None:
        """Remove faults, scripted responses and servers of earlier tests, and set Discord's default rules."""
        await self.model.clear_script()
        await self.discord.leave_all()
        await self.discord.clear_faults()
        await self.discord.set_rules(**Rules().model_dump())
        await self.discord.configure_app(message_content=True)


@asynccontextmanager
async def running_discord_stack(engine_binary: Path, data: Path, model: ModelControl) -> AsyncIterator[DiscordStack]:
    """Run a stack in which the bot and the chat service are processes of their own, so that each can be killed."""
    async with running_stack(engine_binary, data, model) as stack, running_discord() as discord:
        bot = DiscordBot(stack=stack, discord=discord)
        try:
            yield DiscordStack(stack, discord, bot, engine_binary)
        finally:
            await bot.close()


@dataclass
class Server:
    """A Discord server with a text channel and two members. Ada owns the server; `dm_channel` is hers with the bot."""

    stack: DiscordStack
    guild: str
    channel: str
    ada: str
    ben: str
    dm_channel: str

    @property
    def discord(self) -> DiscordControl:
        return self.stack.discord

    @property
    def model(self) -> ModelControl:
        return self.stack.model

    @property
    def bot(self) -> DiscordBot:
        return self.stack.bot

    @property
    def mention(self) -> str:
        """The text that mentions the bot."""
        return f"<@{self.discord.bot}>"

    def conversation(self, channel: str) -> str:
        """Return the conversation key of a channel or thread."""
        return f"discord:{'@me' if channel == self.dm_channel else self.guild}:{channel}"


async def create_server(stack: DiscordStack, permissions: tuple[str, ...] = BOT_PERMISSIONS) -> Server:
    """Create a server, with members that no other test uses. `permissions`: those of the bot."""
    discord, name = stack.discord, new_session_key()
    ada = await discord.add_user(f"ada-{name}", global_name="Ada")
    ben = await discord.add_user(f"ben-{name}", global_name="Ben")
    guild = await discord.add_guild(name, ada.id, permissions=permissions)
    await discord.join(ben.id, guild.id)
    channel = await discord.add_channel(guild.id, "talk")
    dm_channel = await discord.open_dm(ada.id)
    return Server(stack, guild.id, channel.id, ada.id, ben.id, dm_channel.id)
