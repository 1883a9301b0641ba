"""What can be said to a bot by name that is no question, and what it answers."""

from __future__ import annotations

import re
from typing import Literal

Command = Literal["help", "stop", "stop all", "reset", "quiet", "history", "forget"]

_COMMAND = re.compile(r"[\s/!,:]*(help|stop all|stop|reset|quiet|history|forget)[\s.!?]*", re.IGNORECASE)

HELP = """\
I am an AI assistant: what I say can be wrong, so check what matters.

• **Talk**: mention me in a channel, and I answer in a thread; from then on every message there is part of the \
conversation. In a direct message just write.
• **`stop`** ends a running reply, **`stop all`** also takes back what waits.
• **`reset`** starts afresh: I no longer look at what was said before. **`quiet`** keeps me silent in a thread until \
somebody mentions me again.
• **`history`** shows you what this conversation holds.
• **What is kept**: the messages of conversations I take part in, until they are forgotten. Edits and deletions count \
here too.
• **Who can read it**: whoever can read the channel or thread it was said in, and whoever operates this bot.
• **How to forget it**: say **`forget`** in the conversation (in a channel an administrator has to), or in our direct \
messages outside any thread to have all of those forgotten. Whoever operates this bot can forget everything that one \
person has said."""

HELP_DISCORD = """\
I am an AI assistant: what I say can be wrong, so check what matters.

• **Talk**: mention me in a channel or reply to me, and I answer there; in a thread of mine and in direct messages \
just write.
• **`/stop`** ends a running reply, **`/stop everything`** also takes back what waits. **`/reset`** starts afresh: I \
no longer look at what was said before. `@me quiet` keeps me silent until somebody mentions me again.
• **`/history`** shows you, and you alone, what this channel or thread holds. **`/settings`** shows and changes how I \
behave here. **`/ask`** asks me something without a mention.
• **What is kept**: the messages of conversations I take part in, until they are forgotten. Edits and deletions count \
here too.
• **Who can read it**: whoever can read the channel or thread it was said in, and whoever operates this bot.
• **How to forget it**: **`/forget-me`** removes what you have said to me, everywhere."""

AWAY = "I cannot reach my memory right now. Nothing is lost: please try again in a moment."
NOT_READABLE = "You may not read what is said here, so this is not for you."
NOTHING_RUNS = "Nothing is being answered here right now."
STOPPED = "Stopped; what was said so far stays."
STOPPING = "Stopping, and taking back what waits."
RESET = "A fresh start: from here on I no longer look at what was said before. The history stays readable."
QUIET = "I keep quiet here until somebody mentions me again."
NOT_QUIET = "Here we talk alone, so I answer whatever you write. `stop` ends a reply that is running."
QUESTION_GONE = "That question was deleted, so there is nothing to answer any more: please ask anew."
NOT_THE_LAST = "Only the last reply of a conversation can be tried again: please ask your question once more."
NOTED: dict[str, str] = {
    "up": "Thank you: your 👍 is kept with this answer.",
    "down": "Thank you: your 👎 is kept with this answer. Say what was wrong, and I try again.",
}
ALL_FORGOTTEN = "Forgotten: nothing of what we have said here is kept, in any thread."
ALWAYS_FRESH = "Outside a thread each of your messages starts afresh. Say `reset` in a thread to start afresh there."
FORGOTTEN = "Forgotten: nothing of this conversation is kept."
NOT_YOURS = "Only an administrator, or the one who created this channel, can do that here."
NOT_YOURS_DISCORD = "Only somebody who may manage this channel can do that here, and the server's settings want more."
NOT_YOURS_TO_FORGET = (
    "Only somebody who may manage this channel can do that. **`/forget-me`** removes what you have said."
)
BLANK = "Write your question after my name, and I will answer."
OFF = "I am switched off here. Whoever administers this place can switch me on again."
NOT_ALLOWED = "I may not answer you here. Whoever operates this bot decides who may use it."
FULL = "A hundred messages wait here already. Please let some of them be answered first."


def help_on(conversation: str) -> str:
    """What this is, in the words of the conversation's platform."""
    return HELP_DISCORD if conversation.startswith("discord:") else HELP


def not_yours(conversation: str) -> str:
    """Why somebody may not have a conversation forgotten, in the words of its platform."""
    return NOT_YOURS_TO_FORGET if conversation.startswith("discord:") else NOT_YOURS


def without_name(text: str, name: re.Pattern[str]) -> str:
    """A text without the bot's own name at the beginning: there it is the address. Anywhere else it is part of what is
    said, unless nothing but a command is left without it ("stop @bot")."""
    bare = name.sub(" ", text)
    if command_of(bare) is not None:
        return bare
    return re.sub(rf"^\s*(?:(?:{name.pattern})[\s,:]*)+", "", text)


def command_of(text: str) -> Command | None:
    """The command that a message to the bot is, if it is nothing else."""
    match = _COMMAND.fullmatch(text)
    if match is None:
        return None
    found: Command = match.group(1).lower()  # type: ignore[assignment]
    return found


def unreadable(names: list[str]) -> str:
    """What cannot be read, by name."""
    return f"I cannot read {', '.join(names)}. Text files work, and pictures where the model can see."


def wait_a_bit(over: str, seconds: float) -> str:
    """A limit was reached."""
    if over == "tokens":
        return (
            f"That is all for today: the daily allowance is used up. It starts anew in {max(seconds / 3600, 1):.0f} h."
        )
    return f"That was quick! Please give me {max(seconds, 1):.0f} s before the next message."


def was_away(hours: float) -> str:
    """Messages that came while nobody was there, too long ago to be answered now."""
    return (
        f"I was away and have read only now what was said here more than {hours:.0f} h ago. "
        "Do you still want an answer? Then ask again."
    )
