"""A small discord.py client that records the events it receives, to test the fake with."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import discord
import yarl
from discord import app_commands

from tests.fakes.discord.control import DiscordControl


class RecordingClient(discord.Client):
    """A client with the intents of the project's bot, unless others are given."""

    def __init__(self, intents: discord.Intents | None = None) -> None:
        if intents is None:
            intents = discord.Intents.default()
            intents.message_content = True
        # discord.py waits this long for further servers before it reports that it is ready.
        super().__init__(intents=intents, guild_ready_timeout=0.1)
        self.tree = app_commands.CommandTree(self)
        self.dispatched: list[tuple[str, Any]] = []

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Identify at once; by default discord.py waits five seconds before it identifies again."""

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        """Record an event; discord.py calls this for every event."""
        self.dispatched.append((event, args[0] if args else None))
        super().dispatch(event, *args, **kwargs)

    def received(self, event: str) -> list[Any]:
        """Return the first arguments of all events of one name."""
        return [argument for name, argument in self.dispatched if name == event]

    def texts(self, channel: str) -> list[str]:
        """Return the texts of the messages received from a channel, repeated ones included."""
        return [message.content for message in self.received("message") if str(message.channel.id) == channel]

    def messageable(self, channel: str) -> Any:
        """Return discord.py's object of a channel or thread."""
        return self.get_channel(int(channel)) or self.get_partial_messageable(int(channel))


@asynccontextmanager
async def connect_client(
    control: DiscordControl, intents: discord.Intents | None = None, *, token: str | None = None
) -> AsyncIterator[RecordingClient]:
    """Connect a client to the fake and yield it when it is ready."""
    discord.http.Route.BASE = control.api_url
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(control.gateway_url)
    client = RecordingClient(intents)
    running = asyncio.create_task(client.start(token or control.token))
    ready = asyncio.create_task(client.wait_until_ready())
    try:
        async with asyncio.timeout(30):
            await asyncio.wait([running, ready], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
        yield client
    finally:
        ready.cancel()
        await client.close()
        with contextlib.suppress(Exception):  # its error was raised above already
            await running
