"""The control API: what a test, in any process, may ask of the fake. One POST a verb, JSON in, JSON out."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import ClientError, web

from tests.fakes.platform.control_api import BaseControlApi
from tests.fakes.platform.errors import ImpossibleActionError
from tests.fakes.slack import manifest
from tests.fakes.slack.errors import Refused
from tests.fakes.slack.interactions import Interactions
from tests.fakes.slack.models import Channel, Delivery, Fault, Json, Message, Team, User
from tests.fakes.slack.people import People
from tests.fakes.slack.slack import FakeSlack


class ControlApi(BaseControlApi):
    """What people do and what interactions do are verbs as they stand."""

    read_only = BaseControlApi.read_only | {
        *("app", "sockets", "deliveries", "messages", "ephemerals", "files", "views", "home", "thread", "prompts")
    }
    reported_errors = (ImpossibleActionError, Refused)

    def __init__(self, slack: FakeSlack) -> None:
        self._slack = slack
        people = People(slack)
        interactions = Interactions(people)
        does = ["post", "share", "edit", "unattach", "delete", "unfurl", "react", "join", "leave"]
        does += ["archive", "delete_channel", "uninstall", "stop", "open_home"]
        super().__init__(
            slack,
            **{name: getattr(people, name) for name in does},
            **{f"ui_{name}": getattr(interactions, name) for name in ("command", "click", "click_view", "shortcut")},
            **{f"ui_{name}": getattr(interactions, name) for name in ("submit", "close")},
        )

    def set_base_url(self, url: str) -> None:
        self._slack.events.base = url

    # --- the world ----------------------------------------------------------------------------------------
    def do_add_team(self, name: str, enterprise_id: str | None = None) -> Team:
        return self._slack.world.add_team(name, enterprise_id=enterprise_id)

    def do_add_user(self, team: str, name: str, more: Json) -> User:
        return self._slack.world.add_user(team, name, **more)

    def do_add_channel(self, team: str, name: str, kind: Any, members: list[str], more: Json) -> Channel:
        return self._slack.world.add_channel(team, name, kind, members, **more)

    def do_direct(self, users: list[str], team: str | None) -> Channel:
        where = self._slack.world.teams[team] if team else self._slack.home
        return self._slack.world.direct(where, *users)

    def do_change_user(self, user: str, changes: Json) -> User:
        world = self._slack.world
        world.users[user] = world.users[user].model_copy(update=changes)
        return world.users[user]

    def do_token_error(self, team: str, error: str | None) -> None:
        self._slack.world.teams[team].token_error = error

    def do_expire_stream(self, channel: str, ts: str) -> None:
        message = self._slack.world.message(channel, ts)
        if message is None or message.stream is None:
            raise ImpossibleActionError(f"{ts} is no stream")
        message.stream.state = "expired"

    def do_usergroup(self, handle: str, name: str, users: list[str]) -> str:
        group = self._slack.world.new_id("S")
        shown = {"id": group, "handle": handle, "name": name, "users": users, "is_usergroup": True}
        self._slack.world.usergroups.append(shown)
        return group

    # --- the app and the rules ----------------------------------------------------------------------------
    def do_app(self) -> Json:
        return {**self._slack.app.model_dump(), "team": self._slack.home.model_dump()}

    def do_configure(self, changes: Json) -> None:
        # In place: everything that enforces it holds on to the same object.
        for name, value in changes.items():
            setattr(self._slack.app, name, value)

    def do_install(self, given: Json) -> None:
        made = manifest.configured(given, self._slack.app)
        self.do_configure(made.model_dump())

    def do_rules(self, changes: Json) -> None:
        for name, value in changes.items():
            setattr(self._slack.rules, name, value)
        self._slack.limits.clear()

    async def do_request_url(self, url: str) -> None:
        """Give the app's address, which Slack first makes prove itself; Socket Mode goes off."""
        challenge = self._slack.world.new_id("challenge")
        body = {"type": "url_verification", "token": "verification-token", "challenge": challenge}
        raw = web.json_response(body).body
        assert isinstance(raw, bytes)
        try:
            status, answer, _ = await self._slack.dispatcher.post(url, raw, {"Content-Type": "application/json"})
        except (ClientError, TimeoutError) as error:
            raise ImpossibleActionError(f"your URL didn't respond: {error!r}") from error
        told = answer.get("challenge") if isinstance(answer, dict) else answer
        if status != 200 or told != challenge:
            raise ImpossibleActionError(f"your URL didn't respond with the value of the challenge parameter: {status} {answer!r}")
        self._slack.app.request_url, self._slack.app.socket_mode = url, False

    def do_advance(self, seconds: float) -> None:
        self._slack.world.clock.advance(seconds)

    # --- faults -------------------------------------------------------------------------------------------
    def do_fault(self, fault: Json) -> None:
        self._slack.faults.script.append(Fault.model_validate(fault))

    def do_release(self) -> None:
        self._slack.faults.release()

    def do_down(self, how: str) -> None:
        self._slack.faults.outage = how
        self._slack.sockets.cut()

    def do_up(self) -> None:
        self._slack.faults.outage = None

    async def do_disconnect(self, reason: str) -> None:
        await self._slack.sockets.disconnect(reason)

    def do_cut_sockets(self) -> None:
        self._slack.sockets.cut()

    def do_refuse_sockets(self, refuse: bool) -> None:
        self._slack.sockets.refuse = refuse

    def do_spoil_addresses(self) -> None:
        self._slack.sockets.spoil()

    async def do_again(self, number: int, times: int, retry_num: int, reason: str) -> Delivery:
        for one in range(times):
            self._slack.dispatcher.again(number, retry_num + one, reason)
        await asyncio.sleep(0)
        return self._slack.dispatcher.deliveries[number]

    def do_clear(self) -> None:
        """Forget faults, limits, the outage and what waits for delivery; the world and the records stay."""
        self._slack.dispatcher.give_up()
        self._slack.faults.clear()
        self._slack.limits.clear()

    # --- what happened ------------------------------------------------------------------------------------
    def do_sockets(self) -> int:
        return len(self._slack.sockets.open)

    def do_calls(self, since: int) -> list[Any]:
        return list(self._slack.calls[since:])

    def do_deliveries(self, since: int) -> list[Delivery]:
        return self._slack.dispatcher.deliveries[since:]

    def do_messages(self, channel: str, thread_ts: str | None) -> list[Message]:
        kept = self._slack.world.messages.get(channel, [])
        for message in kept:
            self._slack.stream_is_open(message)  # one that ran out is told as expired
        return [one for one in kept if thread_ts is None or one.root == thread_ts]

    def do_ephemerals(self, channel: str | None, user: str | None) -> list[Message]:
        return [
            one
            for one in self._slack.world.ephemerals
            if channel in (None, one.channel) and user in (None, one.ephemeral_to)
        ]

    def do_files(self) -> list[Any]:
        return list(self._slack.world.files.values())

    def do_views(self, user: str) -> list[Any]:
        homes = {one.id for one in self._slack.world.homes.values()}
        return [one for one in self._slack.world.views.values() if one.user == user and one.id not in homes]

    def do_home(self, user: str) -> Any:
        return self._slack.world.homes.get(user)

    def do_thread(self, channel: str, thread_ts: str) -> Json:
        world, where = self._slack.world, (channel, thread_ts)
        session = world.sessions.get(where)
        told = {"status": world.statuses.get(where), "title": world.titles.get(where)}
        return {**told, "session": session.model_dump() if session else None}

    def do_prompts(self, channel: str) -> list[Json]:
        return self._slack.world.prompts.get(channel, [])
