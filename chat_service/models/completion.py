"""Asking a model for a whole text: titles and summaries, which nobody watches being written."""

from __future__ import annotations

from dataclasses import replace

from chat_service.models.protocol import ChatModel, Failure, Finished, ModelError, Prompt, TextDelta
from chat_service.models.registry import Models
from chat_service.unicode_text import well_formed


async def ask(models: Models, prompt: Prompt) -> str:
    """The model's whole answer; the fallback's, where the first model stays away.

    Raises:
        ModelError: when neither answers.
    """
    try:
        return await _text(models.primary, prompt)
    except ModelError:
        if models.fallback is None:
            raise
    return await _text(models.fallback, replace(prompt, model=None))


async def _text(model: ChatModel, prompt: Prompt) -> str:
    said = ""
    async for event in model.stream(prompt):
        if isinstance(event, TextDelta):
            said += event.text
        elif isinstance(event, Finished):
            return well_formed(said)
    raise ModelError(Failure.RETRY, "the model's stream ended in the middle")
