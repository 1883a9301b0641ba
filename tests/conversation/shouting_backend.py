"""A model backend of another make, as somebody would plug one in: it says what it was told, loudly."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from chat_service.models.protocol import ChatModel, Endpoint, Finished, ModelEvent, Prompt, TextDelta
from chat_service.settings import Settings


def create(settings: Settings, endpoint: Endpoint) -> ChatModel:
    """What `MODEL_BACKEND` names."""
    return ShoutingModel()


class ShoutingModel:
    """No network, no SDK; the protocol is all there is."""

    async def stream(self, prompt: Prompt) -> AsyncGenerator[ModelEvent, None]:
        """Shout the last message, a word at a time."""
        words = prompt.messages[-1].text.upper().split(" ")
        if "RAISE" in words:
            raise RuntimeError("a backend with a bug")
        if "HALVES" in words:
            for piece in ("a ", "\ud83d", "\ude00 and \ud83d", " alone \ud83d"):
                yield TextDelta(piece)
            yield Finished(model="shouting")
        for number, word in enumerate(words):
            yield TextDelta(word if number == 0 else f" {word}")
        yield Finished(model="shouting")

    async def check(self) -> str:
        """It is always there."""
        return "shouting"

    async def close(self) -> None:
        """Nothing to give back."""
