"""A fake Discord for tests: REST API, gateway, attachments, and a control API for what users do."""

from tests.fakes.discord.control import DiscordControl, make_file
from tests.fakes.platform.errors import ImpossibleActionError

__all__ = ["DiscordControl", "ImpossibleActionError", "make_file"]
