"""Mapping of the errors of OpenAI-compatible endpoints to `ModelError`.

Retried: connection errors, 408, 409, 425, 429, 5xx. Trimmed and retried: a 400 about a context that is too long, which
each server words differently. Everything else fails the turn with a message for the operator.
"""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime

import openai

from chat_service.models.protocol import Endpoint, Failure, ModelError

_TOO_LONG = re.compile(
    r"context[_ ](?:length|size|window)|maximum context|too many tokens|prompt is too long|exceeds? .{0,40}context",
    re.IGNORECASE,
)
_LIMIT = re.compile(r"(?:maximum context length is|context (?:size|window|length)[^\d]{0,30}?) ?\(?(\d[\d,]*)", re.I)
_ASKED = re.compile(r"(?:resulted in|requested|have|request \(|prompt (?:has|contains)) ?(\d[\d,]*) ?tokens?", re.I)
_RETRIED_STATUSES = (408, 409, 425, 429)
_MAX_MESSAGE_CHARACTERS = 200
MAX_RETRY_AFTER = 1e9
"""Seconds. Longer values, and infinity, cannot be stored as JSON."""
MIN_SECRET_CHARACTERS = 8
"""A shorter API key is no secret, and removing it from messages would damage ordinary words."""


def to_model_error(
    error: openai.OpenAIError, endpoint: Endpoint, model: str | None, *, chosen: bool = False
) -> ModelError:
    """Return the `ModelError` for an error of the client. It never contains the API key, which providers quote.

    `chosen`: the model's name comes from the settings of a conversation, channel or workspace, or from a persona.
    """
    # Trap: the client's aiohttp transport also reports a refused connection as a time-out.
    if isinstance(error, openai.APITimeoutError) and isinstance(_root_cause(error), TimeoutError):
        return ModelError(Failure.RETRY, "the model's endpoint did not answer in time")
    if isinstance(error, openai.APIConnectionError):
        host = endpoint.base_url or "the provider"
        return ModelError(Failure.RETRY, f"the model's endpoint cannot be reached ({host})")
    if isinstance(error, openai.APIStatusError):
        return _from_status(error, endpoint, model, chosen)
    return ModelError(Failure.PERMANENT, _clean(f"the model cannot be used: {error}", endpoint))


def _root_cause(error: BaseException) -> BaseException:
    """Return the exception that all others were raised from."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def stream_error(error: object, endpoint: Endpoint) -> ModelError:
    """Return the `ModelError` for the `error` field of an event in a stream, whose status was 200."""
    body = error if isinstance(error, dict) else {}
    message = str(body.get("message") or error)
    if _is_too_long(body, message):
        return _too_long(body, message)
    return ModelError(Failure.RETRY, _clean(f"the model's endpoint failed: {message}", endpoint))


def _from_status(error: openai.APIStatusError, endpoint: Endpoint, model: str | None, chosen: bool) -> ModelError:
    status, body, env = error.status_code, _body(error), endpoint.settings_prefix
    if body.get("code") == "insufficient_quota" or body.get("type") == "insufficient_quota":
        return ModelError(
            Failure.PERMANENT, f"the model's account has no credit left: top it up, or change {env}_API_KEY"
        )
    if status in _RETRIED_STATUSES or status >= 500:
        words = "is busy (429)" if status == 429 else f"failed ({status})"
        return ModelError(Failure.RETRY, f"the model's endpoint {words}", retry_after=_retry_after(error))
    message = str(body.get("message") or error.message)
    if status in (400, 413) and _is_too_long(body, message):
        return _too_long(body, message)
    where = "choose another one in the settings here" if chosen else f"check {env}_MODEL and {env}_BASE_URL"
    message = {
        401: f"the model's endpoint refused the API key: check {env}_API_KEY",
        403: f"the API key may not use this model: check {env}_API_KEY and {env}_MODEL",
        404: f"the endpoint does not know the model {model or '(none named)'}: {where}",
    }.get(status, f"the model's endpoint refused the request ({status}): {message}")
    return ModelError(Failure.PERMANENT, _clean(message, endpoint))


def _body(error: openai.APIError) -> dict[str, object]:
    body = error.body
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        body = body["error"]
    return body if isinstance(body, dict) else {}


def _is_too_long(body: dict[str, object], message: str) -> bool:
    kinds = (body.get("code"), body.get("type"))
    return "context_length_exceeded" in kinds or "exceed_context_size_error" in kinds or bool(_TOO_LONG.search(message))


def _too_long(body: dict[str, object], message: str) -> ModelError:
    limit, asked = body.get("n_ctx"), body.get("n_prompt_tokens")
    return ModelError(
        Failure.TOO_LONG,
        "the conversation is longer than the model's context",
        context_tokens=limit if isinstance(limit, int) else _number(_LIMIT, message),
        prompt_tokens=asked if isinstance(asked, int) else _number(_ASKED, message),
    )


def _number(pattern: re.Pattern[str], message: str) -> int | None:
    match = pattern.search(message)
    return int(match.group(1).replace(",", "")) if match else None


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Return the seconds to wait: `retry-after-ms`, or `Retry-After` as seconds or a date (RFC 9110, 10.2.3)."""
    headers = error.response.headers
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return min(max(0.0, float(milliseconds) / 1000), MAX_RETRY_AFTER)
        value = headers.get("retry-after")
        if value is None:
            return None
        if re.fullmatch(r"\d+(\.\d+)?", value.strip()):
            return min(float(value), MAX_RETRY_AFTER)
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


def _clean(message: str, endpoint: Endpoint) -> str:
    """Return the message on one line of limited length, without API keys."""
    line = " ".join(message.split())
    if endpoint.api_key and len(key := endpoint.api_key.get_secret_value()) >= MIN_SECRET_CHARACTERS:
        line = line.replace(key, "…")
    line = re.sub(r"\b(sk|key|Bearer)[-_ ][A-Za-z0-9*_\-]{6,}", "…", line)
    return line if len(line) <= _MAX_MESSAGE_CHARACTERS else line[: _MAX_MESSAGE_CHARACTERS - 1] + "…"
