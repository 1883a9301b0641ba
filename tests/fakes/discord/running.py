"""The fake in a process of its own, which no other kill reaches."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from tests.fakes.discord.control import DiscordControl
from tests.fakes.running import running_fake


def running_discord() -> AbstractAsyncContextManager[DiscordControl]:
    """Start it; the control is connected."""
    return running_fake("tests.fakes.discord", DiscordControl, "--quiet")
