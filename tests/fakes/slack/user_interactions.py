"""Slash commands, buttons, shortcuts and modals: actions of people that the app must acknowledge."""

from __future__ import annotations

from typing import Any, Literal

from tests.fakes.platform.errors import ImpossibleActionError
from tests.fakes.slack import serializer
from tests.fakes.slack.block_actions import build_action, build_view_state
from tests.fakes.slack.errors import ApiError
from tests.fakes.slack.models import Channel, Delivery, Json, Message, View
from tests.fakes.slack.response_urls import post_response
from tests.fakes.slack.user_actions import UserActions


class UserInteractions:
    """Each waits for the acknowledgement, three seconds at most, and applies the response."""

    def __init__(self, actions: UserActions) -> None:
        self._actions = actions
        self._slack = actions.slack
        self._state = actions.state

    async def _send(self, kind: Literal["slash_commands", "interactive"], payload: Json) -> Delivery:
        delivery = self._slack.dispatcher.send(kind, payload)
        await self._slack.dispatcher.wait_until_done(delivery)
        return delivery

    def _common_payload(self, user_id: str, team_id: str) -> Json:
        user, team = self._actions.user(user_id), self._state.teams[team_id]
        return {
            "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id},
            "api_app_id": self._slack.app.app_id,
            "token": "verification-token",
            "team": {"id": team.id, "domain": team.domain},
            "enterprise": None,
            "is_enterprise_install": False,
            "trigger_id": self._slack.trigger_ids.issue(user_id),
        }

    def _issue_response_url(self, team: str, channel: str, user: str, ts: str | None = None) -> str:
        return f"{self._slack.events.base_url}/{self._slack.response_urls.issue(team, channel, user, ts)}"

    def _joined_channel(self, user: str, channel_id: str) -> Channel:
        channel = self._actions.channel(channel_id)
        if user not in channel.members:
            raise ImpossibleActionError(f"{user} is not in {channel.name or channel.id}")
        return channel

    async def run_command(self, user: str, channel: str, command: str, text: str) -> Delivery:
        """Run a slash command. It cannot be run in a thread, and its payload names no thread."""
        target, person = self._joined_channel(user, channel), self._actions.user(user)
        known = self._slack.app.commands
        if known is not None and command not in known:
            raise ImpossibleActionError(f"{command} is not a valid command")
        team = self._actions.team_of(target)
        payload = {
            "token": "verification-token",
            "team_id": team.id,
            "team_domain": team.domain,
            "channel_id": target.id,
            "channel_name": {"im": "directmessage", "group": "privategroup"}.get(target.kind, target.name),
            "user_id": person.id,
            "user_name": person.name,
            "command": command,
            "text": text,
            "api_app_id": self._slack.app.app_id,
            "is_enterprise_install": "false",
            "response_url": self._issue_response_url(team.id, target.id, person.id),
            "trigger_id": self._slack.trigger_ids.issue(person.id),
        }
        delivery = await self._send("slash_commands", payload)
        response = delivery.response
        if delivery.state == "acked" and response:
            body = response if isinstance(response, dict) else {"text": str(response)}
            post_response(self._slack, team.id, target.id, person.id, body, "command")
        return delivery

    def _visible_message(self, user: str, channel: str, ts: str) -> Message:
        for message in self._state.ephemerals:
            if (message.channel, message.ts, message.ephemeral_to) == (channel, ts, user):
                return message
        return self._actions.message(channel, ts)

    async def click(self, user: str, channel: str, ts: str, action_id: str, value: str | None = None) -> Delivery:
        """Press a button, or select an option, in a message that this person sees."""
        self._require_interactivity()
        target = self._joined_channel(user, channel)
        message = self._visible_message(user, channel, ts)
        team = self._actions.team_of(target)
        action = build_action(message.blocks, action_id, value)
        container: Json = {"type": "message", "message_ts": ts, "channel_id": channel}
        container["is_ephemeral"] = message.ephemeral_to is not None
        if message.thread_ts:
            container["thread_ts"] = message.thread_ts
        payload = {
            "type": "block_actions",
            **self._common_payload(user, team.id),
            "container": container,
            "channel": {"id": target.id, "name": target.name or "directmessage"},
            "message": serializer.message(self._state, message, self._slack.events.base_url, metadata=True),
            "state": {"values": {}},
            "response_url": self._issue_response_url(team.id, channel, user, ts),
            "actions": [{**action, "action_ts": self._state.clock.ts()}],
        }
        return await self._send("interactive", payload)

    def _require_interactivity(self) -> None:
        if not self._slack.app.interactivity:
            raise ImpossibleActionError("this app is not configured to handle interactive responses")

    async def use_shortcut(self, user: str, channel: str, ts: str, callback_id: str) -> Delivery:
        """Use a message shortcut."""
        self._require_interactivity()
        target = self._joined_channel(user, channel)
        known = self._slack.app.shortcuts
        if known is not None and callback_id not in known:
            raise ImpossibleActionError(f"there is no shortcut {callback_id}")
        team, message = self._actions.team_of(target), self._actions.message(channel, ts)
        payload = {
            "type": "message_action",
            **self._common_payload(user, team.id),
            "callback_id": callback_id,
            "action_ts": self._state.clock.ts(),
            "message_ts": ts,
            "channel": {"id": target.id, "name": target.name or "directmessage"},
            "message": serializer.message(self._state, message, self._slack.events.base_url, counts=True),
            "response_url": self._issue_response_url(team.id, channel, user, ts),
        }
        return await self._send("interactive", payload)

    async def submit_view(self, user: str, view_id: str, values: Json) -> Delivery:
        """Fill in a modal (action id → value, or a list of values) and submit it."""
        view = self._open_view(user, view_id)
        shown = serializer.view(view, self._slack.app.app_id, self._state.teams[view.team_id].bot_id)
        payload = {
            "type": "view_submission",
            **self._common_payload(user, view.team_id),
            "view": {**shown, "state": {"values": build_view_state(shown["blocks"], values)}},
            "response_urls": [],
        }
        delivery = await self._send("interactive", payload)
        if delivery.state == "acked":
            _apply_response_action(view, delivery.response)
        return delivery

    def _open_view(self, user: str, view_id: str) -> View:
        view = self._state.views.get(view_id)
        if view is None or view.user != user or not view.open:
            raise ImpossibleActionError(f"{user} has no open view {view_id}")
        return view


def _apply_response_action(view: View, response: Any) -> None:
    action = response.get("response_action") if isinstance(response, dict) else None
    if action not in (None, "errors"):
        raise ApiError("invalid_response_action")
    view.open = action == "errors"
