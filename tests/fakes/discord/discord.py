"""The fake Discord without its HTTP server."""

from __future__ import annotations

from tests.fakes.discord.events import Events
from tests.fakes.discord.gateway import Gateway, intents
from tests.fakes.discord.interactions import Interactions
from tests.fakes.discord.messages import Messages
from tests.fakes.discord.rate_limits import RateLimits
from tests.fakes.discord.records import AppConfig, Call, Fault, Rules
from tests.fakes.discord.serializer import Serializer
from tests.fakes.discord.state import DiscordState
from tests.fakes.discord.threads import Threads
from tests.fakes.platform.changes import ChangeCounter
from tests.fakes.platform.faults import Faults


class FakeDiscord(ChangeCounter):
    """The objects, the configuration, and the parts that work on them."""

    def __init__(self) -> None:
        super().__init__()
        self.app = AppConfig()
        self.rules = Rules()
        self.state = DiscordState()
        self.serializer = Serializer(self.state)
        self.faults: Faults[Fault] = Faults()
        self.rate_limits = RateLimits()
        self.gateway = Gateway(self)
        self.events = Events(self)
        self.messages = Messages(self)
        self.threads = Threads(self)
        self.interactions = Interactions(self)
        self.calls: list[Call] = []

    def disallowed_intents(self) -> int:
        """Return the privileged intents that the application may not use."""
        return 0 if self.app.message_content else intents.CONTENT

    def application_flags(self) -> int:
        """Return the application's flags, which say whether it may use the Message Content intent."""
        return self.app.message_content << 19
