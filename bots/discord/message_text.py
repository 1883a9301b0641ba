"""Pieces of a Discord message in words."""

from __future__ import annotations

import discord
from discord.utils import MISSING


def media_type_of(attachment: discord.Attachment) -> str:
    """Its media type, as far as Discord tells."""
    return (attachment.content_type or "").partition(";")[0] or "application/octet-stream"


def replied_message(message: discord.Message) -> discord.Message | None:
    """The message that this one is a reply to."""
    reference = message.reference
    if reference is None or message.type is not discord.MessageType.reply:
        return None
    return reference.resolved if isinstance(reference.resolved, discord.Message) else None


def single_line(name: str) -> str:
    """A name in a text: one that has line breaks must not look like somebody else's words."""
    return " ".join(name.split())


def title(post: discord.Thread) -> str:
    """What a forum's post is called, which often is the question."""
    return f"(a post with the title: {single_line(post.name)})"


def quote(text: str) -> str:
    """Each line marked."""
    return "\n".join(f"> {line}" for line in text.splitlines())


def embed(card: discord.Embed) -> str:
    """What a card says."""
    fields = [f"{one.name}: {one.value}" for one in card.fields]
    said = [card.author.name, card.title, card.description, *fields, card.footer.text]
    return "\n".join(one for one in said if one and one is not MISSING)
