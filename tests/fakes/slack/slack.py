"""The fake Slack without HTTP: its state, the app, and operations that methods and user actions share."""

from __future__ import annotations

from typing import Any

from tests.fakes.platform.changes import ChangeCounter
from tests.fakes.platform.faults import Faults
from tests.fakes.slack.delivery import Dispatcher
from tests.fakes.slack.events import MESSAGE_EVENTS, Events
from tests.fakes.slack.models import AppConfig, Call, Channel, Fault, Message, Rules, Session
from tests.fakes.slack.registry import HISTORY, READ
from tests.fakes.slack.response_urls import ResponseUrls
from tests.fakes.slack.socket_mode import Connections
from tests.fakes.slack.state import SlackState
from tests.fakes.slack.trigger_ids import TriggerIds

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
    """The parts of the fake."""

    def __init__(self) -> None:
        super().__init__()
        self.app = AppConfig(scopes=list(ALL_SCOPES), events=list(ALL_EVENTS))
        self.rules = Rules()
        self.state = SlackState(self.app.app_id)
        self.home = self.state.add_team("Fake Workspace")
        self.faults: Faults[Fault] = Faults()
        self.connections = Connections(self)
        self.dispatcher = Dispatcher(self)
        self.events = Events(self)
        self.trigger_ids = TriggerIds(self.state.clock, self.rules)
        self.response_urls = ResponseUrls(self.state.clock, self.rules)
        self.calls: list[Call] = []

    def stream_is_open(self, message: Message) -> bool:
        """Return whether a message still streams. Slack ends a stream after `Rules.stream_seconds`."""
        stream = message.stream
        if stream is None or stream.state != "open":
            return False
        if self.state.clock.now() - stream.started > self.rules.stream_seconds:
            stream.state = "expired"
            return False
        return True

    def clear_status(self, channel: Channel, root: str) -> None:
        """Remove the status of a thread, as Slack does when the bot posts there."""
        self.state.statuses.pop((channel.id, root), None)

    def set_session(
        self, channel: str, ts: str, status: str, *, title: str | None = None, initiator: str | None = None
    ) -> Session:
        """Set the status of a session. Title and initiator are used only if it is new."""
        session = self.state.sessions.get((channel, ts))
        if session is None:
            session = Session(channel=channel, thread_ts=ts, status=status, title=title or "", initiator=initiator)
            self.state.sessions[channel, ts] = session
        session.status = status
        return session

    def react(self, message: Message, user: str, name: str, *, remove: bool = False) -> None:
        """Add an emoji to a message, or remove it."""
        users = message.reactions.setdefault(name, [])
        if remove and user in users:
            users.remove(user)
        elif not remove and user not in users:
            users.append(user)
        if not users:
            del message.reactions[name]
        item = {"type": "message", "channel": message.channel, "ts": message.ts}
        event: dict[str, Any] = {"user": user, "reaction": name, "item_user": message.user, "item": item}
        event["event_ts"] = self.state.clock.ts()
        kind = "reaction_removed" if remove else "reaction_added"
        self.events.channel_event(self.state.channels[message.channel], kind, event)

    def delete_message(self, message: Message) -> None:
        """Delete a message. A parent with replies leaves a tombstone."""
        if not message.is_reply and len(self.state.thread(message.channel, message.ts)) > 1:
            before = message.model_copy(deep=True)
            cleared: dict[str, Any] = {"blocks": [], "attachments": [], "files": [], "metadata": None}
            text = "This message was deleted."
            self.state.revise(message, "delete", text=text, subtype="tombstone", user="USLACKBOT", **cleared)
            message.bot_id, message.thread_ts = None, message.ts
            self.events.message_changed(message, before)
            return
        self.state.messages[message.channel].remove(message)
        self.events.message_deleted(message)
