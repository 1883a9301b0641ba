"""Model calls without a preview: titles and summaries."""

from __future__ import annotations

from dataclasses import replace

from chat_service.models.protocol import ChatModel, Failure, Finished, ModelError, Prompt, TextDelta
from chat_service.models.registry import Models
from chat_service.unicode_text import well_formed


async def complete_text(models: Models, prompt: Prompt) -> str:
    """Return the model's complete answer, or the fallback's if the first model fails.

    Raises:
        ModelError: when both fail.
    """
    try:
        return await _text(models.primary, prompt)
    except ModelError:
        if models.fallback is None:
            raise
    return await _text(models.fallback, replace(prompt, model=None))


async def _text(model: ChatModel, prompt: Prompt) -> str:
    text = ""
    async for event in model.stream(prompt):
        if isinstance(event, TextDelta):
            text += event.text
        elif isinstance(event, Finished):
            return well_formed(text)
    raise ModelError(Failure.RETRY, "the model's stream ended in the middle")
