"""Platform events in the form that the shared code reads."""

from __future__ import annotations

import json
from types import NoneType
from typing import Any, Literal

from pydantic import Field, field_validator

from chat_service.contracts import Attachment, Author, Contract, Inbound, Time, is_blank
from chat_service.handlers import Handler
from chat_service.keys import Platform
from chat_service.unicode_text import well_formed


class PlatformEvent(Contract):
    """An event as the platform sent it.

    `backfill_run` names the backfill run that found the event, by the position at which that run started. It is empty
    for live events.
    """

    raw: dict[str, Any]
    backfill_run: str = ""

    @field_validator("raw")
    @classmethod
    def _make_well_formed(cls, raw: dict[str, Any]) -> dict[str, Any]:
        encoded = json.dumps(raw, ensure_ascii=False)
        clean = well_formed(encoded)
        return raw if clean == encoded else json.loads(clean)


def intake_handler(platform: Platform) -> Handler[PlatformEvent, None]:
    """Return the handler that takes in the events of a platform."""
    return Handler(f"{platform.capitalize()}Intake", "take_in", PlatformEvent, NoneType)


class MessageEvent(Contract):
    """A message that was created, edited or deleted.

    Attributes:
        position: sort key in the platform's order; compares as text.
        text: the message's text, with names in place of ids and without the bot's own name at the beginning.
        in_bot_thread: whether the message is in a thread that the bot opened, where every message is for the bot.
        roles: ids of the platform's roles that the author has.
        parent_scope: scope of the channel that contains the thread, where the thread has a scope of its own.
        unreadable_files: names of files whose content the model cannot get.
        attachments_changed: whether an edit changed the files as well; `attachments` then holds all of them.
        title_excerpt: the beginning of the author's own words on one line, used as the name of a thread.
        reply_to: the message that this one replies to, if a person wrote it. It is stored as a message of its own.
        edited: whether the author has edited the message since, so its text may differ from the text first received.
    """

    kind: Literal["created", "edited", "deleted"] = "created"
    id: str
    position: str
    text: str = ""
    author: Author | None = None
    at: Time
    attachments: list[Attachment] = Field(default_factory=list)
    mentions_bot: bool = False
    mentions_others: bool = False
    is_direct_message: bool = False
    starts_conversation: bool = False
    in_bot_thread: bool = False
    roles: list[str] = Field(default_factory=list)
    parent_scope: str = ""
    unreadable_files: list[str] = Field(default_factory=list)
    attachments_changed: bool = False
    title_excerpt: str = ""
    reply_to: MessageEvent | None = None
    edited: bool = False

    @field_validator("text")
    @classmethod
    def _make_well_formed(cls, text: str) -> str:
        return well_formed(text)

    @property
    def has_question_content(self) -> bool:
        """Whether the message contains something to answer: text, or a file with readable content."""
        return not is_blank(self.text) or any(file.data or not is_blank(file.text or "") for file in self.attachments)

    @property
    def has_content(self) -> bool:
        """Whether the message is worth storing. A file that cannot be read is stored by name."""
        return not is_blank(self.text) or bool(self.attachments)

    @property
    def author_id(self) -> str:
        """The author's id on the platform, or an empty string."""
        return self.author.id if self.author else ""

    def to_inbound(self, *, expects_reply: bool = True) -> Inbound:
        """Return the message in the form that `Chat` and `Queue` accept."""
        return Inbound(
            message=self.text,
            id=self.id,
            author=self.author,
            at=self.at,
            attachments=self.attachments,
            expects_reply=expects_reply,
        )


class ThreadContext(Contract):
    """Earlier messages of a thread, oldest first.

    `complete` is false when the thread could not be read. `truncated_before` is the position before which the thread
    has more messages than were read; empty when nothing was left out.
    """

    messages: list[MessageEvent] = Field(default_factory=list)
    truncated_before: str = ""
    complete: bool = True
