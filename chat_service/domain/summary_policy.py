"""When a conversation is summarised, and how the summary reads: pure functions.

The model sees the summary and, word for word, everything that came after what it covers. A summary is wanted when
that has grown long, and covers all but the newest messages: so that a short "yes" keeps its meaning, and so that
the prompt is append-only from one summary to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from chat_service.contracts import Message
from chat_service.domain import context
from chat_service.domain.conversation import Conversation
from chat_service.domain.window import SUMMARY_KEEPS, SUMMARY_THRESHOLD
from chat_service.models.protocol import Prompt, PromptMessage

FULL_SHARE = 0.6
"""The share of what system prompt and summary leave of the budget from which on a summary is wanted, however few the
messages are; what is over is for the next question, and for what is said while the summary is written."""
VERBATIM_SHARE = 0.3
"""The share of the same that what stays word for word may take, when messages are large."""
RETRY_AFTER_MESSAGES = 12
"""Messages after which a summary that was asked for and did not come is asked for again."""
RETRY_AFTER_MESSAGES_WHEN_FULL = 4
"""The same where messages are large: as long as it does not come, the oldest of them fall out of the prompt."""
SYSTEM_SHARE = 0.5
"""The share of the prompt's budget that the system prompt may take; it is clipped to that."""
MAX_TOKENS = 600
SUMMARY_SHARE = 0.2
"""The share of the prompt's budget that a summary may take; it is clipped to that."""

INSTRUCTION = (
    "Summarise this conversation for the assistant, who will no longer see it. Keep every name, decision, preference, "
    "promise, number and open question, and who they belong to; leave out greetings and small talk. "
    "Fold in the earlier summary, and keep all of it that still holds. Write short plain sentences, "
    "in the language of the conversation, and nothing else."
)
HEADING = "What was said earlier in this conversation, in summary:"


def needed_summary_upto(conversation: Conversation, budget: context.Budget, system: str = "") -> int | None:
    """The sequence number up to which a summary is wanted now, or None."""
    meta = conversation.meta
    open_ = [m for m in conversation.recent.messages if m.seq > conversation.verbatim_after and not m.replaced]
    room = budget.characters - len(prompt_with_summary(system, meta.summary, budget))
    full = sum(_size(m, budget) for m in open_) > FULL_SHARE * room
    if len(open_) < SUMMARY_THRESHOLD and not full:
        return None
    upto = _cut(open_, budget, room)
    if upto is None:
        return None
    patience = RETRY_AFTER_MESSAGES_WHEN_FULL if full else RETRY_AFTER_MESSAGES
    if meta.summary_requested_upto > conversation.verbatim_after and upto < meta.summary_requested_upto + patience:
        return None  # one is being written
    return upto


def replacement_summary_upto(conversation: Conversation, budget: context.Budget) -> int:
    """How far a summary goes that is written anew for one that was lost: over all that scrolled out, and over no more
    of what stands word for word than is usual. 0 when there is nothing to summarise."""
    held = conversation.recent.messages
    scrolled_out = held[0].seq - 1 if held else 0
    standing = [m for m in held if m.seq > conversation.verbatim_after and not m.replaced]
    return min(conversation.stale_summary_upto, max(_cut(standing, budget, budget.characters) or 0, scrolled_out))


def _cut(open_: Sequence[Message], budget: context.Budget, room: int) -> int | None:
    """The last message before the turns that stay word for word; None when there is nothing before them."""
    turns = [list(group) for _, group in groupby(open_, key=lambda m: m.turn)]
    kept, size = 0, 0
    while turns:
        last = turns[-1]
        weight = sum(_size(m, budget) for m in last)
        if kept and (kept + len(last) > SUMMARY_KEEPS or size + weight > VERBATIM_SHARE * room):
            break
        kept, size = kept + len(last), size + weight
        turns.pop()
    upto = turns[-1][-1].seq if turns else 0
    # A turn that was answered anew after others ends behind them: half of one counts for nothing, on either side.
    while split := {m.turn for m in open_ if m.seq <= upto} & {m.turn for m in open_ if m.seq > upto}:
        upto = min(m.seq for m in open_ if m.turn in split) - 1
    return upto if open_ and upto >= open_[0].seq else None


def _size(message: Message, budget: context.Budget) -> int:
    said = len(message.text) + sum(len(a.text or "") for a in message.attachments)
    return said + context.MESSAGE_OVERHEAD + context.IMAGE_CHARACTERS * len(context.readable_images(message, budget))


def prompt_with_summary(system: str, summary: str, budget: context.Budget) -> str:
    """The system prompt with the summary behind it."""
    system = system[: budget.share(SYSTEM_SHARE)]
    if not summary:
        return system
    return "\n\n".join(part for part in (system, f"{HEADING}\n{clip_summary(summary, budget)}") if part)


def clip_summary(summary: str, budget: context.Budget) -> str:
    """A summary no longer than its share."""
    room = budget.share(SUMMARY_SHARE)
    return summary if len(summary) <= room else summary[:room].rsplit("\n", 1)[0]


def transcript_chunks(messages: Sequence[Message], budget: context.Budget) -> list[list[str]]:
    """The turns that count as lines, in pieces that one call of the model can read beside the summary so far."""
    room = max(int(budget.characters * (1 - SUMMARY_SHARE)) - len(INSTRUCTION) - 200, 400)
    pieces: list[list[str]] = [[]]
    used = 0
    called = context.speaker_names(messages)
    for message in (m for turn in context.included_turns(messages) for m in turn):
        line = _line(message, room, called)
        if used + len(line) > room and pieces[-1]:
            pieces.append([])
            used = 0
        pieces[-1].append(line)
        used += len(line) + 1
    return [piece for piece in pieces if piece]


def summary_prompt(summary: str, lines: list[str], budget: context.Budget) -> Prompt:
    """Asks for the next summary."""
    parts = [INSTRUCTION]
    if summary:
        parts.append(f"The earlier summary:\n{clip_summary(summary, budget)}")
    parts.append("The conversation since:\n" + "\n".join(lines))
    return Prompt((PromptMessage("user", "\n\n".join(parts)),), temperature=0.2, max_output_tokens=MAX_TOKENS)


def _line(message: Message, room: int, called: context.SpeakerNames) -> str:
    who = "Assistant"
    if message.role == "user":
        who = (message.author and called.get((message.author.id, message.author.name))) or "Person"
    files = "".join(f" (attached: {context.safe_name(a.name)})" for a in message.attachments)
    return f"{who}: {' '.join(message.text.split())}{files}"[:room]
