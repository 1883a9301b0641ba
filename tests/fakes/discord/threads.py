"""Create, change and archive threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.discord import permissions, validation
from tests.fakes.discord.errors import ApiError, required, too_long
from tests.fakes.discord.message_payload import MessagePayload
from tests.fakes.discord.models import (
    CHANNEL_NAME_CHANGE,
    FORUMS,
    TEXT,
    THREAD_CREATED,
    THREAD_STARTER_MESSAGE,
    Channel,
    Json,
    Message,
)

if TYPE_CHECKING:
    from tests.fakes.discord.discord import FakeDiscord


class Threads:
    """Actions of the bot and of users on public threads."""

    def __init__(self, discord: FakeDiscord) -> None:
        self._discord = discord
        self._state = discord.state

    def create(self, user: str, parent: Channel, name: str, starter: Message | None, route: str) -> Channel:
        """Create a thread. A thread from a message gets that message's id; a message has at most one thread.

        Raises:
            ApiError: Discord rejects it.
        """
        if parent.type != TEXT:
            raise ApiError(50024)
        permissions.require(self._state, user, parent, "create_public_threads")
        if starter is not None:
            permissions.require(self._state, user, parent, "read_message_history")
            if starter.id in self._state.channels:
                raise ApiError(160004)
        name = _check_name(name)
        thread = self._state.add_thread(parent, name, user, starter)
        self._discord.events.thread_create(thread)
        reference: Json = {"type": 0, "channel_id": thread.id, "guild_id": parent.guild}
        messages = self._discord.messages
        if starter is None:
            messages.create_system_message(user, parent, THREAD_CREATED, name, route, reference)
        else:
            self._discord.events.message("MESSAGE_UPDATE", starter)
            reference.update(channel_id=parent.id, message_id=starter.id)
            messages.create_system_message(user, thread, THREAD_STARTER_MESSAGE, "", route, reference)
        self._discord.record_change()
        return thread

    def create_forum_post(self, user: str, forum: Channel, name: str, payload: MessagePayload, route: str) -> Message:
        """Create a forum post: a thread with a first message, which has the thread's own id.

        Raises:
            ApiError: Discord rejects it.
        """
        if forum.type not in FORUMS:
            raise ApiError(50024)
        permissions.require(self._state, user, forum, "send_messages")
        name = _check_name(name)
        validation.check_payload(payload)
        validation.check_not_empty(payload.content, payload.embeds, len(payload.uploads))
        thread = self._state.add_thread(forum, name, user)
        self._discord.events.thread_create(thread)
        return self._discord.messages.create(user, thread, payload, route, id=thread.id)

    def change(self, user: str, thread: Channel, changes: Json, route: str) -> Channel:
        """Change `name`, `archived` or `locked`. The owner may do so, except for `locked`; moderators may do anything;
        everybody who may write may reopen a thread that is not locked.

        Raises:
            ApiError: 50013, 50035 or 50083.
        """
        thread_state = thread.thread
        assert thread_state is not None
        permissions.require(self._state, user, thread)
        may_manage = permissions.has(self._state, user, thread, "manage_threads")
        only_reopens = set(changes) == {"archived"} and not changes["archived"] and not thread_state.locked
        if only_reopens:
            permissions.require(self._state, user, thread, "send_messages_in_threads")
        elif not may_manage and ("locked" in changes or user != thread_state.owner):
            raise ApiError(50013)
        if thread_state.archived and changes.get("archived", True):
            raise ApiError(50083)
        if "name" in changes and (name := _check_name(changes["name"])) != thread.name:
            thread.name = name
            self._discord.messages.create_system_message(user, thread, CHANNEL_NAME_CHANGE, name, route)
        thread_state.locked = bool(changes.get("locked", thread_state.locked))
        if bool(changes.get("archived", thread_state.archived)) != thread_state.archived:
            thread_state.archived, thread_state.archived_at = not thread_state.archived, self._state.clock.now()
        self._discord.events.thread_update(thread)
        self._discord.record_change()
        return thread


def _check_name(name: str | None) -> str:
    name = (name or "").strip()
    if not name:
        raise required("name")
    if len(name) > 100:
        raise too_long("name", 100)
    return name
