"""The default model backend: any OpenAI-compatible endpoint, through the Chat Completions API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

import openai
from openai import AsyncOpenAI, AsyncStream
from openai.types import CompletionUsage
from openai.types.chat import (
    ChatCompletionChunk,
    ChatCompletionContentPartParam,
    ChatCompletionMessageParam,
    ChatCompletionUserMessageParam,
)

from chat_service.models.openai_errors import to_model_error
from chat_service.models.protocol import (
    ChatModel,
    Endpoint,
    Failure,
    Finished,
    ModelError,
    ModelEvent,
    Prompt,
    PromptMessage,
    TextDelta,
    Usage,
)
from chat_service.settings import Settings

OPENAI_URL = "https://api.openai.com/v1"
DEFAULT_MODEL = "gpt-4o-mini"
"""Used at OpenAI when OPENAI_MODEL is not set."""
CONNECT_SECONDS = 10.0


def create(settings: Settings, endpoint: Endpoint) -> ChatModel:
    """Create the model. The factory of the default `MODEL_BACKEND`."""
    return OpenAIModel(settings, endpoint)


class OpenAIModel:
    """A model at one endpoint. It never retries: the durable turn does, so that a stop and a crash take effect."""

    def __init__(self, settings: Settings, endpoint: Endpoint) -> None:
        self._settings = settings
        self._endpoint = endpoint
        self._model = endpoint.model
        # The client requires a key, also for a local server that needs none.
        key = endpoint.api_key.get_secret_value() if endpoint.api_key else "none"
        self._client = AsyncOpenAI(
            api_key=key,
            # Trap: without a base_url the client reads OPENAI_BASE_URL itself, and an empty value counts as set.
            base_url=endpoint.base_url or OPENAI_URL,
            max_retries=0,
            timeout=openai.Timeout(settings.model_stall_seconds, connect=CONNECT_SECONDS),
        )

    async def stream(self, prompt: Prompt) -> AsyncGenerator[ModelEvent, None]:
        """See `ChatModel.stream`."""
        await self._endpoint.wait_ready()
        stream, model = await self._open_stream(prompt)
        finish_reason: str | None = None
        usage: Usage | None = None
        answered_by = model
        try:
            chunks = aiter(stream)
            while chunk := await self._next_chunk(chunks, model):
                for text in chunk.texts:
                    yield TextDelta(text)
                answered_by = chunk.model or answered_by
                usage = chunk.usage or usage
                finish_reason = chunk.finish_reason or finish_reason
        finally:
            # Closing the response ends the provider's generation when the reader stops early.
            await stream.close()
        if finish_reason is None:
            raise ModelError(Failure.RETRY, "the model's stream ended in the middle")
        yield Finished(model=answered_by, reason=finish_reason, usage=usage)

    async def _open_stream(self, prompt: Prompt) -> tuple[AsyncStream[ChatCompletionChunk], str]:
        """Send the request. Return the stream and the name of the requested model."""
        model = prompt.model or self._model
        try:
            model = model or await self._default_model()
            stream = await self._client.chat.completions.create(
                model=model,
                # Trap: the client validates each message of `messages`, which takes 0.1 ms per message before every
                # call. `extra_body` is sent as it is, in the same place of the request.
                messages=(),
                extra_body={"messages": [self._message(m) for m in prompt.messages]},
                temperature=prompt.temperature if prompt.temperature is not None else openai.omit,
                max_completion_tokens=self._output_limit(prompt, at_openai=True),
                max_tokens=self._output_limit(prompt, at_openai=False),
                stream=True,
                stream_options={"include_usage": True},
            )
        except openai.OpenAIError as error:
            raise to_model_error(error, self._endpoint, model, chosen=prompt.model is not None) from error
        return stream, model

    async def _next_chunk(self, chunks: AsyncIterator[ChatCompletionChunk], model: str) -> _Chunk | None:
        """Return the next chunk, or None at the end of the stream.

        Raises:
            ModelError: when the stream fails or sends no chunk for `MODEL_STALL_SECONDS`.
        """
        try:
            # Trap: the client's own read timeout restarts at every byte, and some servers send empty comments forever.
            async with asyncio.timeout(self._settings.model_stall_seconds):
                return _Chunk.parse(await anext(chunks))
        except StopAsyncIteration:
            return None
        except TimeoutError as error:
            seconds = self._settings.model_stall_seconds
            raise ModelError(Failure.RETRY, f"the model sent nothing for {seconds:g} s") from error
        except openai.OpenAIError as error:
            raise to_model_error(error, self._endpoint, model) from error
        except Exception as error:
            # The client passes on errors below it (a lost connection, an incomplete JSON line) in their own classes.
            raise ModelError(Failure.RETRY, f"the model's stream broke: {type(error).__name__}") from error

    async def check(self) -> str:
        """See `ChatModel.check`. It lists the models, which costs no tokens."""
        try:
            known = [model.id async for model in self._client.models.list()]
        except openai.OpenAIError as error:
            raise to_model_error(error, self._endpoint, self._model) from error
        wanted = self._endpoint.model
        host = self._client.base_url.host
        if wanted and known and wanted not in known:
            raise ModelError(
                Failure.PERMANENT,
                f"{host} does not offer the model {wanted!r}: check {self._endpoint.settings_prefix}_MODEL",
            )
        return f"{wanted or await self._default_model()} at {host}"

    async def close(self) -> None:
        """See `ChatModel.close`."""
        await self._client.close()

    async def _default_model(self) -> str:
        if self._model is None:
            if self._endpoint.base_url is None:
                self._model = DEFAULT_MODEL
            else:
                async for model in self._client.models.list():
                    self._model = model.id
                    break
            if self._model is None:
                raise ModelError(
                    Failure.PERMANENT, f"the endpoint offers no model: set {self._endpoint.settings_prefix}_MODEL"
                )
        return self._model

    def _output_limit(self, prompt: Prompt, *, at_openai: bool) -> int | openai.Omit:
        """Return the limit for `max_completion_tokens`, which OpenAI requires, or `max_tokens` for all others."""
        if prompt.max_output_tokens is None or at_openai != (self._endpoint.base_url is None):
            return openai.omit
        return prompt.max_output_tokens

    def _message(self, message: PromptMessage) -> ChatCompletionMessageParam:
        if message.role == "system":
            return {"role": "system", "content": message.text}
        if message.role == "assistant":
            return {"role": "assistant", "content": message.text}
        if not message.images:
            return {"role": "user", "content": message.text}
        return self._with_images(message)

    def _with_images(self, message: PromptMessage) -> ChatCompletionUserMessageParam:
        parts: list[ChatCompletionContentPartParam] = [{"type": "text", "text": message.text}]
        for image in message.images:
            url = image.url or f"data:{image.media_type};base64,{image.data}"
            parts.append({"type": "image_url", "image_url": {"url": url}})
        return {"role": "user", "content": parts}


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The parts of a Chat Completions chunk that are used."""

    texts: list[str]
    model: str
    usage: Usage | None
    finish_reason: str | None

    @classmethod
    def parse(cls, chunk: ChatCompletionChunk) -> _Chunk:
        """Read a chunk. The text of a refusal counts as text of the answer."""
        deltas = [choice.delta for choice in chunk.choices if choice.delta]
        reasons = [choice.finish_reason for choice in chunk.choices if choice.finish_reason]
        return cls(
            texts=[text for delta in deltas if (text := delta.content or delta.refusal)],
            model=chunk.model,
            usage=_usage(chunk.usage) if chunk.usage else None,
            finish_reason=reasons[-1] if reasons else None,
        )


def _usage(usage: CompletionUsage) -> Usage:
    details = usage.prompt_tokens_details
    return Usage(usage.prompt_tokens, usage.completion_tokens, (details and details.cached_tokens) or 0)
