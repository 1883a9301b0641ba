"""What people do that the app answers at once: commands, buttons, shortcuts, modals."""

from __future__ import annotations

from typing import Any

from tests.fakes.platform.errors import ImpossibleActionError
from tests.fakes.slack import render, response_url
from tests.fakes.slack.blocks import check_view
from tests.fakes.slack.errors import Refused
from tests.fakes.slack.forms import action_of, state_of
from tests.fakes.slack.models import Channel, Delivery, Json, Message, View
from tests.fakes.slack.people import People


class Interactions:
    """Each waits for the app's answer, three seconds at most, and does what the answer says."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._slack = people.slack
        self._world = people.world

    async def _send(self, kind: Any, payload: Json) -> Delivery:
        delivery = self._slack.dispatcher.send(kind, payload)
        await self._slack.dispatcher.settled(delivery)
        return delivery

    def _common(self, user: str, team_id: str) -> Json:
        who, team = self._people.user(user), self._world.teams[team_id]
        named = {"id": who.id, "username": who.name, "name": who.name, "team_id": who.team_id}
        return {
            "user": named,
            "api_app_id": self._slack.app.app_id,
            "token": "verification-token",
            "team": {"id": team.id, "domain": team.domain},
            "enterprise": {"id": team.enterprise_id, "name": ""} if team.enterprise_id else None,
            "is_enterprise_install": False,
            "trigger_id": self._slack.triggers.give(user),
        }

    def _url(self, team: str, channel: str, user: str, ts: str | None = None) -> str:
        return f"{self._slack.events.base}/{self._slack.response_urls.give(team, channel, user, ts)}"

    def _seen(self, user: str, channel: Channel) -> None:
        if user not in channel.members:
            raise ImpossibleActionError(f"{user} is not in {channel.name or channel.id} and sees nothing there")

    async def command(self, user: str, channel: str, command: str, text: str) -> Delivery:
        """Run a slash command. It cannot be run in a thread, and says nothing of one."""
        where, who = self._people.channel(channel), self._people.user(user)
        self._seen(user, where)
        known = self._slack.app.commands
        if known is not None and command not in known:
            raise ImpossibleActionError(f"{command} is not a valid command")
        team = self._people.team_of(where)
        name = {"im": "directmessage", "group": "privategroup"}.get(where.kind, where.name)
        payload = {
            "token": "verification-token",
            "team_id": team.id,
            "team_domain": team.domain,
            "channel_id": where.id,
            "channel_name": name,
            "user_id": who.id,
            "user_name": who.name,
            "command": command,
            "text": text,
            "api_app_id": self._slack.app.app_id,
            "is_enterprise_install": "false",
            "response_url": self._url(team.id, where.id, who.id),
            "trigger_id": self._slack.triggers.give(who.id),
        }
        delivery = await self._send("slash_commands", payload)
        answer = delivery.response
        if delivery.state == "acked" and answer:
            body = answer if isinstance(answer, dict) else {"text": str(answer)}
            response_url.said(self._slack, team.id, where.id, who.id, body, "command")
        return delivery

    def _shown(self, user: str, channel: str, ts: str) -> Message:
        hidden = [
            one for one in self._world.ephemerals if (one.channel, one.ts, one.ephemeral_to) == (channel, ts, user)
        ]
        return hidden[0] if hidden else self._people.message(channel, ts)

    async def click(self, user: str, channel: str, ts: str, action_id: str, value: str | None = None) -> Delivery:
        """Press a button, or choose an option, in a message that this person sees."""
        self._slack_takes_clicks()
        where = self._people.channel(channel)
        self._seen(user, where)
        message = self._shown(user, channel, ts)
        team = self._people.team_of(where)
        action = action_of(message.blocks, action_id, value)
        container: Json = {"type": "message", "message_ts": ts, "channel_id": channel}
        container["is_ephemeral"] = message.ephemeral_to is not None
        if message.thread_ts:
            container["thread_ts"] = message.thread_ts
        payload = {
            "type": "block_actions",
            **self._common(user, team.id),
            "container": container,
            "channel": {"id": where.id, "name": where.name or "directmessage"},
            "message": render.message(self._world, message, self._slack.events.base, metadata=True),
            "state": {"values": {}},
            "response_url": self._url(team.id, channel, user, ts),
            "actions": [{**action, "action_ts": self._world.clock.ts()}],
        }
        return await self._send("interactive", payload)

    async def click_view(self, user: str, view_id: str, action_id: str, value: str | None = None) -> Delivery:
        """The same in a modal or the home tab."""
        self._slack_takes_clicks()
        view = self._view(user, view_id)
        payload = {
            "type": "block_actions",
            **self._common(user, view.team_id),
            "container": {"type": "view", "view_id": view.id},
            "view": self._rendered(view),
            "actions": [{**action_of(view.view["blocks"], action_id, value), "action_ts": self._world.clock.ts()}],
        }
        return await self._send("interactive", payload)

    def _slack_takes_clicks(self) -> None:
        if not self._slack.app.interactivity:
            raise ImpossibleActionError("interactivity is off: this app is not configured to handle interactive responses")

    async def shortcut(self, user: str, channel: str, ts: str, callback_id: str) -> Delivery:
        """Use a message shortcut."""
        self._slack_takes_clicks()
        where = self._people.channel(channel)
        self._seen(user, where)
        known = self._slack.app.shortcuts
        if known is not None and callback_id not in known:
            raise ImpossibleActionError(f"there is no shortcut {callback_id}")
        team, message = self._people.team_of(where), self._people.message(channel, ts)
        payload = {
            "type": "message_action",
            **self._common(user, team.id),
            "callback_id": callback_id,
            "action_ts": self._world.clock.ts(),
            "message_ts": ts,
            "channel": {"id": where.id, "name": where.name or "directmessage"},
            "message": render.message(self._world, message, self._slack.events.base, counts=True),
            "response_url": self._url(team.id, channel, user, ts),
        }
        return await self._send("interactive", payload)

    def _view(self, user: str, view_id: str) -> View:
        view = self._world.views.get(view_id)
        if view is None or view.user != user or not view.open:
            raise ImpossibleActionError(f"{user} sees no view {view_id}")
        return view

    def _rendered(self, view: View, state: Json | None = None) -> Json:
        bot_id = self._world.teams[view.team_id].bot_id
        shown = render.view(view, self._slack.app.app_id, bot_id)
        return {**shown, "state": {"values": state}} if state is not None else shown

    async def submit(self, user: str, view_id: str, values: Json) -> Delivery:
        """Fill in a modal (action id → value, or a list of them) and press its button."""
        view = self._view(user, view_id)
        shown = self._rendered(view)
        state = state_of(shown["blocks"], values)
        payload = {
            "type": "view_submission",
            **self._common(user, view.team_id),
            "view": {**shown, "state": {"values": state}},
            "response_urls": [],
        }
        delivery = await self._send("interactive", payload)
        if delivery.state == "acked":
            self._answered(view, delivery.response)
        return delivery

    def _answered(self, view: View, answer: Any) -> None:
        action = answer.get("response_action") if isinstance(answer, dict) else None
        if action == "errors":
            return
        if action in ("update", "push"):
            new = check_view(answer.get("view"))
            if action == "update":
                view.view = new
            else:
                more = {"root_id": view.root_id, "previous_id": view.id}
                self._world.add_view(view.team_id, view.user, new, **more)
        elif action == "clear":
            for one in self._world.views.values():
                one.open = one.open and one.root_id != view.root_id
        elif action is None:
            view.open = False
        else:
            raise Refused("invalid_response_action")

    async def close(self, user: str, view_id: str) -> Delivery | None:
        """Close a modal; the app hears of it only if it asked to."""
        view = self._view(user, view_id)
        view.open = False
        if not view.view.get("notify_on_close"):
            return None
        common = self._common(user, view.team_id)
        payload = {"type": "view_closed", **common, "view": self._rendered(view), "is_cleared": False}
        return await self._send("interactive", payload)
