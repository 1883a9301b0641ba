"""Sorting what an OpenAI-compatible endpoint may answer into what to do about it.

Retried: connection errors, 408, 409, 429, 5xx. Trimmed: a 400 that says the context is too long, which every server
says in its own words. Everything else ends the turn with a line for the person who can change it.
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
_RETRIED = (408, 409, 425, 429)
_SHOWN = 200
LONG = 1e9
"""Seconds. What is longer, or without end, cannot be written down as JSON."""
SECRET_LENGTH = 8
"""A key shorter than this is no secret, and would be found in any word."""


def sorted_error(
    error: openai.OpenAIError, endpoint: Endpoint, model: str | None, *, chosen: bool = False
) -> ModelError:
    """The error as a `ModelError`. Never carries a key: providers repeat part of it in their messages.

    `chosen`: the model's name comes from the settings of a conversation, a channel or a workspace, or from a persona.
    """
    if isinstance(error, openai.APITimeoutError):
        return ModelError(Failure.RETRY, "the model's endpoint did not answer in time")
    if isinstance(error, openai.APIConnectionError):
        host = endpoint.base_url or "the provider"
        return ModelError(Failure.RETRY, f"the model's endpoint cannot be reached ({host})")
    if isinstance(error, openai.APIStatusError):
        return _sorted_status(error, endpoint, model, chosen)
    if isinstance(error, openai.APIError):
        # An error line inside the stream: the status has long been 200.
        body = _body(error)
        if _is_too_long(body, error.message):
            return _too_long(body, error.message)
        return ModelError(Failure.RETRY, _clean(f"the model's endpoint failed: {error.message}", endpoint))
    return ModelError(Failure.PERMANENT, _clean(f"the model cannot be used: {error}", endpoint))


def _sorted_status(error: openai.APIStatusError, endpoint: Endpoint, model: str | None, chosen: bool) -> ModelError:
    status, body, env = error.status_code, _body(error), endpoint.settings
    if body.get("code") == "insufficient_quota" or body.get("type") == "insufficient_quota":
        return ModelError(
            Failure.PERMANENT, f"the model's account has no credit left: top it up, or change {env}_API_KEY"
        )
    if status in _RETRIED or status >= 500:
        words = "is busy (429)" if status == 429 else f"failed ({status})"
        return ModelError(Failure.RETRY, f"the model's endpoint {words}", retry_after=_retry_after(error))
    message = str(body.get("message") or error.message)
    if status in (400, 413) and _is_too_long(body, message):
        return _too_long(body, message)
    where = "choose another one in the settings here" if chosen else f"check {env}_MODEL and {env}_BASE_URL"
    told = {
        401: f"the model's endpoint refused the API key: check {env}_API_KEY",
        403: f"the API key may not use this model: check {env}_API_KEY and {env}_MODEL",
        404: f"the endpoint does not know the model {model or '(none named)'}: {where}",
    }.get(status, f"the model's endpoint refused the request ({status}): {message}")
    return ModelError(Failure.PERMANENT, _clean(told, endpoint))


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
        "the conversation is longer than the model can read",
        context_tokens=limit if isinstance(limit, int) else _number(_LIMIT, message),
        prompt_tokens=asked if isinstance(asked, int) else _number(_ASKED, message),
    )


def _number(pattern: re.Pattern[str], message: str) -> int | None:
    match = pattern.search(message)
    return int(match.group(1).replace(",", "")) if match else None


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds to wait: `retry-after-ms`, or `Retry-After` as seconds or as a date (RFC 9110, 10.2.3)."""
    headers = error.response.headers
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return min(max(0.0, float(milliseconds) / 1000), LONG)
        value = headers.get("retry-after")
        if value is None:
            return None
        if re.fullmatch(r"\d+(\.\d+)?", value.strip()):
            return min(float(value), LONG)
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


def _clean(message: str, endpoint: Endpoint) -> str:
    line = " ".join(message.split())
    if endpoint.api_key and len(key := endpoint.api_key.get_secret_value()) >= SECRET_LENGTH:
        line = line.replace(key, "…")
    line = re.sub(r"\b(sk|key|Bearer)[-_ ][A-Za-z0-9*_\-]{6,}", "…", line)
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
