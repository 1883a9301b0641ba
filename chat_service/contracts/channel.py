"""Calls of `Channel`, which holds a scope's rules, settings, threads, read position and postponed deliveries."""

from __future__ import annotations

from typing import Literal

from chat_service.contracts.base import Contract
from chat_service.contracts.delivery import DeliverRequest
from chat_service.contracts.settings import Overrides

ReplyMode = Literal["threads", "mentions", "everything"]
"""Which messages the bot answers.

threads: after one mention, every message of the thread. mentions: messages that mention the bot. everything: every
message.
"""
AnswerIn = Literal["channel", "thread"]
"""Where a question is answered on a platform whose channels are conversations: in the channel, or in a new thread."""

FIRST_POSITION = "0"
"""Sorts before every position."""


class ChannelRules(Contract):
    """An administrator's rules for this scope. `allow` and `block` hold the platform's ids of people or channels."""

    off: bool = False
    reply_mode: ReplyMode | None = None
    answer_in: AnswerIn | None = None
    allow: list[str] = []
    block: list[str] = []


class ChannelRulesChange(Contract):
    """Changes of the rules; None leaves a rule as it is."""

    off: bool | None = None
    reply_mode: ReplyMode | None = None
    answer_in: AnswerIn | None = None
    allow: list[str] | None = None
    block: list[str] | None = None


class ScopeSettings(Contract):
    """The overrides of a scope and, for a thread that is a scope of its own, those of its parent channel.

    `off`: the bot is switched off in this scope or in its parent.
    """

    own: Overrides
    parent: Overrides | None = None
    off: bool = False


class ChannelThread(Contract):
    """A conversation that the bot takes part in.

    Attributes:
        conversation: its key.
        muted: the bot was told to be quiet here.
        position: the platform's position of the last message that was processed. Positions are compared as text.
        gap_start: the position from which the thread must be read, when messages after it were left unread.
    """

    conversation: str
    muted: bool = False
    position: str = ""
    gap_start: str = ""


class ThreadUpdate(Contract):
    """A message of a conversation was processed.

    Attributes:
        conversation: its key.
        position: the platform's position of the message.
        active: the bot takes part in the conversation from now on.
        muted: None leaves it as it is.
        gap_start: None leaves it as it is.
        unread: the message, or messages before it, are left to the next reading of the thread.
        parent_scope: the channel around a thread that is a scope of its own.
    """

    conversation: str
    position: str = ""
    active: bool = True
    muted: bool | None = None
    gap_start: str | None = None
    unread: bool = False
    parent_scope: str = ""


class ReadPosition(Contract):
    """The position up to which a channel was read: every message up to it was processed, or was not for the bot."""

    position: str = ""


class ChannelViewRequest(Contract):
    """Asks for a channel; `conversation` names the thread that is wanted with it."""

    conversation: str | None = None


class ChannelView(Contract):
    """A channel's rules, one of its threads, and its read position.

    Attributes:
        rules: the rules of this scope.
        thread: the conversation asked for; None when the bot takes no part in it.
        is_full: the channel keeps its maximum of threads, so a thread that is missing may have been dropped.
        position: the position up to which the channel was read.
    """

    rules: ChannelRules
    thread: ChannelThread | None = None
    is_full: bool = False
    position: str = ""


class ChannelThreads(Contract):
    """The conversations that the bot takes part in, the most recently used last."""

    threads: list[ChannelThread] = []


class PostponedDelivery(Contract):
    """A delivery that waits until the platform's bot is registered."""

    conversation: str
    request: DeliverRequest


class ReleasedDeliveries(Contract):
    """The number of postponed deliveries that were sent."""

    deliveries: int = 0
