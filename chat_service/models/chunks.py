"""Read the chunks of a Chat Completions stream. Only their text matters: every other field may be missing or odd."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chat_service.models.protocol import Usage


@dataclass(frozen=True, slots=True)
class Chunk:
    """The parts of a chunk that are used. A complete response (`message` in place of `delta`) is read like a chunk."""

    text: str = ""
    model: str | None = None
    usage: Usage | None = None
    finish_reason: str | None = None


def read_chunk(payload: Mapping[str, object]) -> Chunk:
    """Return the used parts of a chunk. The text of a refusal counts as text of the answer."""
    text, finish_reason = "", None
    choices = payload.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            delta = choice.get("delta") or choice.get("message")
            if isinstance(delta, dict):
                text += _text(delta.get("content")) or _text(delta.get("refusal"))
            reason = choice.get("finish_reason")
            if isinstance(reason, str) and reason:
                finish_reason = reason
    model, usage = payload.get("model"), payload.get("usage")
    return Chunk(
        text,
        model if isinstance(model, str) else None,
        _usage(usage) if isinstance(usage, dict) else None,
        finish_reason,
    )


def _text(content: object) -> str:
    """Return the text of `content`, which some providers send as a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = [part.get("text") if isinstance(part, dict) else part for part in content]
    return "".join(text for text in texts if isinstance(text, str))


def _usage(usage: Mapping[str, object]) -> Usage:
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    return Usage(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")), _count(cached))


def _count(tokens: object) -> int:
    return tokens if isinstance(tokens, int) and tokens > 0 else 0
