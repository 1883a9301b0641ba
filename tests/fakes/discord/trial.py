"""A small real discord.py client, to try the fake with: what it got, and the two seams by which it finds the fake."""

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


def intents(**more: bool) -> discord.Intents:
    """What the project's bot asks for."""
    wanted = discord.Intents.default()
    wanted.message_content = True
    wanted.members = True
    for name, value in more.items():
        setattr(wanted, name, value)
    return wanted


class Trial(discord.Client):
    """Keeps what it was told, in order."""

    def __init__(self, wanted: discord.Intents, **options: Any) -> None:
        super().__init__(intents=wanted, **options)
        self.tree = app_commands.CommandTree(self)
        self.got: list[tuple[str, Any]] = []

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        """Every event of the library goes through here."""
        self.got.append((event, args[0] if args else None))
        super().dispatch(event, *args, **kwargs)

    def all(self, event: str) -> list[Any]:
        """What came with the events of one name."""
        return [what for name, what in self.got if name == event]

    def texts(self, channel: str) -> list[str]:
        """What people wrote in a channel, as often as it came."""
        return [one.content for one in self.all("message") if str(one.channel.id) == channel]

    def place(self, channel: str) -> Any:
        """A channel or thread, to write in."""
        return self.get_channel(int(channel)) or self.get_partial_messageable(int(channel))


@asynccontextmanager
async def connected(
    control: DiscordControl, wanted: discord.Intents | None = None, *, token: str | None = None, **options: Any
) -> AsyncIterator[Trial]:
    """A client that is ready. Nothing of discord.py is changed but where it looks for Discord."""
    discord.http.Route.BASE = control.api_url
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(control.gateway_url)
    # It waits this long for more servers to come before it says it is ready.
    client = Trial(wanted or intents(), **{"guild_ready_timeout": 0.1, **options})
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
        with contextlib.suppress(Exception):  # how it ended was the test's to see
            await running
