"""Threads: made from a message or without one, archived, locked, joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.discord import checks, permissions
from tests.fakes.discord.draft import Draft
from tests.fakes.discord.errors import Refused, invalid, required, too_long
from tests.fakes.discord.models import (
    ANNOUNCEMENT,
    FORUMS,
    PRIVATE_THREAD,
    PUBLIC_THREAD,
    RENAMED,
    STARTER,
    TEXT,
    THREAD_CREATED,
    Channel,
    Json,
    Message,
)

if TYPE_CHECKING:
    from tests.fakes.discord.discord import FakeDiscord

DURATIONS = (60, 1440, 4320, 10080)


class Threads:
    """What the bot and people do with threads."""

    def __init__(self, discord: FakeDiscord) -> None:
        self._discord = discord
        self._world = discord.world

    def start(self, user: str, parent: Channel, body: Json, starter: Message | None, via: str) -> Channel:
        """Open a thread; from a message it gets that message's id, and a message has one thread at most.

        Raises:
            Refused: as Discord refuses it.
        """
        if parent.type not in (TEXT, ANNOUNCEMENT):
            raise Refused(50024)
        kind = PUBLIC_THREAD if starter else int(body.get("type") or PRIVATE_THREAD)
        needs = "create_private_threads" if kind == PRIVATE_THREAD else "create_public_threads"
        permissions.require(self._world, user, parent, needs)
        if starter is not None:
            permissions.require(self._world, user, parent, "read_message_history")
            if starter.id in self._world.channels:
                raise Refused(160004)
        name = _name(body)
        duration = _duration(body, 4320)
        thread = self._world.add_thread(parent, name, user, starter, kind=kind, auto_archive_minutes=duration)
        events = self._discord.events
        events.thread_create(thread)
        events.thread_members(thread, [user], [])
        if starter is not None:
            events.message_update(starter)
            reference: Json = {"type": 0, "channel_id": parent.id, "message_id": starter.id, "guild_id": parent.guild}
            self._system(user, thread, STARTER, "", via, reference)
        elif kind == PUBLIC_THREAD:
            reference = {"type": 0, "channel_id": thread.id, "guild_id": parent.guild}
            self._system(user, parent, THREAD_CREATED, name, via, reference)
        self._discord.record_change()
        return thread

    def post(self, user: str, forum: Channel, body: Json, draft: Draft, via: str) -> Message:
        """Open a post in a forum: a thread whose first message stands in it, under the thread's own id.

        Raises:
            Refused: as Discord refuses it.
        """
        if forum.type not in FORUMS:
            raise Refused(50024)
        permissions.require(self._world, user, forum, "send_messages")
        name, duration = _name(body), _duration(body, 4320)
        checks.fields(draft, self._discord.rules.content_characters)
        checks.not_empty(draft, draft.components, len(draft.uploads))
        thread = self._world.add_thread(forum, name, user, None, auto_archive_minutes=duration)
        self._discord.events.thread_create(thread)
        self._discord.events.thread_members(thread, [user], [])
        return self._discord.writing.create(user, thread, draft, via, id=thread.id)

    def change(self, user: str, thread: Channel, body: Json, via: str) -> Channel:
        """Rename, archive, open, lock. What is locked only a moderator opens; the owner archives their own.

        Raises:
            Refused: 50013, 50083, or 50035.
        """
        state = thread.thread
        assert state is not None
        permissions.require(self._world, user, thread)
        manages = permissions.may(self._world, user, thread, "manage_threads")
        owns = manages or user == state.owner
        opens = set(body) == {"archived"} and not body["archived"] and not state.locked
        if opens:
            permissions.require(self._world, user, thread, "send_messages_in_threads")
        elif ("locked" in body and not manages) or not owns:
            raise Refused(50013)
        if state.archived and body.get("archived", True):
            raise Refused(50083)
        if "name" in body and (name := _name(body)) != thread.name:
            thread.name = name
            self._system(user, thread, RENAMED, name, via, None)
        state.auto_archive_minutes = _duration(body, state.auto_archive_minutes)
        state.locked = bool(body.get("locked", state.locked))
        if bool(body.get("archived", state.archived)) != state.archived:
            state.archived, state.archived_at = not state.archived, self._world.clock.now()
        self._discord.events.thread_update(thread)
        self._discord.record_change()
        return thread

    def join(self, user: str, thread: Channel) -> None:
        """Come into a thread, or be added to it by somebody who is in it.

        Raises:
            Refused: 50083 or 50001.
        """
        state = thread.thread
        assert state is not None
        permissions.require(self._world, user, self._world.channel(state.parent))
        self._discord.writing.in_open_thread(thread)
        if user not in state.members:
            state.members[user] = self._world.clock.now()
            if user == self._world.bot:
                self._discord.events.thread_create(thread, new=False)
            self._discord.events.thread_members(thread, [user], [])

    def leave(self, user: str, thread: Channel) -> None:
        """Leave a thread, or be removed from it."""
        state = thread.thread
        assert state is not None
        self._discord.writing.in_open_thread(thread)
        if state.members.pop(user, None) is not None:
            self._discord.events.thread_members(thread, [], [user])

    def sweep(self) -> None:
        """Archive what nobody wrote in for as long as the thread's setting says. Called when the clock is put on."""
        now = self._world.clock.now()
        for thread in self._world.threads():
            state = thread.thread
            assert state is not None
            history = self._world.history(thread.id)
            last = max([state.created, state.archived_at, *(one.created for one in history)])
            if not state.archived and now - last > state.auto_archive_minutes * 60:
                state.archived, state.archived_at = True, now
                self._discord.events.thread_update(thread)

    def _system(self, user: str, channel: Channel, kind: int, text: str, via: str, reference: Json | None) -> None:
        message = self._discord.writing.system(user, channel, Draft(content=text), kind, via)
        message.reference = reference
        self._discord.events.message_create(message)


def archived(world: Any, parent: str, kind: int) -> list[Channel]:
    """The archived threads of a channel, those archived last first."""
    found = [one for one in world.threads(parent=parent) if one.thread.archived and one.type == kind]
    return sorted(found, key=lambda one: -float(one.thread.archived_at))


def _name(body: Json) -> str:
    name = str(body.get("name") or "").strip()
    if not name:
        raise required("name")
    if len(name) > 100:
        raise too_long("name", 100)
    return name


def _duration(body: Json, default: int) -> int:
    minutes = int(body.get("auto_archive_duration") or default)
    if minutes not in DURATIONS:
        why = f"Value must be one of {DURATIONS}."
        raise invalid("auto_archive_duration", "BASE_TYPE_CHOICES", why)
    return minutes
