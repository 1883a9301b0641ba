"""Texts that people read on Slack and Discord."""

from __future__ import annotations

from chat_service.contracts import CutOff
from chat_service.contracts.quota import QuotaOutcome

HELP_SLACK = """\
I am an AI assistant: my answers can be wrong, so check what matters.

• **Talk**: mention me in a channel and I answer in a thread; from then on every message in that thread is part of the \
conversation. In a direct message just write.
• **`stop`** ends a running reply, **`stop all`** also cancels waiting messages.
• **`reset`** starts a new context: I no longer use earlier messages. **`quiet`** makes me silent in a thread until \
I am mentioned again.
• **`history`** shows you this conversation's messages.
• **What is kept**: the messages of conversations I take part in, until they are forgotten. Edits and deletions apply \
here too.
• **Who can read it**: everyone who can read the channel or thread, and the operator of this bot.
• **How to forget it**: write **`forget`** in the conversation (in a channel only an administrator can), or in a \
direct message outside any thread to delete all of our direct conversations. The operator of this bot can delete \
everything that one person has written."""

HELP_DISCORD = """\
I am an AI assistant: my answers can be wrong, so check what matters.

• **Talk**: mention me in a channel or reply to me and I answer there; in a thread that I opened and in direct \
messages just write.
• **`/stop`** ends a running reply, **`/stop everything`** also cancels waiting messages. **`/reset`** starts a new \
context: I no longer use earlier messages. `@me quiet` makes me silent until I am mentioned again.
• **`/history`** shows you, and only you, this channel's or thread's messages. **`/settings`** shows and changes how I \
behave here. **`/ask`** asks me something without a mention.
• **What is kept**: the messages of conversations I take part in, until they are forgotten. Edits and deletions apply \
here too.
• **Who can read it**: everyone who can read the channel or thread, and the operator of this bot.
• **How to forget it**: **`/forget-me`** deletes everything you have written to me, everywhere."""

UNREACHABLE = "I cannot reach the chat service right now. Nothing is lost: please try again in a moment."
NOT_READABLE = "You may not read this conversation, so you cannot do that."
NOT_ALLOWED = "I may not answer you here. The operator of this bot decides who may use it."
SWITCHED_OFF = "I am switched off here. An administrator can switch me on again."
NOTHING_RUNS = "No reply is running here right now."
STOPPED = "Stopped. The text so far is kept."
STOPPING = "Stopping the reply and cancelling the waiting messages."
RESET = "This is a fresh start: I no longer use earlier messages. They stay in the history."
RESET_NEEDS_THREAD = (
    "Outside a thread every message starts a new conversation. Write `reset` in a thread to reset that."
)
QUIET = "I am silent here until I am mentioned again."
NOT_QUIET = "In a direct message I answer everything you write. `stop` ends a running reply."
QUESTION_DELETED = "That question was deleted, so it cannot be answered again."
NOT_THE_LAST = "Only the last reply of a conversation can be regenerated: please ask your question again."
FORGOTTEN = "Forgotten: nothing of this conversation is kept."
ALL_FORGOTTEN = "Forgotten: nothing of our direct conversations is kept, in any thread."
NOT_PERMITTED_SLACK = "Only an administrator, or the creator of this channel, can do that here."
NOT_PERMITTED_DISCORD = (
    "Only people who may manage this channel can do that. Changing server settings needs the permission Manage Server."
)
NOT_PERMITTED_TO_FORGET_DISCORD = (
    "Only people who may manage this channel can do that. **`/forget-me`** deletes what you have written."
)
EMPTY_MESSAGE = "Write your question after my name, and I will answer."
QUEUE_FULL = "A hundred messages wait here already. Please let some of them be answered first."
FEEDBACK_RECORDED: dict[str, str] = {
    "up": "Thank you: your 👍 is stored with this answer.",
    "down": "Thank you: your 👎 is stored with this answer. Tell me what was wrong, and I try again.",
}
EARLIER_MESSAGES_OMITTED = "(Earlier messages of this thread were left out: there are more than can be read.)"
"""Shown to the model."""
CUT_OFF: dict[CutOff, str] = {
    "length": "cut off here, at the model's limit: ask it to go on",
    "filter": "cut off here, by a filter of the model's provider",
}
QUESTION_SHORTENED = "what you wrote was longer than this model can read: its middle was left out"


def help_text(conversation: str) -> str:
    """Return the help for the conversation's platform."""
    return HELP_DISCORD if conversation.startswith("discord:") else HELP_SLACK


def not_permitted_to_forget(conversation: str) -> str:
    """Return why a person may not have a conversation forgotten, for the conversation's platform."""
    return NOT_PERMITTED_TO_FORGET_DISCORD if conversation.startswith("discord:") else NOT_PERMITTED_SLACK


def unreadable_files(names: list[str]) -> str:
    """Return which files the bot cannot read."""
    return f"I cannot read {', '.join(names)}. Text files work, and images if the model can see them."


def over_limit(outcome: QuotaOutcome, seconds: float) -> str:
    """Return that a limit was reached and when to try again."""
    if outcome == "too_many_tokens":
        return f"The daily allowance is used up. It is renewed in {max(seconds / 3600, 1):.0f} h."
    return f"Too many messages in a minute. Please wait {max(seconds, 1):.0f} s before the next one."


def was_offline(hours: float) -> str:
    """Return that messages older than `hours` were found after an outage and are not answered."""
    return (
        f"I was offline and have not answered messages here that are more than {hours:.0f} h old. "
        "If you still want an answer, please ask again."
    )
