"""The same model call for everybody: the same client, the same prompt, the same stream."""

from __future__ import annotations

from typing import TypedDict

from chat_service.models.protocol import ChatModel, Prompt, PromptMessage, TextDelta
from chat_service.settings import Settings

WINDOW = 20
"""Messages a peer shows the model: as many as this project does on average (10 to 30, beside a summary)."""
SYSTEM = str(Settings.model_fields["system_prompt"].default)


class Said(TypedDict):
    """One message, as the peers keep it."""

    role: str
    content: str


async def ask(model: ChatModel, messages: list[Said]) -> str:
    """Send the newest messages and read the stream to its end."""
    shown = (
        PromptMessage("assistant" if one["role"] == "assistant" else "user", one["content"])
        for one in messages[-WINDOW:]
    )
    prompt = Prompt((PromptMessage("system", SYSTEM), *shown), temperature=0.7, max_output_tokens=1024)
    return "".join([event.text async for event in model.stream(prompt) if isinstance(event, TextDelta)])
