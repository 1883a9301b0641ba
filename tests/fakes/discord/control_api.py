"""The control API: what a test, in any process, may ask of the fake. One POST a verb, JSON in, JSON out."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from tests.fakes.discord.discord import FakeDiscord
from tests.fakes.discord.errors import Refused
from tests.fakes.discord.hands import Hands
from tests.fakes.discord.models import Channel, Event, Fault, Guild, Interaction, Json, Message, Role, User
from tests.fakes.discord.people import People
from tests.fakes.platform.control_api import BaseControlApi
from tests.fakes.platform.errors import ImpossibleActionError

DOES = (
    *("post", "edit", "delete", "delete_many", "unfurl", "react", "typing", "presence", "start_thread", "open_post"),
    *("change_thread", "join_thread", "leave_thread", "change_channel", "overwrite", "delete_channel"),
    *("join", "leave", "change_member", "change_role", "outage"),
)
USES = ("command", "autocomplete", "context_menu", "press", "select", "submit")


class ControlApi(BaseControlApi):
    """What people do are verbs as they stand; with `silent`, no event of it reaches anybody."""

    read_only = BaseControlApi.read_only | {
        *("about", "sessions", "connections", "events", "messages", "channel", "threads"),
        *("interactions", "commands", "download", "message"),
    }
    reported_errors = (ImpossibleActionError, Refused)

    def __init__(self, discord: FakeDiscord) -> None:
        self._discord = discord
        self._world = discord.world
        people = People(discord)
        hands = Hands(people)
        super().__init__(
            discord,
            **{name: getattr(people, name) for name in DOES},
            **{f"use_{name}": getattr(hands, name) for name in USES},
        )

    def set_base_url(self, url: str) -> None:
        self._discord.render.base = url

    def verb_context(self, given: Json) -> AbstractContextManager[object]:
        return self._discord.gateway.losing(bool(given.pop("silent", False)))

    # --- the world ----------------------------------------------------------------------------------------
    def do_about(self) -> Json:
        world = self._world
        told = {"bot": world.bot, "application": world.application, "owner": world.owner}
        return {**told, "token": self._discord.app.token}

    def do_add_user(self, username: str, more: Json) -> User:
        return self._world.add_user(username, **more)

    def do_add_guild(self, name: str, owner: str | None, bot: bool, permissions: list[str]) -> Guild:
        guild = self._world.add_guild(name, owner or self._world.owner)
        if bot:
            role = self._world.add_role(guild.id, "threadwell", permissions, managed=True)
            self._world.add_member(guild.id, self._world.bot, None, [role.id])
            self._discord.events.guild_create(guild, back=False)
        return guild

    def do_add_role(self, guild: str, name: str, permissions: list[str], more: Json) -> Role:
        role = self._world.add_role(guild, name, permissions, **more)
        self._discord.events.role("GUILD_ROLE_CREATE", guild, role.id)
        return role

    def do_add_channel(self, guild: str, name: str, kind: int, more: Json) -> Channel:
        channel = self._world.add_channel(guild, name, kind, **more)
        self._discord.events.channel("CHANNEL_CREATE", channel)
        return channel

    def do_add_emoji(self, guild: str, name: str) -> str:
        emoji = {"id": self._world.clock.snowflake(), "name": name, "animated": False, "available": True}
        self._world.guilds[guild].emojis.append({**emoji, "roles": [], "require_colons": True, "managed": False})
        emojis = self._world.guilds[guild].emojis
        self._discord.events.raw("GUILD_EMOJIS_UPDATE", {"guild_id": guild, "emojis": emojis}, guild)
        return str(emoji["id"])

    def do_direct(self, user: str) -> Channel:
        return self._world.direct(user)

    def do_change_user(self, user: str, changes: Json) -> User:
        self._world.users[user] = self._world.users[user].model_copy(update=changes)
        return self._world.users[user]

    # --- the application and the rules --------------------------------------------------------------------
    def do_configure(self, changes: Json) -> None:
        # In place: everything that enforces it holds on to the same object.
        for name, value in changes.items():
            setattr(self._discord.app, name, value)

    def do_rules(self, changes: Json) -> None:
        for name, value in changes.items():
            setattr(self._discord.rules, name, value)
        self._discord.limits.clear()

    def do_advance(self, seconds: float) -> None:
        self._world.clock.advance(seconds)
        self._discord.threads.sweep()

    # --- faults -------------------------------------------------------------------------------------------
    def do_fault(self, fault: Json) -> None:
        self._discord.faults.script.append(Fault.model_validate(fault))

    def do_release(self) -> None:
        self._discord.faults.release()

    def do_down(self, how: str) -> None:
        self._discord.faults.outage = how
        self._discord.gateway.cut()

    def do_up(self) -> None:
        self._discord.faults.outage = None

    def do_cut_sockets(self) -> None:
        self._discord.gateway.cut()

    def do_refuse_sockets(self, refuse: bool) -> None:
        self._discord.gateway.refuse = refuse

    def do_reconnect(self) -> None:
        self._discord.gateway.reconnect()

    def do_invalidate(self, resumable: bool) -> None:
        self._discord.gateway.invalidate(resumable)

    def do_forget_sessions(self) -> None:
        self._discord.gateway.forget()

    async def do_close_sockets(self, code: int) -> None:
        await self._discord.gateway.close(code)

    async def do_garble(self) -> None:
        await self._discord.gateway.garble()

    def do_mute(self, mute: bool) -> None:
        self._discord.gateway.mute = mute

    def do_lose_events(self, lose: bool) -> None:
        self._discord.gateway.lose(lose)

    def do_repeat(self, number: int, times: int) -> None:
        for _ in range(times):
            self._discord.gateway.repeat(number)

    def do_clear(self) -> None:
        """Forget faults, limits and the outage; the world and the records stay."""
        self._discord.faults.clear()
        self._discord.limits.clear()
        self._discord.gateway.refuse = self._discord.gateway.mute = False
        self._discord.gateway.lose(False)

    # --- what happened ------------------------------------------------------------------------------------
    def do_sessions(self) -> list[Any]:
        for live in self._discord.gateway.sessions.values():
            self._discord.gateway.lives(live)
        return [live.record for live in self._discord.gateway.sessions.values()]

    def do_connections(self) -> int:
        return sum(live.connection is not None for live in self._discord.gateway.sessions.values())

    def do_calls(self, since: int) -> list[Any]:
        return list(self._discord.calls[since:])

    def do_events(self, since: int) -> list[Event]:
        return self._discord.gateway.events[since:]

    def do_messages(self, channel: str, everything: bool) -> list[Message]:
        """What stands there; with `everything` also what was deleted and what only one person saw."""
        if everything:
            return sorted(self._world.messages.get(channel, []), key=lambda one: int(one.id))
        return self._world.history(channel)

    def do_message(self, channel: str, message: str) -> Message:
        found = next((one for one in self._world.messages.get(channel, []) if one.id == message), None)
        if found is None:
            raise ImpossibleActionError(f"there never was a message {message}")
        return found

    def do_channel(self, channel: str) -> Channel:
        return self._world.channel(channel)

    def do_threads(self, channel: str) -> list[Channel]:
        return self._world.threads(parent=channel)

    def do_interactions(self) -> list[Interaction]:
        return list(self._world.interactions.values())

    def do_commands(self, guild: str | None) -> list[Any]:
        return [one for one in self._world.commands.values() if one.guild == guild]

    def do_download(self, attachment: str) -> Json:
        return self._world.attachments[attachment].model_dump()
