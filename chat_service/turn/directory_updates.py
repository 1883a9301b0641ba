"""Keep the directories' entries of a conversation up to date. Everything is sent, so that no turn waits for it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from restate import ObjectContext

from chat_service import handlers, keys
from chat_service.calls import send
from chat_service.contracts import DirectoryEntry, Message
from chat_service.contracts.background import TitleRequest
from chat_service.domain.conversation import Conversation
from chat_service.storage.clock import now

TITLE_CHARACTERS = 60
TITLE_MESSAGES = 6
"""The newest messages from which a title is written."""
DELETED_TITLE = "Conversation"
"""Title of a conversation whose first words were deleted."""


def update_directories(
    ctx: ObjectContext, conversation: Conversation, at: datetime, question: Iterable[Message] | None = None
) -> None:
    """Send the conversation's entry to the directories that list it.

    With a `question`, of the people only its authors and new people are updated: otherwise a turn in a channel of
    hundreds would cost hundreds of sends.
    """
    key = keys.parse(ctx.key())
    if key is None:
        return
    people = conversation.meta.people
    if question is not None:
        people = [m.author.id for m in question if m.author and m.author.id]
    entry = _entry(ctx.key(), conversation, at)
    for owner in key.directories(tuple(dict.fromkeys([*people, *conversation.new_people]))):
        send(ctx, handlers.DIRECTORY_UPDATE, owner, entry)


async def list_for_new_people(ctx: ObjectContext, conversation: Conversation) -> None:
    """Send the entry to people who take part for the first time, even without a question: a request to forget them has
    to find the conversation."""
    key = keys.parse(ctx.key())
    owners = key.people_directories(conversation.new_people) if key else ()
    if owners:
        entry = _entry(ctx.key(), conversation, await now(ctx))
        for owner in owners:
            send(ctx, handlers.DIRECTORY_UPDATE, owner, entry)


def first_words(conversation: Conversation) -> str:
    """Return the first shown words that `Chat` holds; they are listed while there is no title."""
    running = conversation.meta.running
    messages = [*conversation.recent.messages, *(running.question if running else [])]
    return _excerpt(next((m.text for m in messages if m.role == "user" and not m.replaced and m.text), ""))


def request_title(ctx: ObjectContext, conversation: Conversation) -> None:
    """Request a title from the newest messages, unless a person has chosen one."""
    meta = conversation.meta
    shown = [m for m in conversation.recent.messages if m.status in ("answered", "noted") and not m.replaced]
    if shown and not meta.renamed:
        request = TitleRequest(conversation=ctx.key(), epoch=meta.title_epoch, messages=shown[-TITLE_MESSAGES:])
        send(ctx, handlers.BACKGROUND_WRITE_TITLE, None, request)


def _entry(key: str, conversation: Conversation, at: datetime) -> DirectoryEntry:
    return DirectoryEntry(conversation=key, title=conversation.meta.title or first_words(conversation), at=at)


def _excerpt(text: str) -> str:
    line = " ".join(re.sub(r"[*_`#|>]+", " ", text).split())
    return line if len(line) <= TITLE_CHARACTERS else line[: TITLE_CHARACTERS - 1].rstrip() + "…"
