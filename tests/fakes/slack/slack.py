"""The fake as a whole: its world, the app in it, and what methods and people have in common."""

from __future__ import annotations

from typing import Any

from tests.fakes.platform.changes import ChangeCounter
from tests.fakes.platform.faults import Faults
from tests.fakes.slack.delivery import Dispatcher
from tests.fakes.slack.events import MESSAGE_EVENTS, Events
from tests.fakes.slack.limits import Limits
from tests.fakes.slack.models import AppConfig, Call, Channel, Fault, Message, Rules, Session
from tests.fakes.slack.registry import HISTORY, READ
from tests.fakes.slack.sockets import Sockets
from tests.fakes.slack.tickets import ResponseUrls, Triggers
from tests.fakes.slack.world import World

ALL_SCOPES = [
    *("app_mentions:read", "chat:write", "commands", "assistant:write", "im:write", "mpim:write", "connections:write"),
    *("users:read", "team:read", "emoji:read", "usergroups:read", "files:read", "files:write"),
    *("reactions:read", "reactions:write", *HISTORY.values(), *READ.values()),
]
ALL_EVENTS = [
    *("app_mention", "app_home_opened", "agent_session_stopped", "app_uninstalled", "tokens_revoked"),
    *MESSAGE_EVENTS.values(),
]


class FakeSlack(ChangeCounter):
    """Everything but the HTTP."""

    def __init__(self, app: AppConfig | None = None, rules: Rules | None = None) -> None:
        super().__init__()
        self.app = app or AppConfig(scopes=list(ALL_SCOPES), events=list(ALL_EVENTS))
        self.rules = rules or Rules()
        self.world = World(self.app.app_id)
        self.home = self.world.add_team("Fake Workspace")
        self.faults: Faults[Fault] = Faults()
        self.limits = Limits(self.rules)
        self.sockets = Sockets(self)
        self.dispatcher = Dispatcher(self)
        self.events = Events(self)
        self.triggers = Triggers(self.world.clock, self.rules)
        self.response_urls = ResponseUrls(self.world.clock, self.rules)
        self.calls: list[Call] = []

    def stream_is_open(self, message: Message) -> bool:
        """Whether a message still streams; Slack ends a stream by itself after a while."""
        stream = message.stream
        if stream is None or stream.state != "open":
            return False
        if self.world.clock.now() - stream.started > self.rules.stream_seconds:
            stream.state = "expired"
            return False
        return True

    def answered(self, channel: Channel, root: str) -> None:
        """The bot wrote in a thread: the status it showed there goes."""
        self.world.statuses.pop((channel.id, root), None)

    def session(
        self, channel: str, ts: str, status: str, *, title: str | None = None, initiator: str | None = None
    ) -> Session:
        """Set a session's status. Title and initiator count only when it is made."""
        session = self.world.sessions.get((channel, ts))
        if session is None:
            session = Session(channel=channel, thread_ts=ts, status=status, title=title or "", initiator=initiator)
            self.world.sessions[channel, ts] = session
        session.status = status
        return session

    def react(self, message: Message, user: str, name: str, *, remove: bool = False) -> None:
        """Put an emoji on a message, or take it away."""
        users = message.reactions.setdefault(name, [])
        if remove and user in users:
            users.remove(user)
        elif not remove and user not in users:
            users.append(user)
        if not users:
            del message.reactions[name]
        item = {"type": "message", "channel": message.channel, "ts": message.ts}
        event: dict[str, Any] = {"user": user, "reaction": name, "item_user": message.user, "item": item}
        event["event_ts"] = self.world.clock.ts()
        kind = "reaction_removed" if remove else "reaction_added"
        self.events.in_channel(self.world.channels[message.channel], kind, event)

    def remove(self, message: Message) -> None:
        """Delete a message. A parent with replies leaves a tombstone, so that its thread has a place."""
        kept = self.world.messages[message.channel]
        if not message.is_reply and len(self.world.thread(message.channel, message.ts)) > 1:
            before = message.model_copy(deep=True)
            gone: dict[str, Any] = {"blocks": [], "attachments": [], "files": [], "metadata": None}
            text = "This message was deleted."
            self.world.revise(message, "delete", text=text, subtype="tombstone", user="USLACKBOT", **gone)
            message.bot_id, message.thread_ts = None, message.ts
            self.events.changed(message, before)
            return
        kept.remove(message)
        self.events.deleted(message)
