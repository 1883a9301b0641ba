"""Server side of the control API."""

from __future__ import annotations

from contextlib import AbstractContextManager

from tests.fakes.discord.discord import FakeDiscord
from tests.fakes.discord.errors import ApiError
from tests.fakes.discord.models import Attachment, Command, Interaction, Json, Message
from tests.fakes.discord.records import Call, Event, Fault, Session
from tests.fakes.discord.user_actions import UserActions
from tests.fakes.discord.user_interactions import UserInteractions
from tests.fakes.platform.control_api import BaseControlApi
from tests.fakes.platform.errors import ImpossibleActionError

USER_ACTIONS = (
    *("add_user", "add_guild", "add_role", "add_channel", "add_emoji", "join", "leave", "change_member", "change_role"),
    *("set_overwrite", "delete_channel", "post", "edit", "delete", "bulk_delete", "unfurl"),
    *("start_thread", "create_forum_post", "change_thread"),
)
USER_INTERACTIONS = ("run_command", "autocomplete", "use_context_menu", "click")
GATEWAY_FAULTS = ("request_reconnect", "forget_sessions", "send_invalid_frame", "redeliver")


class ControlApi(BaseControlApi):
    """Serves the users' actions, the gateway's faults, and the methods `do_…`. With the argument `silent`, the events
    of an action are lost."""

    read_only = BaseControlApi.read_only | {
        *("about", "sessions", "events", "messages", "message", "threads"),
        *("interaction", "interactions", "commands", "read_attachment"),
    }
    reported_errors = (ImpossibleActionError, ApiError)

    def __init__(self, discord: FakeDiscord) -> None:
        self._discord = discord
        self._state = discord.state
        self._gateway = discord.gateway
        actions = self._actions = UserActions(discord)
        interactions = UserInteractions(actions)
        super().__init__(
            discord,
            **{name: getattr(actions, name) for name in USER_ACTIONS},
            **{name: getattr(interactions, name) for name in USER_INTERACTIONS},
            **{name: getattr(self._gateway, name) for name in GATEWAY_FAULTS},
            open_dm=self._state.open_dm,
            threads=self._state.threads,
            advance=self._state.clock.advance,
            release=discord.faults.release,
            cut_sockets=self._gateway.cut,
            close_sockets=self._gateway.close,
        )

    def set_base_url(self, url: str) -> None:
        self._discord.serializer.base_url = url

    def verb_context(self, arguments: Json) -> AbstractContextManager[object]:
        return self._gateway.dropping_events(bool(arguments.pop("silent", False)))

    def do_about(self) -> Json:
        ids = {"bot": self._state.bot, "application": self._state.application, "owner": self._state.owner}
        return {**ids, "token": self._discord.app.token}

    def do_leave_all(self) -> None:
        for guild in self._state.guilds.values():
            if self._state.bot in guild.members:
                self._actions.leave(self._state.bot, guild.id)

    # --- configuration and faults -------------------------------------------------------------------------
    def do_configure_app(self, changes: Json) -> None:
        for name, value in changes.items():
            setattr(self._discord.app, name, value)

    def do_set_rules(self, changes: Json) -> None:
        for name, value in changes.items():
            setattr(self._discord.rules, name, value)

    def do_add_fault(self, fault: Json) -> None:
        self._discord.faults.script.append(Fault.model_validate(fault))

    def do_down(self, how: str) -> None:
        self._discord.faults.outage = how
        self._gateway.cut()

    def do_up(self) -> None:
        self._discord.faults.outage = None

    def do_refuse_sockets(self, refuse: bool) -> None:
        self._gateway.refuse_connections = refuse

    def do_clear(self) -> None:
        """Remove faults, limits and the outage; the objects and the records stay."""
        self._discord.faults.clear()
        self._discord.rate_limits.clear()
        self._gateway.refuse_connections = False

    # --- what happened ------------------------------------------------------------------------------------
    def do_sessions(self) -> list[Session]:
        return [session.record for session in self._gateway.sessions.values()]

    def do_calls(self, route: str | None, since: int) -> list[Call]:
        return [call for call in self._discord.calls[since:] if route in (None, call.route)]

    def do_events(self, type: str | None, id: str | None = None, since: int = 0) -> list[Event]:
        """Return the events of a type, those about the object with this id."""
        return [
            event
            for event in self._gateway.events[since:]
            if type in (None, event.type) and id in (None, event.data.get("id"))
        ]

    def do_messages(self, channel: str, everything: bool) -> list[Message]:
        if everything:
            return sorted(self._state.messages.get(channel, []), key=lambda message: int(message.id))
        return self._state.history(channel)

    def do_message(self, channel: str, message: str) -> Message:
        for found in self._state.messages.get(channel, []):
            if found.id == message:
                return found
        raise ImpossibleActionError(f"there never was a message {message}")

    def do_interaction(self, id: str) -> Interaction:
        return self._state.interactions[id]

    def do_interactions(self) -> list[Interaction]:
        return list(self._state.interactions.values())

    def do_commands(self) -> list[Command]:
        return list(self._state.commands.values())

    def do_read_attachment(self, attachment: str) -> Attachment:
        return self._state.attachments[attachment]
