"""Where a conversation is listed, and by which title: sent beside the turn, which nothing of it holds up."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from restate import ObjectContext

from chat_service import keys
from chat_service.contracts import Entry, Message
from chat_service.domain.conversation import Conversation
from chat_service.objects import directory, titles
from chat_service.storage.clock import now

TITLE_CHARACTERS = 60
DELETED_TITLE = "Conversation"
"""The title of a conversation whose first words were deleted."""


def update_directories(
    ctx: ObjectContext, conversation: Conversation, at: datetime, asked: Iterable[Message] | None = None
) -> None:
    """Send the conversation's place to the directories that list it; off the turn's path. Of what was `asked` those
    who did so are told, and who is new: in a channel of hundreds a turn would cost hundreds of calls. Else everybody.
    """
    key = keys.parse(ctx.key())
    if key is None:
        return
    entry = _entry(ctx.key(), conversation, at)
    people = conversation.meta.people if asked is None else [m.author.id for m in asked if m.author and m.author.id]
    for owner in key.directories(tuple(dict.fromkeys([*people, *conversation.new_people]))):
        ctx.object_send(directory.touch, owner, entry)


async def list_for_new_people(ctx: ObjectContext, conversation: Conversation) -> None:
    """Send the conversation's place to those who have a part in it for the first time, though they did not ask the bot:
    whoever wants to be forgotten must be found in it."""
    key = keys.parse(ctx.key())
    owners = key.people_directories(conversation.new_people) if key else ()
    if owners:
        entry = _entry(ctx.key(), conversation, await now(ctx))
        for owner in owners:
            ctx.object_send(directory.touch, owner, entry)


def _entry(key: str, conversation: Conversation, at: datetime) -> Entry:
    meta = conversation.meta
    return Entry(conversation=key, title=meta.title or first_words(conversation), at=at)


def first_words(conversation: Conversation) -> str:
    """The first words that are near; they stand in the list as long as there is no title."""
    running = conversation.meta.running
    asked = [*conversation.recent.messages, *(running.question if running else [])]
    return _excerpt(next((m.text for m in asked if m.role == "user" and not m.replaced and m.text), ""))


def request_title(ctx: ObjectContext, conversation: Conversation) -> None:
    """Have a title written, beside the conversation."""
    meta = conversation.meta
    said = [m for m in conversation.recent.messages if m.status in ("answered", "noted") and not m.replaced][-6:]
    if said and not meta.renamed:
        ctx.service_send(
            titles.write, titles.TitleRequest(conversation=ctx.key(), epoch=meta.title_epoch, messages=said)
        )


def _excerpt(text: str) -> str:
    line = " ".join(re.sub(r"[*_`#|>]+", " ", text).split())
    return line if len(line) <= TITLE_CHARACTERS else line[: TITLE_CHARACTERS - 1].rstrip() + "…"
