"""What a message is to the bot: a pure function of the message, the place, and the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bots.adapter import commands
from bots.adapter.commands import Command
from bots.adapter.contract import Heard
from chat_service.conversation.places import Place, Rules
from chat_service.keys import ConversationKey
from chat_service.settings import Settings


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done about a message. `reason` is told to the person who was refused."""

    act: Literal["ignore", "refuse", "command", "note", "ask"]
    command: Command | None = None
    reason: str = ""


def may_use(key: ConversationKey, person: str, settings: Settings, *rules: Rules) -> bool:
    """Whether a person may use the bot in a channel: not on any block list, and on each allow list there is.

    A list names workspaces, channels and people by the platform's ids.
    """
    names = {key.space, key.channel, person}
    blocks = [settings.access_block, *(one.block for one in rules)]
    allows = [settings.access_allow, *(one.allow for one in rules)]
    return not any(names & set(one) for one in blocks) and all(names & set(one) for one in allows if one)


def judge(heard: Heard, key: ConversationKey, space: Place, channel: Place, settings: Settings) -> Verdict:
    """What a message is: for the bot, about it, around it, or none of its business."""
    addressed = heard.direct or heard.mentions_bot
    person = heard.author.id if heard.author else ""
    off = space.rules.off or channel.rules.off
    if off or not may_use(key, person, settings, space.rules, channel.rules):
        reason = commands.OFF if off else commands.NOT_ALLOWED
        return Verdict("refuse", reason=reason) if addressed else Verdict("ignore")
    if addressed:
        command = commands.command_of(heard.text)
        return Verdict("command", command) if command else Verdict("ask")
    thread = channel.thread
    mode = channel.rules.reply_mode or space.rules.reply_mode or "threads"
    if thread is None or thread.quiet or mode == "mentions":
        return Verdict("ignore")  # the next mention reads what was said meanwhile
    return Verdict("note") if heard.mentions_others else Verdict("ask")
