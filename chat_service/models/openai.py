"""The default model backend: any OpenAI-compatible endpoint, through the Chat Completions API."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager

import openai
from openai import AsyncAPIResponse, AsyncOpenAI, AsyncStream, DefaultAioHttpClient
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
    ModelError,
    ModelEvent,
    Prompt,
    PromptMessage,
    TextDelta,
)
from chat_service.models.stream_reader import StreamReader
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
        timeout = openai.Timeout(settings.model_stall_seconds, connect=CONNECT_SECONDS)
        self._client = AsyncOpenAI(
            api_key=key,
            # Trap: without a base_url the client reads OPENAI_BASE_URL itself, and an empty value counts as set.
            base_url=endpoint.base_url or OPENAI_URL,
            max_retries=0,
            timeout=timeout,
            # Measured with 500 chunks: 5 ms of CPU per call, 15 ms with the client's own transport.
            http_client=DefaultAioHttpClient(timeout=timeout),
        )

    async def stream(self, prompt: Prompt) -> AsyncGenerator[ModelEvent, None]:
        """See `ChatModel.stream`.

        It reads the bytes of the response itself: the client's typed chunks cost 0.2 ms of CPU each, and reject chunks
        that differ from OpenAI's.
        """
        await self._endpoint.wait_ready()
        model = prompt.model or self._model
        reader = StreamReader(self._endpoint, self._settings.model_stall_seconds)
        try:
            model = model or await self._default_model()
            # Leaving the block closes the response, which ends the provider's generation when a reader stops early.
            async with self._request(prompt, model) as response:
                reader.start(model)
                async for received in response.iter_bytes():
                    if text := reader.read(received):
                        yield TextDelta(text)
        except ModelError:
            raise
        except openai.OpenAIError as error:
            raise to_model_error(error, self._endpoint, model, chosen=prompt.model is not None) from error
        except Exception as error:
            # The client passes on errors below it, such as a lost connection, in their own classes.
            if isinstance(error.__cause__, TimeoutError):
                raise reader.stall_error() from error
            raise ModelError(Failure.RETRY, f"the model's stream broke: {type(error).__name__}") from error
        if text := reader.close():
            yield TextDelta(text)
        yield reader.finished()

    def _request(
        self, prompt: Prompt, model: str
    ) -> AbstractAsyncContextManager[AsyncAPIResponse[AsyncStream[ChatCompletionChunk]]]:
        """Return the request; it is sent when its block is entered."""
        return self._client.chat.completions.with_streaming_response.create(
            model=model,
            # Trap: the client validates each message of `messages`, which takes 0.1 ms per message before every call.
            # `extra_body` is sent as it is, in the same place of the request.
            messages=(),
            extra_body={"messages": [self._message(m) for m in prompt.messages]},
            temperature=prompt.temperature if prompt.temperature is not None else openai.omit,
            max_completion_tokens=self._output_limit(prompt, at_openai=True),
            max_tokens=self._output_limit(prompt, at_openai=False),
            stream=True,
            stream_options={"include_usage": True},
        )

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
