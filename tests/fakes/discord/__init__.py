"""A Discord to test against: REST and gateway, what a test says, and a no where Discord says no."""

from tests.fakes.discord.control import DiscordControl, make_file
from tests.fakes.discord.discord import FakeDiscord
from tests.fakes.discord.server import Server
from tests.fakes.platform.errors import ImpossibleActionError

__all__ = ["DiscordControl", "FakeDiscord", "ImpossibleActionError", "Server", "make_file"]
