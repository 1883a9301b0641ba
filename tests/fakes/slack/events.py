"""Which events the app gets for what happens, and what they look like.

An event reaches a workspace's installation when the app subscribes to it, has the scope for it, and, for messages, when
the bot is in the channel. A mention is told twice, as `app_mention` and as `message`: two event ids, one timestamp.
"""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING

from tests.fakes.slack import render
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
    """Turns what happened into deliveries."""

    def __init__(self, slack: FakeSlack) -> None:
        self._slack = slack
        self.base = ""

    def emit(self, team: Team, subscription: str, event: Json, channel: Channel | None = None) -> None:
        """Send one event to one installation, if it would get it."""
        app = self._slack.app
        scope = SCOPES.get(subscription)
        if subscription not in app.events or (scope is not None and scope not in app.scopes):
            return
        authorization = {"enterprise_id": team.enterprise_id, "team_id": team.id, "user_id": team.bot_user_id}
        payload = {
            "token": "verification-token",
            "team_id": team.id,
            "enterprise_id": team.enterprise_id,
            "context_team_id": team.id,
            "context_enterprise_id": team.enterprise_id,
            "api_app_id": app.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": f"Ev{uuid.uuid4().hex[:12].upper()}",
            "event_time": int(self._slack.world.clock.now()),
            "authorizations": [{**authorization, "is_bot": True, "is_enterprise_install": False}],
            "is_ext_shared_channel": bool(channel and channel.shared_team_ids),
            "event_context": secrets.token_urlsafe(24),
        }
        self._slack.dispatcher.send("events_api", payload)

    def _members(self, channel: Channel) -> list[Team]:
        return [one for one in self._slack.world.teams.values() if one.bot_user_id in channel.members]

    def _message_event(self, channel: Channel, event: Json) -> None:
        kind = {"channel": "channel", "group": "group", "im": "im", "mpim": "mpim"}[channel.kind]
        for team in self._members(channel):
            self.emit(team, MESSAGE_EVENTS[channel.kind], {**event, "channel_type": kind}, channel)

    def posted(self, message: Message) -> None:
        """A new message."""
        channel = self._slack.world.channels[message.channel]
        shown = render.message(self._slack.world, message, self.base, metadata=True)
        event = {**shown, "channel": channel.id, "event_ts": message.ts}
        self._mentioned(channel, message, event)
        self._message_event(channel, event)

    def _mentioned(self, channel: Channel, message: Message, event: Json, before: Message | None = None) -> None:
        if channel.kind == "im":
            return  # in a direct conversation a mention is a message like any other
        for team in self._members(channel):
            mention = f"<@{team.bot_user_id}>"
            if message.user == team.bot_user_id or mention not in message.text:
                continue
            if before is None or mention not in before.text:
                self.emit(team, "app_mention", {**event, "type": "app_mention"}, channel)

    def changed(self, message: Message, before: Message) -> None:
        """An edit, an unfurled link, or a tombstone: all of them are `message_changed`."""
        channel = self._slack.world.channels[message.channel]
        ts = self._slack.world.clock.ts()
        world = self._slack.world
        shown = render.message(world, message, self.base, metadata=True)
        if before.text != message.text and message.user not in {team.bot_user_id for team in self._members(channel)}:
            self._mentioned(channel, message, {**shown, "channel": channel.id, "event_ts": ts}, before)
        event = {
            "type": "message",
            "subtype": "message_changed",
            "hidden": True,
            "message": shown,
            "previous_message": render.message(world, before, self.base, metadata=True),
            "channel": channel.id,
            "ts": ts,
            "event_ts": ts,
        }
        self._message_event(channel, event)

    def deleted(self, message: Message) -> None:
        """A message that is gone."""
        channel = self._slack.world.channels[message.channel]
        ts = self._slack.world.clock.ts()
        event = {
            "type": "message",
            "subtype": "message_deleted",
            "hidden": True,
            "deleted_ts": message.ts,
            "previous_message": render.message(self._slack.world, message, self.base),
            "channel": channel.id,
            "ts": ts,
            "event_ts": ts,
        }
        self._message_event(channel, event)

    def in_channel(self, channel: Channel, subscription: str, event: Json) -> None:
        """Something in a channel that is no message."""
        for team in self._members(channel):
            self.emit(team, subscription, {"type": subscription, **event}, channel)
