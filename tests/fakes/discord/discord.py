"""This Discord: everything that is remembered, and what belongs together."""

from __future__ import annotations

from tests.fakes.discord.events import Events
from tests.fakes.discord.gateway import Gateway
from tests.fakes.discord.gateway import intents as bits
from tests.fakes.discord.interactions import Interactions
from tests.fakes.discord.limits import Limits
from tests.fakes.discord.models import AppConfig, Call, Channel, Fault, Message, Rules
from tests.fakes.discord.render import Render
from tests.fakes.discord.threads import Threads
from tests.fakes.discord.world import World
from tests.fakes.discord.writing import Writing
from tests.fakes.platform.changes import ChangeCounter
from tests.fakes.platform.faults import Faults


class FakeDiscord(ChangeCounter):
    """Everything but the HTTP."""

    def __init__(self, app: AppConfig | None = None, rules: Rules | None = None) -> None:
        super().__init__()
        self.app = app or AppConfig()
        self.rules = rules or Rules()
        self.world = World()
        self.render = Render(self.world)
        self.faults: Faults[Fault] = Faults()
        self.limits = Limits(self.rules)
        self.gateway = Gateway(self)
        self.events = Events(self)
        self.writing = Writing(self)
        self.threads = Threads(self)
        self.interactions = Interactions(self)
        self.calls: list[Call] = []

    def react(self, message: Message, user: str, name: str, *, remove: bool = False) -> None:
        """Put an emoji on a message, or take it away."""
        users = message.reactions.setdefault(name, [])
        changed = (user in users) == remove
        if changed and remove:
            users.remove(user)
        elif changed:
            users.append(user)
        if not users:
            del message.reactions[name]
        if changed:
            self.events.reaction(message, user, name, remove=remove)
            self.record_change()

    def remove_channel(self, channel: Channel) -> None:
        """Delete a channel with its threads, or a thread."""
        for thread in self.world.threads(parent=channel.id):
            del self.world.channels[thread.id]
        if channel.thread is not None:
            self.events.thread_delete(channel)
        else:
            self.events.channel("CHANNEL_DELETE", channel)
        del self.world.channels[channel.id]
        self.record_change()

    def forbidden_intents(self) -> int:
        """The privileged intents that are not switched on in the developer portal."""
        app = self.app
        privileged = {
            bits.MEMBERS: app.members_intent,
            bits.PRESENCES: app.presence_intent,
            bits.CONTENT: app.message_content,
        }
        return sum(bit for bit, on in privileged.items() if not on)

    def application_flags(self) -> int:
        """The application's flags, which tell an app which privileged intents it may ask for."""
        app = self.app
        return (app.presence_intent << 13) | (app.members_intent << 15) | (app.message_content << 19)
