"""The interface between turns and language models.

A backend is selected with `MODEL_BACKEND=package.module:factory`, where
`factory(settings: Settings, endpoint: Endpoint) -> ChatModel`. It must not retry by itself: the durable turn decides
when a call is repeated, so that a person can stop it and a crash cannot duplicate it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Image:
    """An image for a model that accepts images: base64 in `data`, or a `url`."""

    media_type: str
    data: str = ""
    url: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """One message of a prompt."""

    role: Literal["system", "user", "assistant"]
    text: str
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """The input of one model call.

    Attributes:
        model: overrides the endpoint's default model, for example for a persona.
        shortened: the question did not fit into the context, so its middle was removed.
    """

    messages: tuple[PromptMessage, ...]
    temperature: float | None = None
    max_output_tokens: int | None = None
    model: str | None = None
    shortened: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """The provider's token counts."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next part of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of every complete stream. `reason` is the provider's finish reason (`stop`, `length`, …)."""

    model: str
    reason: str = "stop"
    usage: Usage | None = None


ModelEvent = TextDelta | Finished


class Failure(StrEnum):
    """The kind of a failure of a model call. It decides how the turn goes on."""

    RETRY = "retry"  # connection errors, 408, 409, 425, 429, 5xx, a stalled or broken stream: retry
    TOO_LONG = "too_long"  # the prompt does not fit into the context: trim it and retry
    PERMANENT = "permanent"  # 400, 401, 403, 404, 422: only the operator can fix it


class ModelError(Exception):
    """Raised when a model call failed.

    Attributes:
        failure: the kind of failure.
        message: one line for the operator, without secrets.
        retry_after: seconds that the provider asked to wait (`Retry-After`), or None.
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


async def _do_not_wait() -> None:
    """Return at once: this process does not start the server of the endpoint."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address and credentials of a model. A backend that uses no HTTP may ignore `base_url` and `api_key`.

    Attributes:
        settings_prefix: the prefix of the settings that configure it, for error messages.
        wait_ready: returns when a server that this process started is up. A call before that would waste an attempt.
    """

    base_url: str | None
    api_key: SecretStr | None
    model: str | None
    settings_prefix: str = "OPENAI"
    wait_ready: Callable[[], Awaitable[object]] = _do_not_wait


class ChatModel(Protocol):
    """A language model. One instance serves all turns of the process concurrently."""

    def stream(self, prompt: Prompt) -> AsyncGenerator[ModelEvent, None]:
        """Answer `prompt`: yield text deltas, then exactly one `Finished`.

        Closing the iterator early (a stop) must end the provider's generation.

        Raises:
            ModelError: for every failure. Text that was already yielded stays valid.
        """
        ...

    async def check(self) -> str:
        """Reach the model without spending tokens and describe it in one line (for `threadwell doctor`).

        Raises:
            ModelError: when it cannot be used as configured.
        """
        ...

    async def close(self) -> None:
        """Close all connections. Called once, at the end of the process."""
        ...
