"""This Discord: everything that is remembered, and what belongs together."""

from __future__ import annotations

import asyncio
import contextlib

from tests.fakes.discord.events import Events
from tests.fakes.discord.faults import Faults
from tests.fakes.discord.gateway import Gateway
from tests.fakes.discord.gateway import intents as bits
from tests.fakes.discord.interactions import Interactions
from tests.fakes.discord.limits import Limits
from tests.fakes.discord.models import AppConfig, Call, Channel, Message, Rules
from tests.fakes.discord.render import Render
from tests.fakes.discord.threads import Threads
from tests.fakes.discord.world import World
from tests.fakes.discord.writing import Writing


class FakeDiscord:
    """Everything but the HTTP."""

    def __init__(self, app: AppConfig | None = None, rules: Rules | None = None) -> None:
        self.app = app or AppConfig()
        self.rules = rules or Rules()
        self.world = World()
        self.render = Render(self.world)
        self.faults = Faults()
        self.limits = Limits(self.rules)
        self.gateway = Gateway(self)
        self.events = Events(self)
        self.writing = Writing(self)
        self.threads = Threads(self)
        self.interactions = Interactions(self)
        self.calls: list[Call] = []
        self.changes = 0
        self._changed = asyncio.Event()

    def touch(self) -> None:
        """Wake whoever waits for a change."""
        self.changes += 1
        self._changed.set()

    async def changed(self, since: int, timeout: float) -> int:
        """Wait until there were more than `since` changes, or for `timeout` seconds; how many there were."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self.changes <= since:
                    self._changed.clear()
                    await self._changed.wait()
        return self.changes

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
            self.touch()

    def remove_channel(self, channel: Channel) -> None:
        """Delete a channel with its threads, or a thread."""
        for thread in self.world.threads(parent=channel.id):
            del self.world.channels[thread.id]
        if channel.thread is not None:
            self.events.thread_delete(channel)
        else:
            self.events.channel("CHANNEL_DELETE", channel)
        del self.world.channels[channel.id]
        self.touch()

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
