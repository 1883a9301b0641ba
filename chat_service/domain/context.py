"""What the model sees of a conversation: pure functions from messages to a prompt.

System prompt, then whole turns word for word, newest kept first when the budget is short; the last question is
always in. Stopped, failed and withdrawn turns are left out, replaced replies too. The prompt is append-only: what
stands for a message depends on it and its predecessor alone, so that a provider's prefix cache holds.
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
"""A silence longer than this is told to the model, by the time at which it ended."""
IMAGE_CHARACTERS = 3_500
"""What an image counts against the budget; providers bill it like about a thousand tokens."""
SUPPORTED_IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""The kinds of pictures that models take."""
MESSAGE_OVERHEAD = 16
"""What the framing of each message counts."""
_HEADER = re.compile(r"\[(?=[^\[\]\n]*\d{4}\s\d\d:\d\d\sUTC\s?\])", re.IGNORECASE)
"""What looks like a header, wherever it stands: too many characters begin a line, or show nothing before one."""
_TICKS = re.compile(r"`{3,}")
ID_SUFFIX_LENGTH = 6
"""So much of an id tells two people of one name apart."""

SpeakerNames = dict[tuple[str, str], str]
"""What an author is called, by id and name."""
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\[\]<>:\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Budget:
    """How much fits, in characters; learned from the provider's figures, see `Budget.of`. `images`: whether the model
    sees pictures, which then count as well."""

    characters: int
    images: bool = True

    @classmethod
    def of(cls, context_tokens: int, output_tokens: int, chars_per_token: float, *, images: bool = True) -> Budget:
        """What is left for the prompt when room for the answer is kept, with a margin for the template."""
        room = max(context_tokens - min(output_tokens, context_tokens // 2) - 64, 64)
        return cls(int(room * chars_per_token * 0.92), images)

    def share(self, part: float) -> int:
        """A part of it, in characters, and a few in any case."""
        return max(int(self.characters * part), 200)


CONTINUE_INSTRUCTION = "You were cut off there. Go on exactly where your answer ended, without repeating any of it."
"""Asks for the rest of a reply, by word: few providers go on with an answer that ends a prompt."""
PARTIAL_TEXT_SHARE = 0.3
"""The share of the budget that the beginning of a reply may take which goes on."""


def build_prompt(
    system: str, history: Sequence[Message], question: Sequence[Message], budget: Budget, said: str = ""
) -> Prompt:
    """The prompt for `question` after `history`, never over the budget (but for the question itself, clipped).

    `said` is the beginning of the answer, which is to go on from there.
    """
    called = speaker_names([*history, *question])
    turns, previous = _turns(history, called, budget)
    asked = _render_all(question, previous, called, budget)
    left = budget.characters - len(system) - MESSAGE_OVERHEAD
    begun = _begun(said, max(min(budget.share(PARTIAL_TEXT_SHARE), left // 2), 200))
    left -= sum(map(message_size, begun))
    clipped = [_clipped(message, max(left // max(len(asked), 1), 200)) for message in asked]
    left -= sum(map(message_size, clipped))
    kept: list[PromptMessage] = []
    for rendered in reversed(turns):
        cost = sum(map(message_size, rendered))
        if cost > left:
            break
        left -= cost
        kept[:0] = rendered
    head = [PromptMessage("system", system)] if system else []
    return Prompt(messages=tuple(_merged([*head, *kept, *clipped, *begun])), shortened=clipped != asked)


def _begun(said: str, room: int) -> list[PromptMessage]:
    if not said:
        return []
    return [PromptMessage("assistant", said[-room:]), PromptMessage("user", CONTINUE_INSTRUCTION)]


def message_size(message: PromptMessage) -> int:
    """What a message counts against a budget, in characters."""
    return len(message.text) + MESSAGE_OVERHEAD + IMAGE_CHARACTERS * len(message.images)


def prompt_size(prompt: Prompt) -> int:
    """The whole prompt's weight, in characters."""
    return sum(map(message_size, prompt.messages))


def _turns(
    history: Sequence[Message], called: SpeakerNames, budget: Budget
) -> tuple[list[list[PromptMessage]], Message | None]:
    """The turns that count, rendered, and the last message of them."""
    previous: Message | None = None
    turns: list[list[PromptMessage]] = []
    for messages in included_turns(history):
        turns.append(_render_all(messages, previous, called, budget))
        previous = messages[-1]
    return turns, previous


def included_turns(history: Sequence[Message]) -> list[list[Message]]:
    """The turns that count, oldest first: questions with their standing answer, and notes."""
    ordered = sorted((m for m in history if not m.replaced), key=lambda m: (m.turn, m.seq))
    turns = [list(group) for _, group in groupby(ordered, key=lambda m: m.turn)]
    return [[m for m in messages if not _is_gone(m)] for messages in turns if _counts(messages)]


def _is_gone(message: Message) -> bool:
    """Whether its author has deleted it, or left nothing of it by an edit."""
    emptied = message.role == "user" and is_blank(message.text) and not message.attachments
    return message.status == "forgotten" or emptied


def _counts(messages: list[Message]) -> bool:
    if any(m.role == "user" for m in messages) and all(_is_gone(m) for m in messages if m.role == "user"):
        return False  # its author has taken the question back, and the reply quotes it
    if any(m.role == "assistant" for m in messages):
        whole = any(m.role == "user" for m in messages)
        return whole and all(m.status == "answered" and not is_blank(m.text) for m in messages if m.role == "assistant")
    return all(m.status in ("noted", "forgotten") for m in messages)


def _render_all(
    messages: Iterable[Message], previous: Message | None, called: SpeakerNames, budget: Budget
) -> list[PromptMessage]:
    chain = [previous, *messages]
    return [_render(message, before, called, budget) for before, message in pairwise(chain) if message is not None]


def readable_images(message: Message, budget: Budget) -> list[Attachment]:
    """What a model sees of a message's attachments. One that was too large to be kept has neither content nor
    address, and a provider refuses it, and with it every later prompt that it stands in."""
    return [a for a in message.attachments if budget.images and a.media_type in SUPPORTED_IMAGE_TYPES and (a.data or a.url)]


def _render(message: Message, previous: Message | None, called: SpeakerNames, budget: Budget) -> PromptMessage:
    if message.role == "assistant":
        return PromptMessage("assistant", message.text)
    parts = [_header(message, previous, called), _unforged(message.text)]
    seen = readable_images(message, budget)
    parts += [_file(a, budget) for a in message.attachments if a not in seen]
    images = tuple(Image(a.media_type, a.data or "", a.url or "", a.name) for a in seen)
    return PromptMessage("user", "\n".join(part for part in parts if part), images)


def _header(message: Message, previous: Message | None, called: SpeakerNames) -> str:
    """Who speaks and when. A nameless person (the browser, curl) is headed only after a pause."""
    name = called.get((message.author.id, message.author.name), "") if message.author else ""
    moment = _moment(message.at)
    if name:
        return f"[{name}, {moment}]"
    if previous is not None and message.at - previous.at > TIMESTAMP_GAP:
        return f"[{moment}]"
    return ""


def _moment(at: datetime) -> str:
    return at.strftime("%A %d %B %Y %H:%M UTC")


def speaker_names(messages: Iterable[Message]) -> SpeakerNames:
    """What each author is called: two people of one name are told apart by the end of the later one's id.

    Who came first keeps the bare name, since what was sent once stays as it was.
    """
    called: SpeakerNames = {}
    owners: dict[str, str] = {}
    for author in (m.author for m in sorted(messages, key=lambda m: (m.turn, m.seq))):
        name = safe_name(author.name) if author else ""
        if author is None or not name or (author.id, author.name) in called:
            continue
        for shown in (name, f"{name} ({safe_name(author.id[-ID_SUFFIX_LENGTH:])})", f"{name} ({safe_name(author.id)})"):
            called[author.id, author.name] = shown
            if owners.setdefault(_looks(shown), author.id) == author.id:
                break
    return called


def _looks(name: str) -> str:
    """The same for names that look the same."""
    return "".join(one for one in unicodedata.normalize("NFKC", name).casefold() if unicodedata.category(one) != "Cf")


def safe_name(name: str) -> str:
    """A display name that cannot forge a turn: one line, no brackets, no colon."""
    return " ".join(_UNSAFE.sub(" ", name).split())[:80]


def _unforged(text: str) -> str:
    """A text, or a file's, cannot pretend to be somebody else's message by writing a header of its own."""
    return _HEADER.sub("(", text)


def _file(attachment: Attachment, budget: Budget) -> str:
    name = safe_name(attachment.name)
    if attachment.text is None and attachment.is_image and not budget.images:
        return f"(attached, but this model cannot see images: {name or safe_name(attachment.media_type)})"
    if attachment.text is None:
        return f"(attached: {name}, {safe_name(attachment.media_type)}; it cannot be read here)"
    fence = "`" * (1 + max((len(one) for one in _TICKS.findall(attachment.text)), default=2))
    return f"(attached file {name})\n{fence}\n{_unforged(attachment.text)}\n{fence}"


def _clipped(message: PromptMessage, characters: int) -> PromptMessage:
    """The middle goes: people ask at the beginning or at the end."""
    if message_size(message) <= characters:
        return message
    room = max(characters - MESSAGE_OVERHEAD - IMAGE_CHARACTERS * len(message.images) - 40, 80)
    if len(message.text) <= room:
        return message
    half = room // 2
    text = f"{message.text[:half]}\n(… left out …)\n{message.text[-half:]}"
    return PromptMessage(message.role, text, message.images)


def _merged(messages: Sequence[PromptMessage]) -> Iterable[PromptMessage]:
    """Neighbours of one role become one message: some models insist that roles alternate."""
    for role, group in groupby(messages, key=lambda m: m.role):
        neighbours = list(group)
        images = tuple(image for m in neighbours for image in m.images)
        yield PromptMessage(role, "\n\n".join(m.text for m in neighbours), images)
