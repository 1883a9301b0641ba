"""Starts the Discord bot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp

from bots.common.background_tasks import running_tasks
from bots.common.dependencies import IntakeDependencies
from bots.common.event_sender import EventSender
from bots.common.runner import (
    DeliveryAddress,
    release_waiting_replies,
    running_backfill,
    serving_intake_and_delivery,
)
from bots.discord.backfill import DiscordHistoryReader
from bots.discord.buttons import Buttons
from bots.discord.client import Bot
from bots.discord.command_sync import synchronise
from bots.discord.commands import SlashCommands
from bots.discord.event_filter import EventFilter
from bots.discord.events import EventParser
from bots.discord.gateway import gateway_connection, logged_in_bot
from bots.discord.history import HistoryView
from bots.discord.listeners import Listeners
from bots.discord.messenger import DiscordMessenger
from bots.discord.reactions import discord_status_reactions
from bots.discord.reply_writer import DiscordReplyWriter
from bots.discord.settings import ChatSettings
from bots.discord.snapshot_builder import SnapshotBuilder
from chat_service.ingress import IngressClient
from chat_service.live import LiveBus, open_bus
from chat_service.settings import Settings
from chat_service.signals import handling_stop_signals


@asynccontextmanager
async def serving(settings: Settings, *, bus: LiveBus) -> AsyncIterator[str]:
    """Run the bot while the block runs; yield one line for the operator.

    Raises:
        UserError: the token is missing or Discord rejects it.
    """
    async with _running(settings, bus) as (line, _):
        yield line


async def run(settings: Settings) -> None:
    """Run only this bot until SIGTERM, SIGINT, or until Discord ends its session for good (`threadwell bot discord`).

    Raises:
        UserError: Discord has ended the session for good.
    """
    with handling_stop_signals() as stopping:
        async with open_bus(settings) as bus, _running(settings, bus) as (line, gateway):
            print(line, flush=True)  # noqa: T201
            waiting = asyncio.create_task(stopping.wait())
            await asyncio.wait({waiting, gateway}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if gateway.done():
                await gateway


@asynccontextmanager
async def _running(settings: Settings, bus: LiveBus) -> AsyncIterator[tuple[str, asyncio.Task[None]]]:
    """Yield a line for the operator and the task that is connected to Discord's gateway."""
    async with AsyncExitStack() as stack:
        bot = await stack.enter_async_context(logged_in_bot(settings))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        ingress = await stack.enter_async_context(IngressClient.connected(settings.ingress_url))
        snapshots, event_filter = SnapshotBuilder(bot), EventFilter(ingress)
        reactions = discord_status_reactions(bot)
        stack.push_async_callback(reactions.close)
        messenger = DiscordMessenger(bot, snapshots, EventParser(session, images=settings.model_images), reactions)
        await stack.enter_async_context(
            serving_intake_and_delivery(
                "discord",
                settings,
                IntakeDependencies(messenger, settings, messenger.create_thread),
                DiscordReplyWriter(bot, reactions),
                bus=bus,
                address=DeliveryAddress(
                    settings.discord_delivery_host, settings.discord_delivery_port, settings.discord_delivery_url
                ),
                folder=Path(__file__).parent,
            )
        )
        history = HistoryView(ingress, settings)
        chat_settings = ChatSettings(ingress, event_filter, settings)
        SlashCommands(bot, ingress, history, chat_settings, settings, reactions).register()
        reader = DiscordHistoryReader(bot, ingress, snapshots, event_filter)
        sender = EventSender("discord", ingress)
        backfill = await stack.enter_async_context(running_backfill(reader, ingress, sender.send))
        buttons = Buttons(ingress, history, settings)
        Listeners(bot, sender, backfill, snapshots, event_filter, buttons, reactions).register()
        gateway = await stack.enter_async_context(gateway_connection(bot))
        stack.enter_context(running_tasks(_release(ingress, bot), synchronise(bot)))
        suffix = "" if bot.reads_content else ", without the Message Content intent: mentions and direct messages only"
        yield f"Discord: listening as @{bot.user}{suffix}", gateway


async def _release(ingress: IngressClient, bot: Bot) -> None:
    await bot.all_shards_ready.wait()
    await release_waiting_replies(ingress, lambda: ["discord:@me", *(f"discord:{guild.id}" for guild in bot.guilds)])
