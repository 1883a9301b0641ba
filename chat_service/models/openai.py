"""Any OpenAI-compatible endpoint, through Chat Completions: the one protocol that all of them speak."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import openai
from openai import AsyncOpenAI
from openai.types import CompletionUsage
from openai.types.chat import (
    ChatCompletionContentPartParam,
    ChatCompletionMessageParam,
    ChatCompletionUserMessageParam,
)

from chat_service.models.openai_errors import sorted_error
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
"""What answers at OpenAI itself when only a key is given."""
CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 2.0


def create(settings: Settings, endpoint: Endpoint) -> ChatModel:
    """The default `MODEL_BACKEND`."""
    return OpenAIModel(settings, endpoint)


class OpenAIModel:
    """One endpoint. Never retries: the durable turn does, where a stop and a crash can reach it."""

    def __init__(self, settings: Settings, endpoint: Endpoint) -> None:
        self._settings = settings
        self._endpoint = endpoint
        self._model = endpoint.model
        # A local server wants no key, but the client insists on one.
        key = endpoint.api_key.get_secret_value() if endpoint.api_key else "none"
        self._client = AsyncOpenAI(
            api_key=key,
            # Trap: with none, the client looks for one in the environment, where an empty OPENAI_BASE_URL counts.
            base_url=endpoint.base_url or OPENAI_URL,
            max_retries=0,
            timeout=openai.Timeout(settings.model_stall_seconds, connect=CONNECT_SECONDS),
        )

    async def stream(self, prompt: Prompt) -> AsyncGenerator[ModelEvent, None]:
        """See `ChatModel.stream`."""
        await self._endpoint.ready()
        model = prompt.model or self._model
        try:
            model = model or await self._default_model()
            stream = await self._client.chat.completions.create(
                model=model,
                # Trap: the client walks every message it is given through its types, 0.1 ms for each one, in front
                # of every call. What comes as extra body goes out as it is, and in the same place.
                messages=(),
                extra_body={"messages": [self._message(m) for m in prompt.messages]},
                temperature=prompt.temperature if prompt.temperature is not None else openai.omit,
                max_completion_tokens=self._limit(prompt, own=True),
                max_tokens=self._limit(prompt, own=False),
                stream=True,
                stream_options={"include_usage": True},
            )
        except openai.OpenAIError as error:
            raise sorted_error(error, self._endpoint, model, chosen=prompt.model is not None) from error
        reason: str | None = None
        usage: Usage | None = None
        answered_by = model
        try:
            chunks = aiter(stream)
            while True:
                try:
                    # The client's own read timeout restarts at every byte; some servers send empty comments for ever.
                    async with asyncio.timeout(self._settings.model_stall_seconds):
                        chunk = await anext(chunks)
                except StopAsyncIteration:
                    break
                answered_by = chunk.model or answered_by
                if chunk.usage:
                    usage = _usage(chunk.usage)
                for choice in chunk.choices:
                    if choice.delta and (said := choice.delta.content or choice.delta.refusal):
                        yield TextDelta(said)  # a refusal is an answer, too
                    reason = choice.finish_reason or reason
        except TimeoutError as error:
            seconds = self._settings.model_stall_seconds
            raise ModelError(Failure.RETRY, f"the model said nothing for {seconds:g} s") from error
        except openai.OpenAIError as error:
            raise sorted_error(error, self._endpoint, model) from error
        except Exception as error:
            # What breaks under the client (a cut connection, half a JSON line) comes as whatever it was.
            raise ModelError(Failure.RETRY, f"the model's stream broke: {type(error).__name__}") from error
        finally:
            # Closing the response is what ends the provider's generation when the reader goes away.
            await stream.close()
        if reason is None:
            raise ModelError(Failure.RETRY, "the model's stream ended in the middle")
        yield Finished(model=answered_by, reason=reason, usage=usage)

    async def check(self) -> str:
        """See `ChatModel.check`. Lists the models, which costs no tokens."""
        try:
            known = [model.id async for model in self._client.models.list()]
        except openai.OpenAIError as error:
            raise sorted_error(error, self._endpoint, self._model) from error
        wanted = self._endpoint.model
        host = self._client.base_url.host
        if wanted and known and wanted not in known:
            raise ModelError(
                Failure.PERMANENT,
                f"{host} does not offer the model {wanted!r}: check {self._endpoint.settings}_MODEL",
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
                    Failure.PERMANENT, f"the endpoint offers no model: set {self._endpoint.settings}_MODEL"
                )
        return self._model

    def _limit(self, prompt: Prompt, *, own: bool) -> int | openai.Omit:
        """OpenAI itself wants `max_completion_tokens`; everything compatible knows `max_tokens`."""
        if prompt.max_output_tokens is None or own != (self._endpoint.base_url is None):
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


def _usage(usage: CompletionUsage) -> Usage:
    details = usage.prompt_tokens_details
    return Usage(usage.prompt_tokens, usage.completion_tokens, (details and details.cached_tokens) or 0)
