"""Calls of `Background`: titles, summaries, and what has to be forgotten beside a conversation's own state."""

from __future__ import annotations

from chat_service.contracts.base import Contract, Time
from chat_service.contracts.messages import Message


class TitleRequest(Contract):
    """Asks for a title of the conversation that begins with `messages`. `epoch` is its `title_epoch`."""

    conversation: str
    epoch: int
    messages: list[Message]


class WrittenTitle(Contract):
    """A title, and the `title_epoch` for which it was written."""

    epoch: int
    title: str


class SummaryRequest(Contract):
    """Asks for a summary of `summary` and the messages after `after`, up to `upto` (sequence numbers).

    `messages` holds them, unless some have left `Chat` already because an earlier summary failed: then it is empty, and
    they are read from the history.
    """

    conversation: str
    epoch: int
    after: int
    upto: int
    summary: str = ""
    characters: int
    messages: list[Message] = []


class WrittenSummary(Contract):
    """A summary of everything up to `upto`, and the `summary_epoch` for which it was written."""

    epoch: int
    upto: int
    text: str


class PurgeJournalRequest(Contract):
    """Asks to remove the finished invocations of a conversation from Restate's journal.

    Attributes:
        conversation: its key.
        directories: keys of the directories that list it: their results hold its title.
        upto: only invocations that were created up to this time.
        whole: the whole conversation was forgotten, so titles and summaries that are being written are ended, too.
        attempts: how often unfinished invocations were found and looked for again.
    """

    conversation: str
    directories: list[str] = []
    upto: Time
    whole: bool = False
    attempts: int = 0


class ForgetPersonRequest(Contract):
    """Names a person: `slack:{team}:{user}`, `discord:{guild}:{user}`, `web:{person}`."""

    person: str


class ForgetDiscordUserRequest(Contract):
    """Names a person by their Discord user id."""

    person: str


class ForgetResult(Contract):
    """In how many conversations (or servers of Discord) the person was found."""

    conversations: int
