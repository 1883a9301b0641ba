"""The events of the Events API.

An installation gets an event if the app subscribes to it and has its scope; and, in a channel, if the bot is a member.
A mention causes two events, `app_mention` and `message`, with two event ids and one timestamp.
"""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING

from tests.fakes.slack import serializer
from tests.fakes.slack.models import Channel, Json, Message, Team
from tests.fakes.slack.registry import HISTORY

if TYPE_CHECKING:
    from tests.fakes.slack.slack import FakeSlack

MESSAGE_EVENTS = {"channel": "message.channels", "group": "message.groups", "im": "message.im", "mpim": "message.mpim"}
SCOPES = {
    **{name: HISTORY[kind] for kind, name in MESSAGE_EVENTS.items()},
    "app_mention": "app_mentions:read",
    "reaction_added": "reactions:read",
    "reaction_removed": "reactions:read",
    "member_joined_channel": "channels:read",
    "member_left_channel": "channels:read",
    "channel_archive": "channels:read",
    "agent_session_stopped": "chat:write",
}


class Events:
    """Builds events and hands them to the dispatcher."""

    def __init__(self, slack: FakeSlack) -> None:
        self._slack = slack
        self.base_url = ""

    def emit(self, team: Team, subscription: str, event: Json, channel: Channel | None = None) -> None:
        """Send an event to an installation that subscribes to it and has its scope."""
        app = self._slack.app
        scope = SCOPES.get(subscription)
        if subscription not in app.events or (scope is not None and scope not in app.scopes):
            return
        authorization = {"enterprise_id": None, "team_id": team.id, "user_id": team.bot_user_id}
        payload = {
            "token": "verification-token",
            "team_id": team.id,
            "enterprise_id": None,
            "context_team_id": team.id,
            "context_enterprise_id": None,
            "api_app_id": app.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": f"Ev{uuid.uuid4().hex[:12].upper()}",
            "event_time": int(self._slack.state.clock.now()),
            "authorizations": [{**authorization, "is_bot": True, "is_enterprise_install": False}],
            "is_ext_shared_channel": bool(channel and channel.shared_team_ids),
            "event_context": secrets.token_urlsafe(24),
        }
        self._slack.dispatcher.send("events_api", payload)

    def _installations(self, channel: Channel) -> list[Team]:
        return [team for team in self._slack.state.teams.values() if team.bot_user_id in channel.members]

    def _emit_message(self, channel: Channel, event: Json) -> None:
        for team in self._installations(channel):
            self.emit(team, MESSAGE_EVENTS[channel.kind], {**event, "channel_type": channel.kind}, channel)

    def message_posted(self, message: Message) -> None:
        """Send the events of a new message."""
        channel = self._slack.state.channels[message.channel]
        shown = serializer.message(self._slack.state, message, self.base_url, metadata=True)
        event = {**shown, "channel": channel.id, "event_ts": message.ts}
        self._emit_mention(channel, message, event)
        self._emit_message(channel, event)

    def _emit_mention(self, channel: Channel, message: Message, event: Json, before: Message | None = None) -> None:
        if channel.kind == "im":
            return  # in a direct conversation a mention is a message like any other
        for team in self._installations(channel):
            mention = f"<@{team.bot_user_id}>"
            if message.user == team.bot_user_id or mention not in message.text:
                continue
            if before is None or mention not in before.text:
                self.emit(team, "app_mention", {**event, "type": "app_mention"}, channel)

    def message_changed(self, message: Message, before: Message) -> None:
        """Send `message_changed` for an edit, an unfurled link, or a tombstone."""
        channel = self._slack.state.channels[message.channel]
        ts = self._slack.state.clock.ts()
        state = self._slack.state
        shown = serializer.message(state, message, self.base_url, metadata=True)
        if before.text != message.text and message.user not in {
            team.bot_user_id for team in self._installations(channel)
        }:
            self._emit_mention(channel, message, {**shown, "channel": channel.id, "event_ts": ts}, before)
        event = {
            "type": "message",
            "subtype": "message_changed",
            "hidden": True,
            "message": shown,
            "previous_message": serializer.message(state, before, self.base_url, metadata=True),
            "channel": channel.id,
            "ts": ts,
            "event_ts": ts,
        }
        self._emit_message(channel, event)

    def message_deleted(self, message: Message) -> None:
        """Send `message_deleted`."""
        channel = self._slack.state.channels[message.channel]
        ts = self._slack.state.clock.ts()
        event = {
            "type": "message",
            "subtype": "message_deleted",
            "hidden": True,
            "deleted_ts": message.ts,
            "previous_message": serializer.message(self._slack.state, message, self.base_url),
            "channel": channel.id,
            "ts": ts,
            "event_ts": ts,
        }
        self._emit_message(channel, event)

    def channel_event(self, channel: Channel, subscription: str, event: Json) -> None:
        """Send an event of a channel that is not about a message."""
        for team in self._installations(channel):
            self.emit(team, subscription, {"type": subscription, **event}, channel)
