"""Processes of the Discord bot, Restate, the chat service and the fakes; and a new Discord server for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bot_process import BotProcess, BotStack
from tests.fakes.discord.control import BOT_PERMISSIONS, DiscordControl
from tests.fakes.discord.records import Rules
from tests.fakes.discord.running import running_discord
from tests.fakes.model import ModelControl
from tests.processes import new_session_key, running_stack


@dataclass(kw_only=True)
class DiscordBot(BotProcess):
    """The Discord bot's process."""

    discord: DiscordControl
    name: str = "discord"

    def platform_env(self) -> dict[str, str]:
        return self.discord.env()


@dataclass
class DiscordStack(BotStack):
    """Restate, a model, a chat service, a Discord, and the bot."""

    bot: DiscordBot
    discord: DiscordControl

    async def restore_services(self) -> None:
        await self.reset_fakes()
        await super().restore_services()

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
            yield DiscordStack(stack, bot, engine_binary, discord)
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
