"""Read a Chat Completions stream from the bytes of its response: text first, everything else tolerantly."""

from __future__ import annotations

import json
import time

from chat_service.models.chunks import read_chunk
from chat_service.models.event_stream import EventStreamParser
from chat_service.models.openai_errors import stream_error
from chat_service.models.protocol import Endpoint, Failure, Finished, ModelError, Usage

DONE = b"[DONE]"
"""The data of the last event, by OpenAI's convention."""


class StreamReader:
    """Reads one response. It keeps what the stream says besides its text, for `finished`."""

    def __init__(self, endpoint: Endpoint, stall_seconds: float) -> None:
        self._endpoint = endpoint
        self._model = ""
        self._stall_seconds = stall_seconds
        self._parser = EventStreamParser()
        self._usage: Usage | None = None
        self._finish_reason: str | None = None
        self._has_events = False
        self._last_event = 0.0

    def start(self, model: str) -> None:
        """Begin to measure the silence of the response of a requested model."""
        self._model = model
        self._last_event = time.monotonic()

    def read(self, received: bytes) -> str:
        """Return the text of the events that these bytes complete.

        Raises:
            ModelError: for an error in the stream, or when only comments came for `MODEL_STALL_SECONDS`.
        """
        events = self._parser.feed(received)
        if not events:
            # Trap: the client's read timeout restarts at every byte, and some servers send empty comments forever.
            if time.monotonic() - self._last_event >= self._stall_seconds:
                raise self.stall_error()
            return ""
        self._last_event = time.monotonic()
        return self._read_events(events)

    def stall_error(self) -> ModelError:
        """Return the error for a stream that sent no event for `MODEL_STALL_SECONDS`."""
        return ModelError(Failure.RETRY, f"the model sent nothing for {self._stall_seconds:g} s")

    def close(self) -> str:
        """Return the text that the end of the stream completes. A response without events is one JSON document."""
        events = self._parser.close()
        if not self._has_events and not events and self._parser.other:
            events = [self._parser.other, DONE]
        return self._read_events(events)

    def finished(self) -> Finished:
        """Return the last event of a complete stream.

        Raises:
            ModelError: when the stream had no end.
        """
        if self._finish_reason is None:
            raise ModelError(Failure.RETRY, "the model's stream ended in the middle")
        return Finished(model=self._model, reason=self._finish_reason, usage=self._usage)

    def _read_events(self, events: list[bytes]) -> str:
        self._has_events = self._has_events or bool(events)
        return "".join([self._read_event(event) for event in events])

    def _read_event(self, data: bytes) -> str:
        if data.strip() == DONE:
            self._finish_reason = self._finish_reason or "stop"
            return ""
        try:
            payload = json.loads(data)
        except ValueError as error:
            raise ModelError(Failure.RETRY, "the model's stream broke: an event is not JSON") from error
        if not isinstance(payload, dict):
            return ""
        if payload.get("error"):
            raise stream_error(payload["error"], self._endpoint)
        chunk = read_chunk(payload)
        self._model = chunk.model or self._model
        self._usage = chunk.usage or self._usage
        self._finish_reason = chunk.finish_reason or self._finish_reason
        return chunk.text
