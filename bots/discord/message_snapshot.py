"""A Discord message as one JSON value: everything that the gateway sent, with names in place of ids, so that only the
contents of files must be fetched later."""

from __future__ import annotations

from typing import Literal

import discord

from chat_service.contracts import Contract, Time

SnapshotKind = Literal["created", "edited", "deleted"]


class AttachedFile(Contract):
    """An attachment. Its `url` is valid for a day; without one the content cannot be read."""

    name: str
    media_type: str = "application/octet-stream"
    size: int = 0
    url: str = ""


class MessageSnapshot(Contract):
    """A message that was created, edited or deleted.

    Attributes:
        parent_id: the channel of the thread that holds the message.
        mentions_others: it mentions other people or replies to one.
        title_excerpt: the beginning of the author's own text, without the message that it replies to.
        in_bot_thread: it is in a thread that the bot created.
        files: attachments, also those of forwarded messages.
        reply_to: the message of a person that this message replies to.
        edited: its author has edited it.
        content_hidden: Discord withheld its text, because the Message Content intent is off.
    """

    kind: SnapshotKind = "created"
    id: str
    channel_id: str
    guild_id: str = ""
    parent_id: str = ""
    text: str = ""
    author_id: str = ""
    author_name: str = ""
    roles: list[str] = []
    created_at: Time
    mentions_bot: bool = False
    mentions_others: bool = False
    title_excerpt: str = ""
    in_bot_thread: bool = False
    files: list[AttachedFile] = []
    reply_to: MessageSnapshot | None = None
    edited: bool = False
    content_hidden: bool = False

    @property
    def conversation(self) -> str:
        """The key of the channel or thread that holds the message."""
        return f"discord:{self.guild_id or '@me'}:{self.channel_id}"

    @property
    def parent_scope(self) -> str:
        """The scope of the channel of a thread, or an empty text."""
        return f"discord:{self.guild_id}:{self.parent_id}" if self.parent_id else ""

    @property
    def is_for_bot(self) -> bool:
        return not self.guild_id or self.mentions_bot or (self.in_bot_thread and not self.mentions_others)


def position_of(id: int | str) -> str:
    """Return the position of a snowflake, which sorts as text in Discord's order."""
    return f"{int(id):020d}"


def deleted_snapshot(id: int, channel_id: int, guild_id: int | None) -> MessageSnapshot:
    """Return the snapshot of a deleted message, of which only the ids are known."""
    return MessageSnapshot(
        kind="deleted",
        id=str(id),
        channel_id=str(channel_id),
        guild_id=str(guild_id or ""),
        created_at=discord.utils.snowflake_time(id),
    )
