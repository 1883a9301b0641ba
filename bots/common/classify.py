"""Decides what to do about a message: a pure function of the message, the channel's rules and the settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bots.common import commands, texts
from bots.common.commands import Command
from bots.common.events import MessageEvent
from chat_service.contracts.channel import ChannelRules, ChannelView, ReplyMode
from chat_service.keys import ConversationKey, Platform
from chat_service.settings import Settings

DEFAULT_REPLY_MODES: dict[Platform, ReplyMode] = {"slack": "threads", "discord": "mentions"}


@dataclass(frozen=True, slots=True)
class Action:
    """The action that a message leads to.

    `note` stores the message without an answer, `ask` answers it. `reason` is the text for a person who is refused.
    """

    kind: Literal["ignore", "refuse", "command", "note", "ask"]
    command: Command | None = None
    reason: str = ""


def may_use(
    key: ConversationKey, person: str, settings: Settings, *rules: ChannelRules, other_ids: Iterable[str] = ()
) -> bool:
    """Return whether a person may use the bot in a channel: on no block list, and on each allow list that exists.

    A list contains ids of workspaces, channels and people. `other_ids` are the ids of the person's roles and of the
    channel that contains the thread.
    """
    ids = {key.space, key.channel, person, *other_ids} - {""}
    block_lists = [settings.access_block, *(rule.block for rule in rules)]
    allow_lists = [settings.access_allow, *(rule.allow for rule in rules)]
    return not any(ids & set(blocked) for blocked in block_lists) and all(
        ids & set(allowed) for allowed in allow_lists if allowed
    )


def is_author_allowed(
    event: MessageEvent, key: ConversationKey, channels: Sequence[ChannelView], settings: Settings
) -> bool:
    """Return whether the author of a message may use the bot in the message's channel."""
    other_ids = (*event.roles, event.parent_scope.rpartition(":")[2])
    rules = (channel.rules for channel in channels)
    return may_use(key, event.author_id, settings, *rules, other_ids=other_ids)


def classify(event: MessageEvent, key: ConversationKey, channels: Sequence[ChannelView], settings: Settings) -> Action:
    """Return what to do about a message. `channels` are its scopes, the widest first."""
    is_for_bot = event.is_direct_message or event.mentions_bot
    rules = [channel.rules for channel in channels]
    is_off = any(rule.off for rule in rules)
    if is_off or not is_author_allowed(event, key, channels, settings):
        reason = texts.SWITCHED_OFF if is_off else texts.NOT_ALLOWED
        return Action("refuse", reason=reason) if is_for_bot else Action("ignore")
    if is_for_bot:
        command = commands.parse_command(event.text)
        return Action("command", command) if command else Action("ask")
    thread = channels[-1].thread
    mode = narrowest(rules, "reply_mode") or DEFAULT_REPLY_MODES.get(key.platform)
    listens = event.in_bot_thread or mode == "everything" or (mode == "threads" and thread is not None)
    if not listens or (thread is not None and thread.muted):
        return Action("ignore")  # the next mention reads the messages up to it
    return Action("note") if event.mentions_others else Action("ask")


def narrowest(rules: Sequence[ChannelRules], name: Literal["reply_mode", "answer_in"]) -> str | None:
    """Return the value of a rule set for the narrowest scope, or None. `rules` are ordered with the widest first."""
    return next((value for rule in reversed(rules) if (value := getattr(rule, name)) is not None), None)
