"""The requests that the fake model refuses, its default replies, and the events of its streams."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

MODELS = ("scripted", "scripted-large")
TITLE_PROMPT = "Write a title for this conversation"
SUMMARY_PROMPT = "Summarise this conversation"


class ApiError(Exception):
    """Raised for a request that a real endpoint refuses."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, **more}}


EMPTY_GATE_TEXT = "The end."


class ScriptedResponse(BaseModel):
    """The response to the next request.

    reply: `text`, in pieces of `chunk` characters, `delay` seconds apart. fail: `status`, `headers`, `body`.
    stall: `text`, then nothing until the client disconnects. drop: `text`, then the connection is cut.
    cut: `text`, then the stream ends without a finish reason.
    gate: only what the test releases. If it releases nothing, `EMPTY_GATE_TEXT`, because an empty reply is a failure.
    """

    model_config = ConfigDict(extra="forbid")
    kind: Literal["reply", "fail", "stall", "drop", "cut", "gate"] = "reply"
    text: str = ""
    chunk: int = 16
    delay: float = 0.0
    status: int = 500
    headers: dict[str, str] = {}
    body: dict[str, Any] = {}
    finish: str = "stop"


class ModelRequest(BaseModel):
    """A recorded request. `written` counts the pieces of the reply that were sent."""

    number: int
    at: float
    body: dict[str, Any]
    is_title: bool = False
    is_summary: bool = False
    refused: bool = False
    written: int = 0
    disconnected: bool = False
    finished: bool = False

    @property
    def is_background(self) -> bool:
        """Return whether no turn sent it: titles and summaries are requested later, also for earlier conversations."""
        return self.is_title or self.is_summary


def validate(body: Any, *, context_tokens: int | None) -> None:
    """Raise ApiError for a body that a real endpoint refuses."""
    if not isinstance(body, dict):
        raise ApiError(400, "the body is no JSON object")
    if not isinstance(body.get("model"), str):
        raise ApiError(400, "you must provide a model parameter")
    if body["model"] not in MODELS:
        raise ApiError(404, f"The model `{body['model']}` does not exist", code="model_not_found")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise ApiError(400, "[] is too short - 'messages'")
    for message in messages:
        if message.get("role") not in ("system", "user", "assistant"):
            raise ApiError(400, f"invalid role {message.get('role')!r}")
        content = message.get("content")
        if not isinstance(content, (str, list)):
            raise ApiError(400, "a message needs content")
    size = len(str(messages)) // 4
    if context_tokens is not None and size > context_tokens:
        raise ApiError(
            400,
            f"the request exceeds the available context size ({context_tokens} tokens)",
            type="exceed_context_size_error",
            n_prompt_tokens=size,
            n_ctx=context_tokens,
        )


def text_of(message: dict[str, Any]) -> str:
    """Return the text of a message."""
    content = message["content"]
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content)


def default_reply(messages: list[dict[str, Any]]) -> str:
    """Return the name that an earlier message states, if the last message asks for it; else echo the last message."""
    question = text_of(messages[-1])
    if "what is my name" in question.lower():
        for message in reversed(messages):
            match = re.search(r"my name is (\w+)", text_of(message), re.IGNORECASE)
            if message["role"] != "assistant" and match:
                return f"Your name is {match.group(1)}."
        return "I do not know your name."
    return f"echo: {question}"


def default_summary(prompt: str) -> str:
    """Return the lines of the prompt that state a name: from the earlier summary and from the messages."""
    lines = re.findall(r"^.*my name is \w+.*$", prompt, re.IGNORECASE | re.MULTILINE)
    return "\n".join(dict.fromkeys(line for line in lines if not line.startswith("Assistant"))) or "Nothing of note."


def build_chunk(model: str, *, text: str | None = None, finish: str | None = None) -> dict[str, Any]:
    """Return one event of a stream."""
    delta = {"content": text} if text is not None else {}
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def build_usage(messages: list[dict[str, Any]], reply: str) -> dict[str, Any]:
    """Return the usage at four characters per token."""
    prompt, completion = len(str(messages)) // 4, max(len(reply) // 4, 1)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0},
    }
