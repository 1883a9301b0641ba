"""The prompt for a conversation's title, and the cleaning of what the model returns."""

from __future__ import annotations

import re

from chat_service.contracts import Message
from chat_service.domain import context
from chat_service.models.protocol import Prompt, PromptMessage

MAX_CHARACTERS = 60
MAX_TOKENS = 24
EXCERPT_CHARACTERS = 600
INSTRUCTION = (
    "Write a title for this conversation: at most five words, in its language. "
    "Answer with the title alone, without quotation marks."
)


def title_prompt(messages: list[Message]) -> Prompt:
    """Return the prompt that asks for a title of these messages."""
    lines = "\n".join(
        f"{'Person' if m.role == 'user' else 'Assistant'}: {' '.join(m.text.split())[:EXCERPT_CHARACTERS]}"
        for m in messages
    )
    return Prompt(
        messages=(PromptMessage("user", f"{INSTRUCTION}\n\n{lines}"),),
        temperature=0.2,
        max_output_tokens=MAX_TOKENS,
    )


def clean_title(text: str) -> str:
    """Return a title of one short line from a model's reply; empty when the reply holds none."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = re.sub(r"^(?:#+\s*|title\s*:\s*)", "", line, flags=re.IGNORECASE)
    if "|" in line:  # a table is no title
        return ""
    line = re.sub(r"[*_`]+", "", line).strip(" \t\"'“”„«»#.")
    line = context.safe_name(line) if line else ""
    if len(line) <= MAX_CHARACTERS:
        return line
    if re.search(r"[.!?…。！？]\s", line):  # a small model that chats instead: whole sentences are no title
        return ""
    return line[:MAX_CHARACTERS].rsplit(" ", 1)[0] + "…"
