"""Driving the fake from a test, in whatever process either of them runs."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Literal

from tests.fakes.platform.control import TIMEOUT, Control
from tests.fakes.platform.control import settle as settle
from tests.fakes.slack.models import (
    AppConfig,
    Call,
    Channel,
    ChannelKind,
    Delivery,
    Fault,
    FaultKind,
    File,
    Json,
    Message,
    Session,
    Team,
    User,
    View,
)


def make_file(name: str, content: bytes, mimetype: str = "text/plain") -> Json:
    """A file for `post(files=[…])`."""
    return {"name": name, "content": base64.b64encode(content).decode(), "mimetype": mimetype}


class SlackControl(Control):
    """Makes people do things in the fake, makes things go wrong, and asks what happened.

    `url` is the server's; `api_url` is what `SLACK_API_URL` must be. `connect()` first: it learns the home workspace.

    Raises:
        Impossible: from any verb, when nobody could do that in Slack.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.api_url = f"{url}/api/"
        self.team: Team
        self.app: AppConfig

    async def connect(self) -> SlackControl:
        """Learn the app and its home workspace."""
        told = await self._call("app")
        self.team = Team.model_validate(told.pop("team"))
        self.app = AppConfig.model_validate(told)
        return self

    @property
    def bot(self) -> str:
        """The bot's user id in the home workspace."""
        return self.team.bot_user_id

    def env(self, *, http: bool = False) -> dict[str, str]:
        """The settings by which a bot talks to this Slack: by Socket Mode, or over HTTP."""
        common = {"SLACK_API_URL": self.api_url, "SLACK_BOT_TOKEN": self.team.bot_token}
        if http:
            return {**common, "SLACK_SIGNING_SECRET": self.app.signing_secret}
        return {**common, "SLACK_APP_TOKEN": self.app.app_token}

    # --- the world ----------------------------------------------------------------------------------------
    async def add_team(self, name: str, enterprise_id: str | None = None) -> Team:
        """Another workspace with the app installed."""
        return Team.model_validate(await self._call("add_team", name=name, enterprise_id=enterprise_id))

    async def add_user(self, name: str, *, team: str | None = None, **more: Any) -> User:
        """A person (`display_name`, `is_admin`, `is_owner`, `is_bot`, `is_restricted`, `deleted`); `team` may be
        one without the app."""
        return User.model_validate(await self._call("add_user", team=team or self.team.id, name=name, more=more))

    async def change_user(self, user: str, **changes: Any) -> User:
        """Change a person, for instance their `display_name`."""
        return User.model_validate(await self._call("change_user", user=user, changes=changes))

    async def add_channel(
        self,
        name: str,
        members: list[str],
        *,
        kind: ChannelKind = "channel",
        bot: bool = True,
        team: str | None = None,
        **more: Any,
    ) -> Channel:
        """A conversation (`shared_team_ids`, `creator`), with the home bot in it unless told otherwise."""
        inside = [*members, self.bot] if bot else members
        given = {"team": team or self.team.id, "name": name, "kind": kind, "members": inside, "more": more}
        return Channel.model_validate(await self._call("add_channel", **given))

    async def open_conversation(self, *users: str, team: str | None = None) -> Channel:
        """The direct conversation of the bot with one person, or the group's with several."""
        return Channel.model_validate(await self._call("direct", users=list(users), team=team))

    async def add_usergroup(self, handle: str, name: str, users: list[str]) -> str:
        """A group of people; its id."""
        return str(await self._call("usergroup", handle=handle, name=name, users=users))

    # --- what people do -----------------------------------------------------------------------------------
    async def post(self, user: str, channel: str, text: str, **more: Any) -> Message:
        """Write. `thread_ts`, `files=[attached(…)]`, `attachments`, `blocks`, `broadcast`, `subtype`; `silent`: the
        events are lost; `age`: it was written that many seconds ago, silently."""
        return Message.model_validate(await self._call("post", user=user, channel=channel, text=text, **more))

    async def mention(self, user: str, channel: str, text: str, **more: Any) -> Message:
        """Write to the home bot by name."""
        return await self.post(user, channel, f"<@{self.bot}> {text}", **more)

    async def share_message(
        self, user: str, channel: str, source_channel: str, source_ts: str, text: str = "", **more: Any
    ) -> Message:
        """Forward a message."""
        source = {"source_channel": source_channel, "source_ts": source_ts}
        return Message.model_validate(await self._call("share", user=user, channel=channel, text=text, **source, **more))

    async def edit(self, user: str, channel: str, ts: str, text: str, *, silent: bool = False) -> Message:
        """Change one's own message."""
        given = {"user": user, "channel": channel, "ts": ts, "text": text, "silent": silent}
        return Message.model_validate(await self._call("edit", **given))

    async def remove_file(self, user: str, channel: str, ts: str, name: str) -> Message:
        """Take a file off one's own message."""
        return Message.model_validate(await self._call("unattach", user=user, channel=channel, ts=ts, name=name))

    async def delete(self, user: str, channel: str, ts: str, *, silent: bool = False) -> None:
        """Delete one's own message (an admin: anybody's)."""
        await self._call("delete", user=user, channel=channel, ts=ts, silent=silent)

    async def unfurl(self, channel: str, ts: str, title: str, url: str) -> None:
        """Let Slack add a link's title: `message_changed` without an edit."""
        await self._call("unfurl", channel=channel, ts=ts, title=title, url=url)

    async def react(self, user: str, channel: str, ts: str, name: str, *, remove: bool = False) -> None:
        """Put an emoji on a message."""
        await self._call("react", user=user, channel=channel, ts=ts, name=name, remove=remove)

    async def join(self, user: str, channel: str) -> None:
        """Come into a channel; with `control.bot`, invite the bot."""
        await self._call("join", user=user, channel=channel)

    async def leave(self, user: str, channel: str) -> None:
        """Leave a channel; with `control.bot`, remove the bot."""
        await self._call("leave", user=user, channel=channel)

    async def archive(self, channel: str, *, archived: bool = True) -> None:
        """Archive a channel, or bring it back."""
        await self._call("archive", channel=channel, archived=archived)

    async def delete_channel(self, channel: str) -> None:
        """Delete a channel for good."""
        await self._call("delete_channel", channel=channel)

    async def run_command(self, user: str, channel: str, command: str, text: str = "") -> Delivery:
        """Run a slash command and wait for the app's acknowledgement."""
        return await self._interact("command", user=user, channel=channel, command=command, text=text)

    async def click(self, user: str, channel: str, ts: str, action_id: str, value: str | None = None) -> Delivery:
        """Press what is called `action_id` in a message this person sees; `value` picks among options."""
        return await self._interact("click", user=user, channel=channel, ts=ts, action_id=action_id, value=value)

    async def click_view(self, user: str, view_id: str, action_id: str, value: str | None = None) -> Delivery:
        """The same in a modal or the home tab."""
        return await self._interact("click_view", user=user, view_id=view_id, action_id=action_id, value=value)

    async def use_shortcut(self, user: str, channel: str, ts: str, callback_id: str) -> Delivery:
        """Use a message shortcut."""
        return await self._interact("shortcut", user=user, channel=channel, ts=ts, callback_id=callback_id)

    async def submit_view(self, user: str, view_id: str, **values: Any) -> Delivery:
        """Fill in a modal (action id = value) and send it; what is not named keeps its initial value."""
        return await self._interact("submit", user=user, view_id=view_id, values=values)

    async def close_view(self, user: str, view_id: str) -> None:
        """Close a modal without sending it."""
        await self._call("ui_close", user=user, view_id=view_id)

    async def open_home(self, user: str, tab: Literal["home", "messages"] = "home") -> str:
        """Open the app's home or messages tab; the direct conversation's id."""
        return str(await self._call("open_home", user=user, tab=tab))

    async def press_stop(self, user: str, channel: str, thread_ts: str) -> list[str]:
        """Press Slack's own stop button; the streams it ended."""
        return list(await self._call("stop", user=user, channel=channel, thread_ts=thread_ts))

    # --- the app and the rules ----------------------------------------------------------------------------
    async def configure_app(self, **changes: Any) -> None:
        """Change the app: `scopes`, `events`, `commands`, `shortcuts`, `agent`, `native_streaming`, `socket_mode`, …"""
        await self._call("configure", changes=changes)
        await self.connect()

    async def install_manifest(self, manifest: Json) -> None:
        """Make the app what a manifest says, and no more; refused as Slack would refuse the manifest."""
        await self._call("install", given=manifest)
        await self.connect()

    async def set_request_url(self, url: str) -> None:
        """Switch to HTTP events at this address, once it has met Slack's challenge."""
        await self._call("request_url", url=url)
        await self.connect()

    async def set_rules(self, **changes: Any) -> None:
        """Change Slack's patience and limits: fields of `Rules` (`ack_seconds`, `retry_delays`, `per_minute`, …)."""
        await self._call("rules", changes=changes)

    async def uninstall(self, error: str = "account_inactive") -> None:
        """Remove the app from the home workspace."""
        await self._call("uninstall", team=self.team.id, error=error)

    async def set_token_error(self, error: str | None) -> None:
        """Let the bot token get this error (`token_revoked`, …) for everything; None: it is good again."""
        await self._call("token_error", team=self.team.id, error=error)

    async def expire_stream(self, channel: str, ts: str) -> None:
        """Let Slack end a stream by itself."""
        await self._call("expire_stream", channel=channel, ts=ts)

    # --- faults -------------------------------------------------------------------------------------------
    async def add_fault(self, method: str, kind: FaultKind, **more: Any) -> None:
        """Script a fault (`times`, `skip`, `contains`, `error`, `status`, `retry_after`, `delay`); they add up."""
        await self._call("fault", fault=Fault(method=method, kind=kind, **more).model_dump())

    async def disconnect_sockets(self, reason: str = "refresh_requested") -> None:
        """Send the app's connections away with a word, as Slack does every few hours."""
        await self._call("disconnect", reason=reason)

    async def redeliver(self, number: int, times: int = 1, retry_num: int = 1, reason: str = "http_timeout") -> None:
        """Deliver something once more, also when it was taken."""
        await self._call("again", number=number, times=times, retry_num=retry_num, reason=reason)

    # --- what happened ------------------------------------------------------------------------------------
    async def count_sockets(self) -> int:
        """How many connections the app has."""
        return int(await self._call("sockets"))

    async def calls(self, method: str | None = None, *, since: int = 0) -> list[Call]:
        """Every request to the Web API, or those of one method; `response_url` for those of response URLs."""
        found = [Call.model_validate(one) for one in await self._call("calls", since=since)]
        return [one for one in found if method in (None, one.method)]

    async def deliveries(self, kind: str | None = None, *, since: int = 0) -> list[Delivery]:
        """What was sent to the app: all of it, or of one event type (`app_mention`) or kind (`interactive`)."""
        found = [Delivery.model_validate(one) for one in await self._call("deliveries", since=since)]
        return [one for one in found if kind in (None, one.kind, one.event_type)]

    async def messages(self, channel: str, thread_ts: str | None = None) -> list[Message]:
        """What stands in a channel or a thread, parents included, oldest first."""
        found = await self._call("messages", channel=channel, thread_ts=thread_ts)
        return [Message.model_validate(one) for one in found]

    async def replies(self, channel: str, thread_ts: str | None = None) -> list[Message]:
        """What the home bot wrote there."""
        return [one for one in await self.messages(channel, thread_ts) if one.user == self.bot]

    async def ephemerals(self, channel: str | None = None, user: str | None = None) -> list[Message]:
        """What was shown to somebody alone."""
        return [Message.model_validate(one) for one in await self._call("ephemerals", channel=channel, user=user)]

    async def files(self) -> list[File]:
        """Every file."""
        return [File.model_validate(one) for one in await self._call("files")]

    async def views(self, user: str) -> list[View]:
        """The modals this person was shown, the open ones and the closed."""
        return [View.model_validate(one) for one in await self._call("views", user=user)]

    async def home_view(self, user: str) -> View | None:
        """What this person's home tab shows."""
        found = await self._call("home", user=user)
        return View.model_validate(found) if found else None

    async def session(self, channel: str, thread_ts: str) -> Session | None:
        """The agent session of a thread."""
        found = (await self._call("thread", channel=channel, thread_ts=thread_ts))["session"]
        return Session.model_validate(found) if found else None

    async def status(self, channel: str, thread_ts: str) -> str | None:
        """The status shown in a thread (`assistant.threads.setStatus`)."""
        found: str | None = (await self._call("thread", channel=channel, thread_ts=thread_ts))["status"]
        return found

    async def suggested_prompts(self, channel: str) -> list[Json]:
        """The suggested prompts of a direct conversation."""
        return list(await self._call("prompts", channel=channel))

    async def wait_reply(
        self,
        channel: str,
        thread_ts: str | None = None,
        holds: Callable[[Message], Any] = lambda message: message.text,
        patience: float = TIMEOUT,
    ) -> Message:
        """Wait until the bot wrote a message there for which `holds` holds; the first of them."""
        seen = await self.wait_until(
            lambda: self.replies(channel, thread_ts), lambda found: any(map(holds, found)), patience
        )
        return next(one for one in seen if holds(one))

    async def wait_call(self, method: str, number: int = 0, *, since: int = 0, patience: float = TIMEOUT) -> Call:
        """Wait for the call of a method, counted from 0 since that record."""
        seen = await self.wait_until(lambda: self.calls(method, since=since), lambda found: len(found) > number, patience)
        return seen[number]

    async def wait_until_acked(self, message: Message, patience: float = TIMEOUT) -> list[Delivery]:
        """Wait until the app has taken every event about a message."""

        async def about() -> list[Delivery]:
            found = await self.deliveries("events_api")
            return [one for one in found if one.payload["event"].get("ts") == message.ts]

        return await self.wait_until(about, lambda found: found and all(one.state == "acked" for one in found), patience)

    async def expire_socket_urls(self) -> None:
        """Take no address for a socket that was given out before."""
        await self._call("spoil_addresses")

    async def wait_connected(self, number: int = 1, patience: float = TIMEOUT) -> None:
        """Wait until the app has that many connections."""
        await self.wait_until(self.count_sockets, lambda open_: open_ >= number, patience)

    async def _interact(self, verb: str, **given: Any) -> Delivery:
        return Delivery.model_validate(await self._call(f"ui_{verb}", **given))
