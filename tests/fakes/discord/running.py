"""Start the fake in a process of its own."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from tests.fakes.discord.control import DiscordControl
from tests.fakes.running import running_fake


def running_discord() -> AbstractAsyncContextManager[DiscordControl]:
    """Start the fake and yield its connected control."""
    return running_fake("tests.fakes.discord", DiscordControl, "--quiet")
