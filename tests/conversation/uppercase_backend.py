"""A model backend that is loaded through MODEL_BACKEND: it answers with the last message in capitals."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from chat_service.models.protocol import ChatModel, Endpoint, Finished, ModelEvent, Prompt, TextDelta
from chat_service.settings import Settings


def create(settings: Settings, endpoint: Endpoint) -> ChatModel:
    """Return the model; `MODEL_BACKEND` names this function."""
    return UppercaseModel()


class UppercaseModel:
    """A model without network and SDK."""

    async def stream(self, prompt: Prompt) -> AsyncGenerator[ModelEvent, None]:
        """Yield the last message in capitals, one word at a time."""
        words = prompt.messages[-1].text.upper().split(" ")
        if "RAISE" in words:
            raise RuntimeError("a backend with a bug")
        if "HALVES" in words:
            for piece in ("a ", "\ud83d", "\ude00 and \ud83d", " alone \ud83d"):
                yield TextDelta(piece)
            yield Finished(model="uppercase")
        for index, word in enumerate(words):
            yield TextDelta(word if index == 0 else f" {word}")
        yield Finished(model="uppercase")

    async def check(self) -> str:
        """Return the name of the model, which is always available."""
        return "uppercase"

    async def close(self) -> None:
        """Nothing to close."""
