"""The slash commands in SimCord, an independent model of Discord's permissions and command rules."""

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

UNREACHABLE_URL = "http://127.0.0.1:1"
"""No Restate is needed: a refusal comes before any call, and other commands respond that it cannot be reached."""
NAMES = ("ask", "forget-me", "help", "history", "reset", "settings", "stop")


@dataclass
class SimulatedServer:
    """The bot with its commands, in a server of SimCord."""

    env: Any
    bot: Bot
    guild: Any

    def count_registrations(self) -> int:
        return sum(request.method == "PUT" for request in self.env.http_requests)


@asynccontextmanager
async def simulated_server() -> AsyncIterator[SimulatedServer]:
    bot, settings = Bot(reads_content=True), Settings(_env_file=None)
    async with IngressClient.connected(UNREACHABLE_URL) as ingress:
        chat_settings = ChatSettings(ingress, EventFilter(ingress), settings)
        views, reactions = HistoryView(ingress, settings), discord_status_reactions(bot)
        SlashCommands(bot, ingress, views, chat_settings, settings, reactions).register()
        async with simcord.run(bot, shard_count=1) as env:
            await synchronise(bot)
            yield SimulatedServer(env, bot, env.create_guild())


async def test_commands_are_registered_once() -> None:
    async with simulated_server() as server:
        channel = server.guild.create_text_channel("talk")
        ada = server.guild.add_member(server.env.create_user("ada"))
        assert ada.available_commands(channel) == NAMES
        assert server.count_registrations() == 1
        await synchronise(server.bot)
        assert server.count_registrations() == 1
        assert ephemeral_text(await ada.slash(channel, "help")) == texts.HELP_DISCORD


async def test_commands_refuse_people_who_may_not_read() -> None:
    async with simulated_server() as server:
        blind, ada = (server.guild.add_member(server.env.create_user(name)) for name in ("blind", "ada"))
        no_history = discord.PermissionOverwrite(read_message_history=False)
        channel = server.guild.create_text_channel("talk", overwrites={blind: no_history})
        for name in ("history", "reset", "stop", "settings"):
            assert ephemeral_text(await blind.slash(channel, name)) == texts.NOT_READABLE, name
            assert ephemeral_text(await ada.slash(channel, name)) == texts.UNREACHABLE, name


async def test_ask_is_refused_where_the_person_or_the_bot_may_not_write() -> None:
    async with simulated_server() as server:
        mute = server.guild.add_member(server.env.create_user("mute"))
        no_messages = discord.PermissionOverwrite(send_messages=False)
        channel = server.guild.create_text_channel("talk", overwrites={mute: no_messages})
        assert ephemeral_text(await mute.slash(channel, "ask", question="may I?")) == USER_MAY_NOT_WRITE
        closed = server.guild.create_text_channel("closed", overwrites={server.guild.default_role: no_messages})
        assert ephemeral_text(await mute.slash(closed, "ask", question="and here?")) == BOT_MAY_NOT_WRITE


def ephemeral_text(result: Any) -> str:
    """Return the text of a response, which must be ephemeral."""
    assert result.ephemeral
    return str(result.response.content)
