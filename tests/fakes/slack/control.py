"""Client for the fake Slack's control API, usable from any process."""

from __future__ import annotations

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


class SlackControl(Control):
    """Performs actions of people, adds faults, and reads what happened. Call `connect` first.

    Raises:
        ImpossibleActionError: from every verb, for an action that Slack's client does not offer.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.api_url = f"{url}/api/"
        self.team: Team
        self.app: AppConfig

    async def connect(self) -> SlackControl:
        """Read the app and its home workspace."""
        fields = await self._call("app")
        self.team = Team.model_validate(fields.pop("team"))
        self.app = AppConfig.model_validate(fields)
        return self

    @property
    def bot(self) -> str:
        """The bot's user id in the home workspace."""
        return self.team.bot_user_id

    def env(self, *, http: bool = False) -> dict[str, str]:
        """Return the bot's settings for this Slack: for Socket Mode, or for HTTP."""
        common = {"SLACK_API_URL": self.api_url, "SLACK_BOT_TOKEN": self.team.bot_token}
        if http:
            return {**common, "SLACK_SIGNING_SECRET": self.app.signing_secret}
        return {**common, "SLACK_APP_TOKEN": self.app.app_token}

    # --- workspaces, users and channels -------------------------------------------------------------------
    async def add_team(self, name: str) -> Team:
        """Add a workspace with the app installed."""
        return Team.model_validate(await self._call("add_team", name=name))

    async def add_user(self, name: str, *, team: str | None = None, **more: Any) -> User:
        """Add a person; `more` are fields of `User`. `team` may be a workspace without the app."""
        return User.model_validate(await self._call("add_user", team=team or self.team.id, name=name, more=more))

    async def change_user(self, user: str, **changes: Any) -> User:
        """Change fields of a person."""
        return User.model_validate(await self._call("change_user", user=user, changes=changes))

    async def add_channel(
        self, name: str, members: list[str], *, kind: ChannelKind = "channel", bot: bool = True, **more: Any
    ) -> Channel:
        """Add a conversation, with the bot unless `bot` is False; `more`: `shared_team_ids`, `creator`."""
        everyone = [*members, self.bot] if bot else members
        fields = {"team": self.team.id, "name": name, "kind": kind, "members": everyone, "more": more}
        return Channel.model_validate(await self._call("add_channel", **fields))

    async def open_conversation(self, *users: str) -> Channel:
        """Return the direct conversation of the bot with one person, or the group conversation with several."""
        return Channel.model_validate(await self._call("open_conversation", users=list(users)))

    async def leave_all(self) -> None:
        """Remove the bot from all conversations without events. Its next backfill does not read them."""
        await self._call("leave_all")

    # --- actions of people --------------------------------------------------------------------------------
    async def post(self, user: str, channel: str, text: str, **more: Any) -> Message:
        """Post a message; `more`: `thread_ts`, `files=[make_file(…)]`, `attachments`, `silent` (without events)."""
        return Message.model_validate(await self._call("post", user=user, channel=channel, text=text, **more))

    async def mention(self, user: str, channel: str, text: str, **more: Any) -> Message:
        """Post a message that mentions the bot."""
        return await self.post(user, channel, f"<@{self.bot}> {text}", **more)

    async def share_message(
        self, user: str, channel: str, source_channel: str, source_ts: str, text: str = "", **more: Any
    ) -> Message:
        """Forward a message."""
        fields = {"user": user, "channel": channel, "text": text, **more}
        fields |= {"source_channel": source_channel, "source_ts": source_ts}
        return Message.model_validate(await self._call("share_message", **fields))

    async def edit(self, user: str, channel: str, ts: str, text: str, *, silent: bool = False) -> Message:
        """Edit the person's own message."""
        fields = {"user": user, "channel": channel, "ts": ts, "text": text, "silent": silent}
        return Message.model_validate(await self._call("edit", **fields))

    async def remove_file(self, user: str, channel: str, ts: str, name: str) -> Message:
        """Remove a file from the person's own message."""
        return Message.model_validate(await self._call("remove_file", user=user, channel=channel, ts=ts, name=name))

    async def delete(self, user: str, channel: str, ts: str, *, silent: bool = False) -> None:
        """Delete the person's own message; an admin may delete every message."""
        await self._call("delete", user=user, channel=channel, ts=ts, silent=silent)

    async def unfurl(self, channel: str, ts: str, title: str, url: str) -> None:
        """Add a link preview, as Slack does: `message_changed` without an edit."""
        await self._call("unfurl", channel=channel, ts=ts, title=title, url=url)

    async def react(self, user: str, channel: str, ts: str, name: str, *, remove: bool = False) -> None:
        """Add an emoji to a message, or remove it."""
        await self._call("react", user=user, channel=channel, ts=ts, name=name, remove=remove)

    async def join(self, user: str, channel: str) -> None:
        """Add a person to a channel, or the bot (`control.bot`)."""
        await self._call("join", user=user, channel=channel)

    async def leave(self, user: str, channel: str) -> None:
        """Remove a person from a channel, or the bot (`control.bot`)."""
        await self._call("leave", user=user, channel=channel)

    async def archive(self, channel: str, *, archived: bool = True) -> None:
        """Archive or unarchive a channel."""
        await self._call("archive", channel=channel, archived=archived)

    async def delete_channel(self, channel: str) -> None:
        """Delete a channel."""
        await self._call("delete_channel", channel=channel)

    async def run_command(self, user: str, channel: str, command: str, text: str = "") -> Delivery:
        """Run a slash command and wait for the app's acknowledgement."""
        return await self._interact("run_command", user=user, channel=channel, command=command, text=text)

    async def click(self, user: str, channel: str, ts: str, action_id: str, value: str | None = None) -> Delivery:
        """Press an element of a message that this person sees; `value` selects an option."""
        return await self._interact("click", user=user, channel=channel, ts=ts, action_id=action_id, value=value)

    async def use_shortcut(self, user: str, channel: str, ts: str, callback_id: str) -> Delivery:
        """Use a message shortcut."""
        return await self._interact("use_shortcut", user=user, channel=channel, ts=ts, callback_id=callback_id)

    async def submit_view(self, user: str, view_id: str, **values: Any) -> Delivery:
        """Fill in a modal (action id = value) and submit it; other fields keep their initial value."""
        return await self._interact("submit_view", user=user, view_id=view_id, values=values)

    async def open_home(self, user: str, tab: Literal["home", "messages"] = "home") -> str:
        """Open the app's home or messages tab; return the id of the direct conversation."""
        return str(await self._call("open_home", user=user, tab=tab))

    async def press_stop(self, user: str, channel: str, thread_ts: str) -> list[str]:
        """Press Slack's stop button; return the ts of the streams that it ended."""
        return list(await self._call("press_stop", user=user, channel=channel, thread_ts=thread_ts))

    # --- the app and the rules ----------------------------------------------------------------------------
    async def configure_app(self, **changes: Any) -> None:
        """Change the app: fields of `AppConfig`."""
        await self._call("configure_app", changes=changes)
        await self.connect()

    async def install_manifest(self, manifest: Json) -> None:
        """Configure the app from a manifest."""
        await self._call("install_manifest", content=manifest)
        await self.connect()

    async def set_request_url(self, url: str) -> None:
        """Switch to events over HTTP to this address, after it has answered Slack's challenge."""
        await self._call("set_request_url", url=url)
        await self.connect()

    async def set_rules(self, **changes: Any) -> None:
        """Change Slack's time-outs and limits: fields of `Rules`."""
        await self._call("set_rules", changes=changes)

    async def uninstall(self) -> None:
        """Remove the app from the home workspace."""
        await self._call("uninstall", team=self.team.id)

    async def set_token_error(self, error: str | None) -> None:
        """Answer every call with the bot token with this error (`token_revoked`, …); None: no error."""
        await self._call("set_token_error", team=self.team.id, error=error)

    # --- faults -------------------------------------------------------------------------------------------
    async def add_fault(self, method: str, kind: FaultKind, **more: Any) -> None:
        """Add a fault; `more` are fields of `Fault`."""
        await self._call("add_fault", fault=Fault(method=method, kind=kind, **more).model_dump())

    async def disconnect_sockets(self, reason: str = "refresh_requested") -> None:
        """Close the app's connections with a `disconnect` frame, as Slack does every few hours."""
        await self._call("disconnect_sockets", reason=reason)

    async def expire_socket_urls(self) -> None:
        """Invalidate the issued WebSocket URLs."""
        await self._call("expire_socket_urls")

    async def redeliver(self, number: int, times: int = 1) -> None:
        """Deliver something again, even if it was acknowledged."""
        await self._call("redeliver", number=number, times=times)

    # --- records ------------------------------------------------------------------------------------------
    async def count_sockets(self) -> int:
        """Return the number of the app's connections."""
        return int(await self._call("sockets"))

    async def calls(self, method: str | None = None, *, since: int = 0) -> list[Call]:
        """Return the calls of the Web API, or of one method; `response_url`: those to response URLs."""
        return [Call.model_validate(call) for call in await self._call("calls", method=method, since=since)]

    async def deliveries(self, kind: str | None = None, *, ts: str | None = None) -> list[Delivery]:
        """Return the deliveries to the app, or those of an event type (`app_mention`) or a kind (`interactive`).

        With `ts`, return only those of events about the message with this timestamp.
        """
        return [Delivery.model_validate(found) for found in await self._call("deliveries", kind=kind, ts=ts)]

    async def messages(self, channel: str, thread_ts: str | None = None) -> list[Message]:
        """Return the messages of a channel, or of a thread with its parent, oldest first."""
        found = await self._call("messages", channel=channel, thread_ts=thread_ts)
        return [Message.model_validate(message) for message in found]

    async def replies(self, channel: str, thread_ts: str | None = None) -> list[Message]:
        """Return the messages of the bot in a channel or a thread."""
        return [message for message in await self.messages(channel, thread_ts) if message.user == self.bot]

    async def ephemerals(self, channel: str | None = None, user: str | None = None) -> list[Message]:
        """Return the ephemeral messages in a channel or for a person."""
        found = await self._call("ephemerals", channel=channel, user=user)
        return [Message.model_validate(message) for message in found]

    async def files(self) -> list[File]:
        """Return all files."""
        return [File.model_validate(file) for file in await self._call("files")]

    async def views(self, user: str) -> list[View]:
        """Return all modals that were opened for this person, also the closed ones."""
        return [View.model_validate(view) for view in await self._call("views", user=user)]

    async def home_view(self, user: str) -> View | None:
        """Return the content of this person's home tab."""
        found = await self._call("home", user=user)
        return View.model_validate(found) if found else None

    async def session(self, channel: str, thread_ts: str) -> Session | None:
        """Return the agent session of a thread."""
        found = (await self._call("thread", channel=channel, thread_ts=thread_ts))["session"]
        return Session.model_validate(found) if found else None

    async def status(self, channel: str, thread_ts: str) -> str | None:
        """Return the status of a thread (`assistant.threads.setStatus`)."""
        found: str | None = (await self._call("thread", channel=channel, thread_ts=thread_ts))["status"]
        return found

    async def suggested_prompts(self, channel: str) -> list[Json]:
        """Return the suggested prompts of a direct conversation."""
        return list(await self._call("prompts", channel=channel))

    async def wait_reply(
        self,
        channel: str,
        thread_ts: str | None = None,
        condition: Callable[[Message], Any] = lambda message: message.text,
        timeout: float = TIMEOUT,
    ) -> Message:
        """Wait for a message of the bot that meets the condition; return the first one."""
        found = await self.wait_until(
            lambda: self.replies(channel, thread_ts), lambda replies: any(map(condition, replies)), timeout
        )
        return next(reply for reply in found if condition(reply))

    async def wait_call(self, method: str, number: int = 0, *, since: int = 0) -> Call:
        """Wait for the call `number` of a method, counted from 0 among the calls from `since` on."""
        found = await self.wait_until(lambda: self.calls(method, since=since), lambda calls: len(calls) > number)
        return found[number]

    async def wait_until_acked(self, message: Message) -> list[Delivery]:
        """Wait until the app has acknowledged all events about a message."""
        return await self.wait_until(
            lambda: self.deliveries("events_api", ts=message.ts),
            lambda found: found and all(delivery.state == "acked" for delivery in found),
        )

    async def wait_connected(self, number: int = 1, timeout: float = TIMEOUT) -> None:
        """Wait until the app has that many connections."""
        await self.wait_until(self.count_sockets, lambda count: count >= number, timeout)

    async def _interact(self, verb: str, **arguments: Any) -> Delivery:
        return Delivery.model_validate(await self._call(verb, **arguments))
