"""The slash commands in SimCord, another's idea of Discord's permissions and command rules beside the fake of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import discord
import simcord

from bots.common import texts
from bots.discord.client import Bot
from bots.discord.command_sync import synchronise
from bots.discord.commands import BOT_MAY_NOT_WRITE, USER_MAY_NOT_WRITE, SlashCommands
from bots.discord.event_filter import EventFilter
from bots.discord.history import HistoryView
from bots.discord.reactions import discord_status_reactions
from bots.discord.settings import ChatSettings
from chat_service.ingress import IngressClient
from chat_service.settings import Settings

NOWHERE = "http://127.0.0.1:1"
"""No engine: whoever is refused is refused before anything is asked of one, and the others read that it is away."""
NAMES = ("ask", "forget-me", "help", "history", "reset", "settings", "stop")


@dataclass
class Simulated:
    """The bot with its commands, in a server of SimCord's."""

    env: Any
    bot: Bot
    guild: Any

    def puts(self) -> int:
        """How often the commands were registered."""
        return sum(one.method == "PUT" for one in self.env.http_requests)


@asynccontextmanager
async def simulated() -> AsyncIterator[Simulated]:
    bot, settings = Bot(reads_content=True), Settings(_env_file=None)
    async with IngressClient.connected(NOWHERE) as ingress:
        chat_settings = ChatSettings(ingress, EventFilter(ingress), settings)
        views, reactions = HistoryView(ingress, settings), discord_status_reactions(bot)
        SlashCommands(bot, ingress, views, chat_settings, settings, reactions).register()
        async with simcord.run(bot, shard_count=1) as env:
            await synchronise(bot)
            yield Simulated(env, bot, env.create_guild())


async def test_the_commands_are_known_there_and_not_registered_twice() -> None:
    async with simulated() as it:
        channel = it.guild.create_text_channel("talk")
        ada = it.guild.add_member(it.env.create_user("ada"))
        assert ada.available_commands(channel) == NAMES
        assert it.puts() == 1
        await synchronise(it.bot)
        assert it.puts() == 1
        assert alone(await ada.slash(channel, "help")) == texts.HELP_DISCORD


async def test_whoever_may_not_read_is_told_so_by_each_command_and_others_are_not() -> None:
    async with simulated() as it:
        blind, ada = (it.guild.add_member(it.env.create_user(name)) for name in ("blind", "ada"))
        no_history = discord.PermissionOverwrite(read_message_history=False)
        channel = it.guild.create_text_channel("talk", overwrites={blind: no_history})
        for name in ("history", "reset", "stop", "settings"):
            assert alone(await blind.slash(channel, name)) == texts.NOT_READABLE, name
            assert alone(await ada.slash(channel, name)) == texts.UNREACHABLE, name


async def test_ask_writes_for_nobody_who_may_not_write_nor_where_the_bot_may_not() -> None:
    async with simulated() as it:
        mute = it.guild.add_member(it.env.create_user("mute"))
        silence = discord.PermissionOverwrite(send_messages=False)
        channel = it.guild.create_text_channel("talk", overwrites={mute: silence})
        assert alone(await mute.slash(channel, "ask", question="may I?")) == USER_MAY_NOT_WRITE
        closed = it.guild.create_text_channel("closed", overwrites={it.guild.default_role: silence})
        assert alone(await mute.slash(closed, "ask", question="and here?")) == BOT_MAY_NOT_WRITE


def alone(result: Any) -> str:
    """What its user, and nobody else, is shown."""
    assert result.ephemeral
    return str(result.response.content)
