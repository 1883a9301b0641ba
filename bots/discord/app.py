"""Putting the Discord adapter together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp

from bots.common.backfill import Backfill
from bots.common.delivery import DeliveryDependencies, delivery_object
from bots.common.endpoint import serving_objects
from bots.common.events import PlatformEvent
from bots.common.intake import IntakeDependencies, intake_object
from bots.common.ordered_queue import OrderedQueue
from bots.common.previews import Previews
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
from bots.discord.message_snapshot import SnapshotBuilder
from bots.discord.messenger import DiscordMessenger
from bots.discord.reactions import discord_status_reactions
from bots.discord.reply_writer import DiscordReplyWriter
from bots.discord.settings import ChatSettings
from chat_service.ingress import IngressClient, IngressError
from chat_service.live import LiveBus, open_bus
from chat_service.objects.channel_threads import ReleasedDeliveries
from chat_service.settings import Settings
from chat_service.signals import handling_stop_signals

log = logging.getLogger(__name__)

RELEASE_SECONDS = (0.0, 5.0, 30.0)
"""When what waited for the bot is set free after a start: a turn may still be on its way to the list."""


@asynccontextmanager
async def serving(settings: Settings, *, bus: LiveBus) -> AsyncIterator[str]:
    """Run the bot while the block runs; yields one line that says who listens.

    Raises:
        UserError: without a token, or with one that Discord does not take.
    """
    async with _listening(settings, bus) as (line, _):
        yield line


async def run(settings: Settings) -> None:
    """What `threadwell bot discord` runs: the bot alone, until SIGTERM or SIGINT, or until Discord shuts it out.

    Raises:
        UserError: when Discord shuts it out.
    """
    with handling_stop_signals() as stopping:
        async with open_bus(settings) as bus, _listening(settings, bus) as (line, gateway):
            print(line, flush=True)  # noqa: T201
            waiting = asyncio.create_task(stopping.wait())
            await asyncio.wait({waiting, gateway}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if gateway.done():
                await gateway


@asynccontextmanager
async def _listening(settings: Settings, bus: LiveBus) -> AsyncIterator[tuple[str, asyncio.Task[None]]]:
    async with AsyncExitStack() as stack:
        bot = await stack.enter_async_context(logged_in_bot(settings))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        ingress = await stack.enter_async_context(IngressClient.connected(settings.ingress_url))
        records, marks, watch = SnapshotBuilder(bot), discord_status_reactions(bot), EventFilter(ingress)
        outlet = DiscordReplyWriter(bot, marks)
        previews = Previews(outlet, bus)
        stack.push_async_callback(previews.close)
        stack.push_async_callback(marks.close)
        ears = DiscordMessenger(bot, records, EventParser(session, images=settings.model_images), marks)
        objects = [
            intake_object("Discord", IntakeDependencies(ears, settings, ears.create_thread)),
            delivery_object("Discord", DeliveryDependencies(outlet, previews), settings),
        ]
        await stack.enter_async_context(
            serving_objects(
                settings,
                objects,
                folder=Path(__file__).parent,
                host=settings.discord_delivery_host,
                port=settings.discord_delivery_port,
                url=settings.discord_delivery_url,
                name="DISCORD",
            )
        )
        histories = HistoryView(ingress, settings)
        SlashCommands(bot, ingress, histories, ChatSettings(ingress, watch, settings), settings, marks).register()
        lanes = OrderedQueue()

        async def hand_over(conversation: str, id: str, arrival: PlatformEvent) -> None:
            await listeners.hand_over(conversation, id, arrival)

        catch_up = Backfill(DiscordHistoryReader(bot, ingress, records, watch), ingress, lanes, hand_over)
        buttons = Buttons(ingress, histories, settings)
        listeners = Listeners(bot, ingress, catch_up, records, watch, buttons, marks, settings)
        listeners.register()
        stack.push_async_callback(catch_up.flush)
        stack.push_async_callback(lanes.close)
        stack.push_async_callback(catch_up.close)
        gateway = await stack.enter_async_context(gateway_connection(bot))
        for work in (catch_up.keep(), _release(ingress, bot), synchronise(bot)):
            task = asyncio.create_task(work)
            stack.callback(task.cancel)
        without = "" if bot.reads_content else ", without the Message Content intent: mentions and direct messages only"
        yield f"Discord: listening as @{bot.user}{without}", gateway


async def _release(ingress: IngressClient, bot: Bot) -> None:
    """Replies that waited for the bot set out."""
    await bot.all_shards_ready.wait()
    for pause in RELEASE_SECONDS:
        await asyncio.sleep(pause)
        for scope in ("discord:@me", *(f"discord:{guild.id}" for guild in bot.guilds)):
            with contextlib.suppress(IngressError, TimeoutError):
                released = await ingress.call("Channel", scope, "release", None, ReleasedDeliveries)
                if released.deliveries:
                    log.info("%d replies waited for the bot: delivering them", released.deliveries)
