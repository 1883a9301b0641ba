"""Server side of the control API of the fake Slack."""

from __future__ import annotations

import asyncio

from aiohttp import ClientError, web

from tests.fakes.platform.control_api import BaseControlApi
from tests.fakes.platform.errors import ImpossibleActionError
from tests.fakes.slack import manifest
from tests.fakes.slack.errors import ApiError
from tests.fakes.slack.models import Call, Channel, ChannelKind, Delivery, Fault, File, Json, Message, Team, User, View
from tests.fakes.slack.slack import FakeSlack
from tests.fakes.slack.user_actions import UserActions
from tests.fakes.slack.user_interactions import UserInteractions

USER_ACTIONS = (
    *("post", "share_message", "edit", "remove_file", "delete", "unfurl", "react", "join", "leave", "archive"),
    *("delete_channel", "uninstall", "press_stop", "open_home"),
)
INTERACTIONS = ("run_command", "click", "use_shortcut", "submit_view")


class ControlApi(BaseControlApi):
    """Serves the methods of UserActions and UserInteractions, and the verbs below."""

    read_only = BaseControlApi.read_only | {
        *("app", "sockets", "deliveries", "messages", "ephemerals", "files", "views", "home", "thread", "prompts")
    }
    reported_errors = (ImpossibleActionError, ApiError)

    def __init__(self, slack: FakeSlack) -> None:
        self._slack = slack
        self._state = slack.state
        actions = UserActions(slack)
        interactions = UserInteractions(actions)
        super().__init__(
            slack,
            **{name: getattr(actions, name) for name in USER_ACTIONS},
            **{name: getattr(interactions, name) for name in INTERACTIONS},
        )

    def set_base_url(self, url: str) -> None:
        self._slack.events.base_url = url

    # --- workspaces, users and channels -------------------------------------------------------------------
    def do_add_team(self, name: str) -> Team:
        return self._state.add_team(name)

    def do_add_user(self, team: str, name: str, more: Json) -> User:
        return self._state.add_user(team, name, **more)

    def do_add_channel(self, team: str, name: str, kind: ChannelKind, members: list[str], more: Json) -> Channel:
        return self._state.add_channel(team, name, kind, members, **more)

    def do_open_conversation(self, users: list[str]) -> Channel:
        return self._state.open_direct_channel(self._slack.home, *users)

    def do_leave_all(self) -> None:
        for channel in self._state.channels.values():
            if self._slack.home.bot_user_id in channel.members:
                channel.members.remove(self._slack.home.bot_user_id)

    def do_change_user(self, user: str, changes: Json) -> User:
        self._state.users[user] = self._state.users[user].model_copy(update=changes)
        return self._state.users[user]

    def do_set_token_error(self, team: str, error: str | None) -> None:
        self._state.teams[team].token_error = error

    # --- the app and the rules ----------------------------------------------------------------------------
    def do_app(self) -> Json:
        return {**self._slack.app.model_dump(), "team": self._slack.home.model_dump()}

    def do_configure_app(self, changes: Json) -> None:
        # In place, because other objects hold a reference to the AppConfig.
        for name, value in changes.items():
            setattr(self._slack.app, name, value)

    def do_install_manifest(self, content: Json) -> None:
        self.do_configure_app(manifest.read_manifest(content, self._slack.app).model_dump())

    def do_set_rules(self, changes: Json) -> None:
        for name, value in changes.items():
            setattr(self._slack.rules, name, value)

    async def do_set_request_url(self, url: str) -> None:
        """Switch from Socket Mode to HTTP, after the address has answered Slack's challenge."""
        challenge = self._state.new_id("challenge")
        body = {"type": "url_verification", "token": "verification-token", "challenge": challenge}
        raw = web.json_response(body).body
        assert isinstance(raw, bytes)
        try:
            headers = {"Content-Type": "application/json"}
            status, response, _ = await self._slack.dispatcher.post_signed(url, raw, headers)
        except (ClientError, TimeoutError) as error:
            raise ImpossibleActionError(f"your URL didn't respond: {error!r}") from error
        received = response.get("challenge") if isinstance(response, dict) else response
        if status != 200 or received != challenge:
            reason = f"your URL didn't respond with the value of the challenge parameter: {status} {response!r}"
            raise ImpossibleActionError(reason)
        self._slack.app.request_url, self._slack.app.socket_mode = url, False

    def do_advance(self, seconds: float) -> None:
        self._state.clock.advance(seconds)

    # --- faults -------------------------------------------------------------------------------------------
    def do_add_fault(self, fault: Json) -> None:
        self._slack.faults.script.append(Fault.model_validate(fault))

    async def do_release(self) -> None:
        await self._slack.faults.release()

    def do_down(self, how: str) -> None:
        self._slack.faults.outage = how
        self._slack.connections.cut()

    def do_up(self) -> None:
        self._slack.faults.outage = None

    async def do_disconnect_sockets(self, reason: str) -> None:
        await self._slack.connections.disconnect(reason)

    def do_cut_sockets(self) -> None:
        self._slack.connections.cut()

    def do_refuse_sockets(self, refuse: bool) -> None:
        self._slack.connections.refuse = refuse

    def do_expire_socket_urls(self) -> None:
        self._slack.connections.expire_urls()

    async def do_redeliver(self, number: int, times: int) -> None:
        for retry_num in range(1, times + 1):
            self._slack.dispatcher.redeliver(number, retry_num, "http_timeout")
        await asyncio.sleep(0)

    def do_clear(self) -> None:
        """Drop faults, the outage and unfinished deliveries; the state and the records stay."""
        self._slack.dispatcher.cancel_all()
        self._slack.faults.clear()

    # --- records ------------------------------------------------------------------------------------------
    def do_sockets(self) -> int:
        return len(self._slack.connections.open)

    def do_calls(self, method: str | None, since: int) -> list[Call]:
        return [call for call in self._slack.calls[since:] if method in (None, call.method)]

    def do_deliveries(self, kind: str | None, ts: str | None) -> list[Delivery]:
        return [
            delivery
            for delivery in self._slack.dispatcher.deliveries
            if kind in (None, delivery.kind, delivery.event_type)
            and (ts is None or delivery.payload.get("event", {}).get("ts") == ts)
        ]

    def do_messages(self, channel: str, thread_ts: str | None) -> list[Message]:
        messages = self._state.messages.get(channel, [])
        for message in messages:
            self._slack.stream_is_open(message)  # sets the state of an expired stream
        return [message for message in messages if thread_ts is None or message.root == thread_ts]

    def do_ephemerals(self, channel: str | None, user: str | None) -> list[Message]:
        return [
            message
            for message in self._state.ephemerals
            if channel in (None, message.channel) and user in (None, message.ephemeral_to)
        ]

    def do_files(self) -> list[File]:
        return list(self._state.files.values())

    def do_views(self, user: str) -> list[View]:
        return [view for view in self._state.views.values() if view.user == user and view.view["type"] == "modal"]

    def do_home(self, user: str) -> View | None:
        return self._state.home_views.get(user)

    def do_thread(self, channel: str, thread_ts: str) -> Json:
        session = self._state.sessions.get((channel, thread_ts))
        status = self._state.statuses.get((channel, thread_ts))
        return {"status": status, "session": session.model_dump() if session else None}

    def do_prompts(self, channel: str) -> list[Json]:
        return self._state.prompts.get(channel, [])
