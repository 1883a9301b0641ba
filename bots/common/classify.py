"""What a message is to the bot: a pure function of the message, the place, and the settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bots.common import commands
from bots.common.commands import Command
from bots.common.events import MessageEvent
from chat_service.keys import ConversationKey, Platform
from chat_service.objects.channel_threads import Place, ReplyMode, Rules
from chat_service.settings import Settings


@dataclass(frozen=True, slots=True)
class Action:
    """What is to be done about a message. `reason` is told to the person who was refused."""

    kind: Literal["ignore", "refuse", "command", "note", "ask"]
    command: Command | None = None
    reason: str = ""


DEFAULT_MODES: dict[Platform, ReplyMode] = {"slack": "threads", "discord": "mentions"}


def may_use(key: ConversationKey, person: str, settings: Settings, *rules: Rules, also: Iterable[str] = ()) -> bool:
    """Whether a person may use the bot in a channel: not on any block list, and on each allow list there is.

    A list names workspaces, channels and people by the platform's ids; `also` are those of the person's roles, and of
    the channel that a thread belongs to.
    """
    names = {key.space, key.channel, person, *also} - {""}
    blocks = [settings.access_block, *(one.block for one in rules)]
    allows = [settings.access_allow, *(one.allow for one in rules)]
    return not any(names & set(one) for one in blocks) and all(names & set(one) for one in allows if one)


def is_welcome(heard: MessageEvent, key: ConversationKey, places: Sequence[Place], settings: Settings) -> bool:
    """Whether the author of a message may use the bot where it was said."""
    person = heard.author.id if heard.author else ""
    also = (*heard.roles, heard.parent_scope.rpartition(":")[2])
    return may_use(key, person, settings, *(one.rules for one in places), also=also)


def classify(heard: MessageEvent, key: ConversationKey, places: Sequence[Place], settings: Settings) -> Action:
    """What a message is: for the bot, about it, around it, or none of its business. `places`: widest first."""
    addressed = heard.is_direct_message or heard.mentions_bot
    rules = [one.rules for one in places]
    off = any(one.off for one in rules)
    if off or not is_welcome(heard, key, places, settings):
        reason = commands.OFF if off else commands.NOT_ALLOWED
        return Action("refuse", reason=reason) if addressed else Action("ignore")
    if addressed:
        command = commands.command_of(heard.text)
        return Action("command", command) if command else Action("ask")
    thread = places[-1].thread
    mode = narrowest(rules, "reply_mode") or DEFAULT_MODES.get(key.platform)
    listens = heard.in_bot_thread or mode == "everything" or (mode == "threads" and thread is not None)
    if not listens or (thread is not None and thread.muted):
        return Action("ignore")  # the next mention reads what was said meanwhile
    return Action("note") if heard.mentions_others else Action("ask")


def narrowest(rules: Sequence[Rules], name: Literal["reply_mode", "answer_in"]) -> str | None:
    """What was decided nearest to the message, if anything; `rules`: widest first."""
    return next((value for one in reversed(rules) if (value := getattr(one, name)) is not None), None)
