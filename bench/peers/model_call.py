"""The model call of all peers: the same client, the same prompt, the same stream."""

from __future__ import annotations

from typing import TypedDict

from chat_service.models.protocol import ChatModel, Prompt, PromptMessage, TextDelta
from chat_service.settings import Settings

WINDOW_MESSAGES = 20
"""Messages that a peer sends to the model: the average of this project (10 to 30, beside a summary)."""
SYSTEM_PROMPT = str(Settings.model_fields["system_prompt"].default)


class ChatMessage(TypedDict):
    """A message as the peers store it."""

    role: str
    content: str


async def complete(model: ChatModel, messages: list[ChatMessage]) -> str:
    """Send the newest messages to the model and return its whole answer."""
    window = (
        PromptMessage("assistant" if message["role"] == "assistant" else "user", message["content"])
        for message in messages[-WINDOW_MESSAGES:]
    )
    prompt = Prompt((PromptMessage("system", SYSTEM_PROMPT), *window), temperature=0.7, max_output_tokens=1024)
    return "".join([event.text async for event in model.stream(prompt) if isinstance(event, TextDelta)])
