"""The one seam between conversations and language models.

A backend is anything with `stream(prompt)`; it is named in `MODEL_BACKEND=package.module:factory`, where
`factory(settings: Settings, endpoint: Endpoint) -> ChatModel`. It never retries by itself: the durable turn
decides when a call is made again, so that a person can stop it and a crash cannot double it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Image:
    """An image for a model that can see: `data` is base64, or `url` points at it."""

    media_type: str
    data: str = ""
    url: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """One message as the model gets it."""

    role: Literal["system", "user", "assistant"]
    text: str
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """What one call of a model is made of. `model` overrides the endpoint's default (a persona may); `shortened`: the
    question did not fit, and lost its middle."""

    messages: tuple[PromptMessage, ...]
    temperature: float | None = None
    max_output_tokens: int | None = None
    model: str | None = None
    shortened: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """The provider's own figures, in tokens."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer, in order."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of every complete stream. `reason` is the provider's (`stop`, `length`, …)."""

    model: str
    reason: str = "stop"
    usage: Usage | None = None


ModelEvent = TextDelta | Finished


class Failure(StrEnum):
    """What kind of failure a model call met, which decides what happens next."""

    RETRY = "retry"  # connection errors, 408, 409, 429, 5xx, a stalled or broken stream: try again
    TOO_LONG = "too_long"  # the context does not fit: trim and try again
    PERMANENT = "permanent"  # 400, 401, 403, 404, 422: only a person can change it


class ModelError(Exception):
    """A model call that failed.

    Attributes:
        failure: what kind.
        message: one line for the person who can act on it; never a stack trace, never a secret.
        retry_after: seconds the provider asked to wait (`Retry-After`), or None.
        context_tokens: the model's context size in tokens, where a TOO_LONG error names it.
        prompt_tokens: the size of the refused prompt in tokens, where a TOO_LONG error names it.
    """

    def __init__(
        self,
        failure: Failure,
        message: str,
        *,
        retry_after: float | None = None,
        context_tokens: int | None = None,
        prompt_tokens: int | None = None,
    ) -> None:
        super().__init__(message)
        self.failure = failure
        self.message = message
        self.retry_after = retry_after
        self.context_tokens = context_tokens
        self.prompt_tokens = prompt_tokens


async def _at_once() -> None:
    """What answers there is somebody else's to start."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is reached. A backend that is no HTTP endpoint may ignore `base_url` and `api_key`.

    `settings` is the prefix of the settings it came from, for messages that say what to check. `ready` comes back when
    what answers there is up, as far as this process knows: who asks before that only uses up one of a turn's tries.
    """

    base_url: str | None
    api_key: SecretStr | None
    model: str | None
    settings: str = "OPENAI"
    ready: Callable[[], Awaitable[object]] = _at_once


class ChatModel(Protocol):
    """A language model. One instance serves all turns of the process, side by side."""

    def stream(self, prompt: Prompt) -> AsyncGenerator[ModelEvent, None]:
        """Answer `prompt`: text deltas, then exactly one `Finished`.

        Closing the iterator early (a stop) must end the provider's generation.

        Raises:
            ModelError: whatever went wrong, sorted. Text already yielded stays valid.
        """
        ...

    async def check(self) -> str:
        """Reach the model without spending tokens and say in one line what answers (for `threadwell doctor`).

        Raises:
            ModelError: when it cannot be used as configured.
        """
        ...

    async def close(self) -> None:
        """Give connections back; called once, at the end of the process."""
        ...
