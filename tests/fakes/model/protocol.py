"""What the fake refuses, as the real ones do, and how it streams."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict

MODELS = ("scripted", "scripted-large")
TITLE_PROMPT = "Write a title for this conversation"
SUMMARY_PROMPT = "Summarise this conversation"


class Refused(Exception):
    """A request that a real endpoint would not take."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, **more}}


ENOUGH = "Enough said."


class Behaviour(BaseModel):
    """What the next request gets.

    reply: `text`, in pieces of `chunk` characters, `delay` seconds apart. fail: `status`, `headers`, `body`.
    stall: `text`, then silence until the client goes away. drop: `text`, then the connection is cut.
    cut: `text`, then the stream ends politely, in the middle.
    gate: only what the test releases; `ENOUGH`, if it lets it end without a word, since an empty reply is a failure.
    """

    model_config = ConfigDict(extra="forbid")
    kind: str = "reply"
    text: str = ""
    chunk: int = 16
    delay: float = 0.0
    status: int = 500
    headers: dict[str, str] = {}
    body: dict[str, Any] = {}
    finish: str = "stop"


class Seen(BaseModel):
    """A request as it came in."""

    number: int
    at: float
    body: dict[str, Any]
    title: bool = False
    summary: bool = False
    refused: bool = False
    written: int = 0
    disconnected: bool = False
    finished: bool = False

    @property
    def aside(self) -> bool:
        """Whether no turn asked it: titles and summaries come when they come, of earlier conversations too."""
        return self.title or self.summary


def check(body: Any, *, context_tokens: int | None, sees_images: bool) -> None:
    """Refuse what a real endpoint refuses."""
    if not isinstance(body, dict):
        raise Refused(400, "the body is no JSON object")
    if not isinstance(body.get("model"), str):
        raise Refused(400, "you must provide a model parameter")
    if body["model"] not in MODELS:
        raise Refused(404, f"The model `{body['model']}` does not exist", code="model_not_found")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refused(400, "[] is too short - 'messages'")
    for message in messages:
        if message.get("role") not in ("system", "user", "assistant"):
            raise Refused(400, f"invalid role {message.get('role')!r}")
        content = message.get("content")
        if isinstance(content, list):
            if not sees_images and any(part.get("type") == "image_url" for part in content):
                raise Refused(500, "image input is not supported")
        elif not isinstance(content, str):
            raise Refused(400, "a message needs content")
    size = len(str(messages)) // 4
    if context_tokens is not None and size > context_tokens:
        raise Refused(
            400,
            f"the request exceeds the available context size ({context_tokens} tokens)",
            type="exceed_context_size_error",
            n_prompt_tokens=size,
            n_ctx=context_tokens,
        )


def text_of(message: dict[str, Any]) -> str:
    """A message's words."""
    content = message["content"]
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content)


def answer(messages: list[dict[str, Any]]) -> str:
    """The default: it remembers a name it was told, and only from what it was sent; else it echoes."""
    asked = text_of(messages[-1])
    if "what is my name" in asked.lower():
        for message in reversed(messages):
            told = re.search(r"my name is (\w+)", text_of(message), re.IGNORECASE)
            if message["role"] != "assistant" and told:
                return f"Your name is {told.group(1)}."
        return "I do not know your name."
    return f"echo: {asked}"


def summarise(prompt: str) -> str:
    """A summary as a scripted model writes it: the lines that tell a name, from the earlier one and from the talk."""
    told = re.findall(r"^.*my name is \w+.*$", prompt, re.IGNORECASE | re.MULTILINE)
    return "\n".join(dict.fromkeys(line for line in told if not line.startswith("Assistant"))) or "Nothing of note."


def chunk(model: str, *, text: str | None = None, finish: str | None = None) -> dict[str, Any]:
    """One event of a stream."""
    delta = {"content": text} if text is not None else {}
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def usage(messages: list[dict[str, Any]], said: str) -> dict[str, Any]:
    """Four characters a token."""
    prompt, completion = len(str(messages)) // 4, max(len(said) // 4, 1)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0},
    }
