"""Build the prompt that the model gets from a conversation's messages. Pure functions.

The prompt holds the system prompt, then whole turns word for word, then the question. When the budget is short the
newest turns are kept, and the question is always included. Stopped, failed, withdrawn and replaced messages are left
out. The prompt is append-only: the text for a message depends only on that message and its predecessor, so that a
provider's prefix cache stays valid.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from chat_service.contracts import Attachment, Message, is_blank
from chat_service.models.protocol import Image, Prompt, PromptMessage

TIMESTAMP_GAP = timedelta(hours=1)
"""After a longer silence, a message without an author's name gets a header with its time."""
IMAGE_CHARACTERS = 3_500
"""Size of an image in the budget. Providers bill an image like about a thousand tokens."""
SUPPORTED_IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Media types of images that models accept."""
MESSAGE_OVERHEAD = 16
"""Characters that the framing of each message counts in the budget."""
ID_SUFFIX_LENGTH = 6
"""Characters of an id that distinguish two people with the same name."""
PARTIAL_TEXT_SHARE = 0.3
"""Share of the budget that the beginning of a continued reply may use."""
CONTINUE_INSTRUCTION = "You were cut off there. Go on exactly where your answer ended, without repeating any of it."
"""Asks for the rest of a reply in words: few providers continue an assistant message at the end of a prompt."""

SpeakerNames = dict[tuple[str, str], str]
"""The name shown for each author, by the author's id and name."""
_HEADER = re.compile(r"\[(?=[^\[\]\n]*\d{4}\s\d\d:\d\d\sUTC\s?\])", re.IGNORECASE)
"""Matches the beginning of a text that looks like a message header. It matches anywhere in a line, because too many
characters begin a new line, or are invisible in front of a header."""
_BACKTICKS = re.compile(r"`{3,}")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\[\]<>:\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Budget:
    """The size that a prompt may have.

    Attributes:
        characters: the limit in characters; see `Budget.of`.
        images: whether the model can read images, which then count too.
    """

    characters: int
    images: bool = True

    @classmethod
    def of(cls, context_tokens: int, output_tokens: int, chars_per_token: float, *, images: bool = True) -> Budget:
        """Return what a model's context leaves for the prompt, less the answer and a margin for the chat template."""
        room = max(context_tokens - min(output_tokens, context_tokens // 2) - 64, 64)
        return cls(int(room * chars_per_token * 0.92), images)

    def share(self, fraction: float) -> int:
        """Return a fraction of the budget in characters, at least 200."""
        return max(int(self.characters * fraction), 200)


def build_prompt(
    system: str, history: Sequence[Message], question: Sequence[Message], budget: Budget, partial_text: str = ""
) -> Prompt:
    """Return the prompt for `question` after `history`.

    It stays within the budget, except for the question, of which a clipped form is always included. `partial_text` is
    the beginning of a reply that the model has to continue.
    """
    names = speaker_names([*history, *question])
    turns, previous = _render_turns(history, names, budget)
    rendered_question = _render_all(question, previous, names, budget)
    left = budget.characters - len(system) - MESSAGE_OVERHEAD
    continuation = _continuation(partial_text, max(min(budget.share(PARTIAL_TEXT_SHARE), left // 2), 200))
    left -= sum(map(message_size, continuation))
    clipped = [_clip_middle(message, max(left // max(len(rendered_question), 1), 200)) for message in rendered_question]
    left -= sum(map(message_size, clipped))
    kept: list[PromptMessage] = []
    for rendered in reversed(turns):
        size = sum(map(message_size, rendered))
        if size > left:
            break
        left -= size
        kept[:0] = rendered
    head = [PromptMessage("system", system)] if system else []
    messages = _merge_same_role([*head, *kept, *clipped, *continuation])
    return Prompt(messages=tuple(messages), shortened=clipped != rendered_question)


def message_size(message: PromptMessage) -> int:
    """Return what a message counts in the budget, in characters."""
    return len(message.text) + MESSAGE_OVERHEAD + IMAGE_CHARACTERS * len(message.images)


def prompt_size(prompt: Prompt) -> int:
    """Return what a prompt counts in the budget, in characters."""
    return sum(map(message_size, prompt.messages))


def included_turns(history: Sequence[Message]) -> list[list[Message]]:
    """Return the turns that the model sees, oldest first: questions with their shown reply, and notes."""
    ordered = sorted((m for m in history if not m.replaced), key=lambda m: (m.turn, m.seq))
    turns = [list(group) for _, group in groupby(ordered, key=lambda m: m.turn)]
    return [[m for m in messages if not _is_deleted(m)] for messages in turns if _is_included(messages)]


def readable_images(message: Message, budget: Budget) -> list[Attachment]:
    """Return the attached images that the model can read.

    Trap: an image that was too large to store has neither content nor address. A provider refuses it, and with it every
    later prompt that contains it.
    """
    return [
        a for a in message.attachments if budget.images and a.media_type in SUPPORTED_IMAGE_TYPES and (a.data or a.url)
    ]


def speaker_names(messages: Iterable[Message]) -> SpeakerNames:
    """Return the name to show for each author.

    When two people have the same name, the later one gets the end of their id in addition. The first one keeps the
    plain name, because the prompt is append-only.
    """
    names: SpeakerNames = {}
    owners: dict[str, str] = {}
    for author in (m.author for m in sorted(messages, key=lambda m: (m.turn, m.seq))):
        name = safe_name(author.name) if author else ""
        if author is None or not name or (author.id, author.name) in names:
            continue
        for shown in (name, f"{name} ({safe_name(author.id[-ID_SUFFIX_LENGTH:])})", f"{name} ({safe_name(author.id)})"):
            names[author.id, author.name] = shown
            if owners.setdefault(_normalize(shown), author.id) == author.id:
                break
    return names


def safe_name(name: str) -> str:
    """Return a display name that cannot imitate a message header: one line, no brackets, no colon."""
    return " ".join(_UNSAFE.sub(" ", name).split())[:80]


def _continuation(partial_text: str, room: int) -> list[PromptMessage]:
    if not partial_text:
        return []
    return [PromptMessage("assistant", partial_text[-room:]), PromptMessage("user", CONTINUE_INSTRUCTION)]


def _render_turns(
    history: Sequence[Message], names: SpeakerNames, budget: Budget
) -> tuple[list[list[PromptMessage]], Message | None]:
    """Return the included turns as prompt messages, and their last message."""
    previous: Message | None = None
    turns: list[list[PromptMessage]] = []
    for messages in included_turns(history):
        turns.append(_render_all(messages, previous, names, budget))
        previous = messages[-1]
    return turns, previous


def _is_deleted(message: Message) -> bool:
    """Whether the author has deleted the message, or emptied it by an edit."""
    is_empty = message.role == "user" and is_blank(message.text) and not message.attachments
    return message.status == "forgotten" or is_empty


def _is_included(messages: list[Message]) -> bool:
    questions = [m for m in messages if m.role == "user"]
    replies = [m for m in messages if m.role == "assistant"]
    if questions and all(map(_is_deleted, questions)):
        return False  # the reply may quote the deleted question
    if replies:
        return bool(questions) and all(m.status == "answered" and not is_blank(m.text) for m in replies)
    return all(m.status in ("noted", "forgotten") for m in messages)


def _render_all(
    messages: Iterable[Message], previous: Message | None, names: SpeakerNames, budget: Budget
) -> list[PromptMessage]:
    chain = [previous, *messages]
    return [_render(message, before, names, budget) for before, message in pairwise(chain) if message is not None]


def _render(message: Message, previous: Message | None, names: SpeakerNames, budget: Budget) -> PromptMessage:
    if message.role == "assistant":
        return PromptMessage("assistant", message.text)
    parts = [_header(message, previous, names), _escape_headers(message.text)]
    readable = readable_images(message, budget)
    parts += [_render_attachment(a, budget) for a in message.attachments if a not in readable]
    images = tuple(Image(a.media_type, a.data or "", a.url or "", a.name) for a in readable)
    return PromptMessage("user", "\n".join(part for part in parts if part), images)


def _header(message: Message, previous: Message | None, names: SpeakerNames) -> str:
    """Return the author's name and the time. An author without a name (web page, curl) gets the time after a gap."""
    name = names.get((message.author.id, message.author.name), "") if message.author else ""
    time = _format_time(message.at)
    if name:
        return f"[{name}, {time}]"
    if previous is not None and message.at - previous.at > TIMESTAMP_GAP:
        return f"[{time}]"
    return ""


def _format_time(at: datetime) -> str:
    return at.strftime("%A %d %B %Y %H:%M UTC")


def _normalize(name: str) -> str:
    """Return the same text for names that look the same."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in folded if unicodedata.category(character) != "Cf")


def _escape_headers(text: str) -> str:
    """Prevent a text or file from imitating another person's message by a header of its own."""
    return _HEADER.sub("(", text)


def _render_attachment(attachment: Attachment, budget: Budget) -> str:
    name = safe_name(attachment.name)
    if attachment.text is None and attachment.is_image and not budget.images:
        return f"(attached, but this model cannot see images: {name or safe_name(attachment.media_type)})"
    if attachment.text is None:
        return f"(attached: {name}, {safe_name(attachment.media_type)}; it cannot be read here)"
    delimiter = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(attachment.text)), default=2))
    return f"(attached file {name})\n{delimiter}\n{_escape_headers(attachment.text)}\n{delimiter}"


def _clip_middle(message: PromptMessage, characters: int) -> PromptMessage:
    """Cut out the middle of a message that is too long: people ask at the beginning or at the end."""
    if message_size(message) <= characters:
        return message
    room = max(characters - MESSAGE_OVERHEAD - IMAGE_CHARACTERS * len(message.images) - 40, 80)
    if len(message.text) <= room:
        return message
    half = room // 2
    text = f"{message.text[:half]}\n(… left out …)\n{message.text[-half:]}"
    return PromptMessage(message.role, text, message.images)


def _merge_same_role(messages: Sequence[PromptMessage]) -> Iterable[PromptMessage]:
    """Merge neighbouring messages of one role: some models require that roles alternate."""
    for role, group in groupby(messages, key=lambda m: m.role):
        neighbours = list(group)
        images = tuple(image for m in neighbours for image in m.images)
        yield PromptMessage(role, "\n\n".join(m.text for m in neighbours), images)
