"""When a conversation is summarised, and how the summary reads: pure functions.

The model sees the summary and, word for word, everything that came after what it covers. A summary is wanted when
that has grown long, and covers all but the newest messages: so that a short "yes" keeps its meaning, and so that
the prompt is append-only from one summary to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from chat_service.contracts import Message
from chat_service.conversation import context
from chat_service.conversation.conversation import Conversation
from chat_service.conversation.window import KEEP, WINDOW
from chat_service.models.protocol import Prompt, PromptMessage

FULL = 0.6
"""The share of the prompt's budget from which on a summary is wanted, however few the messages are."""
KEEP_SHARE = 0.3
"""The share of the budget that what stays word for word may take, when messages are large."""
PATIENCE = 12
"""Messages after which a summary that did not come is asked for again."""
MAX_TOKENS = 600
SHARE = 0.2
"""The share of the prompt's budget that a summary may take; it is clipped to that."""

INSTRUCTION = (
    "Summarise this conversation for the assistant, who will no longer see it. Keep every name, decision, preference, "
    "promise, number and open question, and who they belong to; leave out greetings and small talk. "
    "Fold in the earlier summary, and keep all of it that still holds. Write short plain sentences, "
    "in the language of the conversation, and nothing else."
)
HEADING = "What was said earlier in this conversation, in summary:"


def wanted(conversation: Conversation, budget: context.Budget) -> int | None:
    """The sequence number up to which a summary is wanted now, or None."""
    meta = conversation.meta
    open_ = [m for m in conversation.recent.messages if m.seq > conversation.summarised and not m.replaced]
    full = sum(_size(m) for m in open_) > FULL * budget.characters
    if len(open_) < WINDOW and not full:
        return None
    upto = _cut(open_, budget)
    if upto is None or upto < meta.summary_asked + PATIENCE:
        return None
    return upto


def anew(conversation: Conversation, budget: context.Budget) -> int:
    """How far a summary goes that is written anew for one that was lost: over all that scrolled out, and over no more
    of what stands word for word than is usual. 0 when there is nothing to summarise."""
    held = conversation.recent.messages
    scrolled_out = held[0].seq - 1 if held else 0
    standing = [m for m in held if m.seq > conversation.summarised and not m.replaced]
    return min(conversation.lost_summary, max(_cut(standing, budget) or 0, scrolled_out))


def _cut(open_: Sequence[Message], budget: context.Budget) -> int | None:
    """The last message before the turns that stay word for word; None when there is nothing before them."""
    turns = [list(group) for _, group in groupby(open_, key=lambda m: m.turn)]
    kept, size = 0, 0
    while turns:
        last = turns[-1]
        weight = sum(map(_size, last))
        if kept and (kept + len(last) > KEEP or size + weight > KEEP_SHARE * budget.characters):
            break
        kept, size = kept + len(last), size + weight
        turns.pop()
    return turns[-1][-1].seq if turns else None


def _size(message: Message) -> int:
    return len(message.text) + sum(len(a.text or "") for a in message.attachments)


def told(system: str, summary: str, budget: context.Budget) -> str:
    """The system prompt with the summary behind it."""
    if not summary:
        return system
    return "\n\n".join(part for part in (system, f"{HEADING}\n{clipped(summary, budget)}") if part)


def clipped(summary: str, budget: context.Budget) -> str:
    """A summary no longer than its share."""
    room = max(int(SHARE * budget.characters), 200)
    return summary if len(summary) <= room else summary[:room].rsplit("\n", 1)[0]


def chunks(messages: Sequence[Message], budget: context.Budget) -> list[list[str]]:
    """The turns that count as lines, in pieces that one call of the model can read beside the summary so far."""
    room = max(int(budget.characters * (1 - SHARE)) - len(INSTRUCTION) - 200, 400)
    pieces: list[list[str]] = [[]]
    used = 0
    called = context.speakers(messages)
    for message in (m for turn in context.standing_turns(messages) for m in turn):
        line = _line(message, room, called)
        if used + len(line) > room and pieces[-1]:
            pieces.append([])
            used = 0
        pieces[-1].append(line)
        used += len(line) + 1
    return [piece for piece in pieces if piece]


def prompt(summary: str, lines: list[str], budget: context.Budget) -> Prompt:
    """Asks for the next summary."""
    parts = [INSTRUCTION]
    if summary:
        parts.append(f"The earlier summary:\n{clipped(summary, budget)}")
    parts.append("The conversation since:\n" + "\n".join(lines))
    return Prompt((PromptMessage("user", "\n\n".join(parts)),), temperature=0.2, max_output_tokens=MAX_TOKENS)


def _line(message: Message, room: int, called: context.Called) -> str:
    who = "Assistant"
    if message.role == "user":
        who = (message.author and called.get((message.author.id, message.author.name))) or "Person"
    files = "".join(f" (attached: {context.safe_name(a.name)})" for a in message.attachments)
    return f"{who}: {' '.join(message.text.split())}{files}"[:room]
