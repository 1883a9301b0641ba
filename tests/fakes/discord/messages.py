"""Create, edit and delete messages, for the bot, for users and for interactions."""

from __future__ import annotations

import base64
import mimetypes
import time
from typing import TYPE_CHECKING, Any

from tests.fakes.discord import mentions, permissions, validation
from tests.fakes.discord.errors import ApiError, invalid
from tests.fakes.discord.message_payload import MessagePayload
from tests.fakes.discord.models import (
    DEFAULT,
    HAS_SNAPSHOT,
    LOADING,
    REPLY,
    SUPPRESS_EMBEDS,
    SUPPRESS_NOTIFICATIONS,
    Attachment,
    Channel,
    Json,
    Message,
    Revision,
)

if TYPE_CHECKING:
    from tests.fakes.discord.discord import FakeDiscord

SETTABLE_FLAGS = SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS


class Messages:
    """Raises Discord's error for an invalid message, and for a channel in which it may not be written."""

    def __init__(self, discord: FakeDiscord) -> None:
        self._discord = discord
        self._state = discord.state
        self._nonces: dict[tuple[str, str], tuple[str, str, float]] = {}
        """Channel, message id and time by author and nonce."""

    def create(
        self,
        author: str,
        channel: Channel,
        payload: MessagePayload,
        route: str,
        *,
        id: str | None = None,
        type: int | None = None,
        age: float = 0.0,
        loading: bool = False,
        **fields: Any,
    ) -> Message:
        """Create a message.

        Args:
            author: its author.
            channel: the channel or thread.
            payload: its fields.
            route: the route that it came by ("user": a person).
            id: its id, if it is not a new one.
            type: its type, if it is neither DEFAULT nor REPLY.
            age: it was written that many seconds ago.
            loading: it is a deferred response, which may be empty.
            fields: more fields of `Message`. A response to an interaction (`webhook`) needs no permissions.

        Raises:
            ApiError: Discord rejects it.
        """
        is_response = fields.get("webhook") is not None
        validation.check_payload(payload)
        if not is_response:
            validation.check_may_send(self._state, author, channel, payload)
        if (existing := self._find_by_nonce(author, payload)) is not None:
            return existing
        reference, snapshots = self._resolve_reference(author, channel, payload)
        if not loading and not snapshots:
            validation.check_not_empty(payload.content, payload.embeds, len(payload.uploads))
        self._unarchive(channel)
        if type is None:
            type = REPLY if reference is not None and not snapshots else DEFAULT
        message = Message(
            id=id or self._state.clock.snowflake(age),
            channel=channel.id,
            author=author,
            type=type,
            content=payload.content.strip(),
            created=self._state.clock.now() - age,
            flags=payload.flags & SETTABLE_FLAGS | (LOADING if loading else 0) | (HAS_SNAPSHOT if snapshots else 0),
            nonce=payload.nonce,
            reference=reference,
            snapshots=snapshots,
            embeds=payload.embeds,
            components=_with_ids(payload.components),
            **fields,
        )
        message.attachments = self._attach_files(message, payload)
        self._apply_mentions(message, payload, notify=not loading)
        self._add(message, channel, route, backdated=bool(age))
        return message

    def create_system_message(
        self, user: str, channel: Channel, type: int, content: str, route: str, reference: Json | None = None
    ) -> None:
        """Create a message that Discord itself writes after an action of a user: a thread was created or renamed."""
        message = Message(
            id=self._state.clock.snowflake(),
            channel=channel.id,
            author=user,
            type=type,
            content=content,
            created=self._state.clock.now(),
            reference=reference,
        )
        self._add(message, channel, route)

    def _add(self, message: Message, channel: Channel, route: str, *, backdated: bool = False) -> None:
        self._add_revision(message, route)
        self._state.messages[channel.id].append(message)
        if message.nonce is not None:
            self._nonces[message.author, message.nonce] = (channel.id, message.id, self._state.clock.now())
        if message.ephemeral_to is None and not backdated:
            channel.last_message = message.id
        self._discord.events.message("MESSAGE_CREATE", message)
        self._discord.record_change()

    def edit(self, message: Message, payload: MessagePayload, route: str) -> Message:
        """Change the fields of a message that are present in the request. Only the edit that completes a deferred
        response notifies the mentioned users.

        Raises:
            ApiError: Discord rejects it.
        """
        validation.check_payload(payload)
        was_loading = message.loading
        content = payload.content.strip() if "content" in payload.present else message.content
        embeds = payload.embeds if "embeds" in payload.present else message.embeds
        kept = [id for id in message.attachments if payload.kept_attachments is None or id in payload.kept_attachments]
        validation.check_not_empty(content, embeds, len(kept) + len(payload.uploads))
        message.content, message.embeds = content, embeds
        if "components" in payload.present:
            message.components = _with_ids(payload.components)
        message.attachments = [*kept, *self._attach_files(message, payload)]
        flags = payload.flags if "flags" in payload.present else message.flags
        message.flags = message.flags & ~(SETTABLE_FLAGS | LOADING) | flags & SETTABLE_FLAGS
        if not was_loading:
            message.edited = self._state.clock.now()
        self._apply_mentions(message, payload, notify=was_loading)
        self._add_revision(message, route)
        self._discord.events.message("MESSAGE_UPDATE", message)
        self._discord.record_change()
        return message

    def delete(self, messages: list[Message], *, bulk: bool = False) -> None:
        """Delete messages of one channel."""
        for message in messages:
            message.deleted = True
        if messages and messages[0].ephemeral_to is None:
            self._discord.events.message_delete(messages, bulk=bulk)
        self._discord.record_change()

    def check_not_archived(self, channel: Channel) -> None:
        """Check that a channel is not an archived thread, in which nothing can be changed.

        Raises:
            ApiError: 50083.
        """
        if channel.thread is not None and channel.thread.archived:
            raise ApiError(50083)

    def _resolve_reference(
        self, author: str, channel: Channel, payload: MessagePayload
    ) -> tuple[Json | None, list[Json]]:
        """Return the reference of a reply or forward, and the snapshot that a forward contains."""
        given = payload.reference
        if given is None:
            return None, []
        type = given.get("type", 0)
        channel_id, message_id = str(given.get("channel_id") or channel.id), str(given.get("message_id"))
        found = self._state.find_message(channel_id, message_id)
        if type == 1:
            source = self._state.channels[channel_id]
            is_usable = found is not None and permissions.has(self._state, author, source, "view_channel")
        else:
            source = channel
            is_usable = found is not None and found.ephemeral_to is None and channel_id == channel.id
        if found is None or not is_usable:
            if given.get("fail_if_not_exists", True):
                raise invalid("message_reference", "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message")
            return None, []
        reference: Json = {"type": type, "channel_id": channel_id, "message_id": message_id}
        if source.guild:
            reference["guild_id"] = source.guild
        return reference, [self._discord.serializer.snapshot(found)] if type == 1 else []

    def _find_by_nonce(self, author: str, payload: MessagePayload) -> Message | None:
        """Return the message that the author already created with this nonce."""
        if payload.nonce is None or not payload.enforce_nonce:
            return None
        channel, id, at = self._nonces.get((author, payload.nonce), ("", "", 0.0))
        if self._state.clock.now() - at > self._discord.rules.nonce_seconds:
            return None
        if (found := self._state.find_message(channel, id)) is None:
            raise ApiError(10008)
        return found

    def _unarchive(self, channel: Channel) -> None:
        """A new message in an archived thread reopens it."""
        if channel.thread is not None and channel.thread.archived:
            channel.thread.archived, channel.thread.archived_at = False, self._state.clock.now()
            self._discord.events.thread_update(channel)

    def _attach_files(self, message: Message, payload: MessagePayload) -> list[str]:
        """DiscordState the uploaded files, and return the ids of their attachments."""
        ids = []
        for upload in payload.uploads:
            type = upload.content_type
            if type in (None, "application/octet-stream"):  # what discord.py always sends; Discord detects the type
                type = mimetypes.guess_type(upload.filename)[0]
            attachment = Attachment(
                id=self._state.clock.snowflake(),
                channel=message.channel,
                filename=upload.filename.replace(" ", "_"),
                size=len(upload.content),
                content=base64.b64encode(upload.content).decode(),
                content_type=f"{type}; charset=utf-8" if type and type.startswith("text/") else type,
                ephemeral=message.ephemeral_to is not None,
            )
            self._state.attachments[attachment.id] = attachment
            ids.append(attachment.id)
        return ids

    def _apply_mentions(self, message: Message, payload: MessagePayload, *, notify: bool) -> None:
        """Set the mentions of a message, whom it notifies, and whether Discord would unfurl its links."""
        channel = self._state.channels[message.channel]
        is_response = message.webhook is not None
        replied = self._state.find_message(channel.id, message.reply_to) if message.reply_to else None
        found = mentions.find_mentions(
            self._state,
            message.author,
            channel,
            message.content,
            allowed=payload.allowed_mentions,
            default_kinds=("users",) if is_response else mentions.KINDS,
            replied_author=replied.author if replied else None,
        )
        message.mentions, message.mention_roles, message.mention_everyone = found.users, found.roles, found.everyone
        if notify and message.ephemeral_to is None:
            message.notified = found.model_copy()
        may_embed = is_response or permissions.has(self._state, message.author, channel, "embed_links")
        message.unfurls = may_embed and not message.flags & SUPPRESS_EMBEDS and mentions.has_link(message.content)

    def _add_revision(self, message: Message, route: str) -> None:
        message.revisions.append(Revision(at=time.time(), content=message.content, route=route))


def _with_ids(rows: list[Json]) -> list[Json]:
    """Return rows of buttons with the ids that Discord adds."""
    count = 0
    numbered = []
    for row in rows:
        count += 1
        row_id = count
        buttons = []
        for button in row["components"]:
            count += 1
            buttons.append({"id": count, **button})
        numbered.append({"id": row_id, **row, "components": buttons})
    return numbered
