"""Rules for a conversation's summary: when one is needed, what it covers, and the prompts for it. Pure functions.

The model sees the summary and, word for word, all messages after the ones that it covers. A summary is needed when
those messages have become long. It covers all but the newest of them, so that a short "yes" keeps its meaning, and so
that the prompt is append-only from one summary to the next.
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
"""A summary is needed from this share of the budget on that system prompt and summary leave, however few messages there
are. The rest is for the next question, and for the messages that arrive while the summary is written."""
VERBATIM_SHARE = 0.3
"""Share of the same that the messages after the summary may use, when messages are large."""
RETRY_AFTER_MESSAGES = 12
"""Messages after which a summary that was requested and did not arrive is requested again."""
RETRY_AFTER_MESSAGES_WHEN_FULL = 4
"""The same when messages are large: until the summary arrives, the oldest of them do not fit into the prompt."""
SYSTEM_SHARE = 0.5
"""Share of the prompt's budget that the system prompt may use; it is clipped to that."""
SUMMARY_SHARE = 0.2
"""Share of the prompt's budget that a summary may use; it is clipped to that."""
MAX_TOKENS = 600

INSTRUCTION = (
    "Summarise this conversation for the assistant, who will no longer see it. Keep every name, decision, preference, "
    "promise, number and open question, and who they belong to; leave out greetings and small talk. "
    "Fold in the earlier summary, and keep all of it that still holds. Write short plain sentences, "
    "in the language of the conversation, and nothing else."
)
HEADING = "What was said earlier in this conversation, in summary:"


def needed_summary_upto(conversation: Conversation, budget: context.Budget, system: str = "") -> int | None:
    """Return the sequence number up to which a summary is needed now, or None."""
    meta = conversation.meta
    uncovered = [m for m in conversation.verbatim_messages() if not m.replaced]
    room = budget.characters - len(prompt_with_summary(system, meta.summary, budget))
    is_full = sum(_message_size(m, budget) for m in uncovered) > FULL_SHARE * room
    if len(uncovered) < SUMMARY_THRESHOLD and not is_full:
        return None
    upto = _summary_end(uncovered, budget, room)
    if upto is None:
        return None
    retry_after = RETRY_AFTER_MESSAGES_WHEN_FULL if is_full else RETRY_AFTER_MESSAGES
    if meta.summary_requested_upto > conversation.verbatim_after and upto < meta.summary_requested_upto + retry_after:
        return None  # a requested summary is being written
    return upto


def replacement_summary_upto(conversation: Conversation, budget: context.Budget) -> int:
    """Return how far a summary goes that replaces a dropped one, or 0 when there is nothing to summarize.

    It covers everything that scrolled out, and no more of the held messages than usual.
    """
    held = conversation.recent.messages
    scrolled_out_upto = held[0].seq - 1 if held else 0
    uncovered = [m for m in conversation.verbatim_messages() if not m.replaced]
    usual_end = _summary_end(uncovered, budget, budget.characters) or 0
    return min(conversation.stale_summary_upto, max(usual_end, scrolled_out_upto))


def prompt_with_summary(system: str, summary: str, budget: context.Budget) -> str:
    """Return the system prompt followed by the summary, each clipped to its share."""
    system = system[: budget.share(SYSTEM_SHARE)]
    if not summary:
        return system
    return "\n\n".join(part for part in (system, f"{HEADING}\n{clip_summary(summary, budget)}") if part)


def clip_summary(summary: str, budget: context.Budget) -> str:
    """Return the summary, cut at a line's end to its share of the budget."""
    room = budget.share(SUMMARY_SHARE)
    return summary if len(summary) <= room else summary[:room].rsplit("\n", 1)[0]


def transcript_chunks(messages: Sequence[Message], budget: context.Budget) -> list[list[str]]:
    """Return the included turns as lines, in chunks that fit into one prompt beside the previous summary."""
    room = max(int(budget.characters * (1 - SUMMARY_SHARE)) - len(INSTRUCTION) - 200, 400)
    chunks: list[list[str]] = [[]]
    used = 0
    names = context.speaker_names(messages)
    for message in (m for turn in context.included_turns(messages) for m in turn):
        line = _line(message, room, names)
        if used + len(line) > room and chunks[-1]:
            chunks.append([])
            used = 0
        chunks[-1].append(line)
        used += len(line) + 1
    return [chunk for chunk in chunks if chunk]


def summary_prompt(summary: str, lines: list[str], budget: context.Budget) -> Prompt:
    """Return the prompt that asks to extend `summary` by the lines of one chunk."""
    parts = [INSTRUCTION]
    if summary:
        parts.append(f"The earlier summary:\n{clip_summary(summary, budget)}")
    parts.append("The conversation since:\n" + "\n".join(lines))
    return Prompt((PromptMessage("user", "\n\n".join(parts)),), temperature=0.2, max_output_tokens=MAX_TOKENS)


def _summary_end(uncovered: Sequence[Message], budget: context.Budget, room: int) -> int | None:
    """Return the last message before the turns that stay word for word; None when there is none before them."""
    turns = [list(group) for _, group in groupby(uncovered, key=lambda m: m.turn)]
    kept, kept_size = 0, 0
    while turns:
        last = turns[-1]
        size = sum(_message_size(m, budget) for m in last)
        if kept and (kept + len(last) > SUMMARY_KEEPS or kept_size + size > VERBATIM_SHARE * room):
            break
        kept, kept_size = kept + len(last), kept_size + size
        turns.pop()
    upto = turns[-1][-1].seq if turns else 0
    # A regenerated reply may lie behind later turns. Half of a turn is useless on either side of the border, so the
    # border moves in front of a turn that it would split.
    while split := {m.turn for m in uncovered if m.seq <= upto} & {m.turn for m in uncovered if m.seq > upto}:
        upto = min(m.seq for m in uncovered if m.turn in split) - 1
    return upto if uncovered and upto >= uncovered[0].seq else None


def _message_size(message: Message, budget: context.Budget) -> int:
    characters = len(message.text) + sum(len(a.text or "") for a in message.attachments)
    images = len(context.readable_images(message, budget))
    return characters + context.MESSAGE_OVERHEAD + context.IMAGE_CHARACTERS * images


def _line(message: Message, room: int, names: context.SpeakerNames) -> str:
    author = "Assistant"
    if message.role == "user":
        author = (message.author and names.get((message.author.id, message.author.name))) or "Person"
    files = "".join(f" (attached: {context.safe_name(a.name)})" for a in message.attachments)
    return f"{author}: {' '.join(message.text.split())}{files}"[:room]
