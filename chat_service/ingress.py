"""A client of Restate's ingress, for bots and commands.

The SDK's own client does not encode keys, times out after 5 s and does not say whether a send was a repeat.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from pydantic import BaseModel
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from chat_service import keys
from chat_service.contracts import Contract
from chat_service.handlers import Handler, Request, Response, parse_response

RETRY_SECONDS = 30.0
SEND_SECONDS = 10.0


class IngressError(Exception):
    """Raised when a call failed or Restate could not be reached.

    Attributes:
        status: the HTTP status; 0 when Restate could not be reached.
        message: one line, without a stack trace.
        from_handler: True for an error of the handler, which is final; False for one of the ingress.
    """

    def __init__(self, status: int, message: str, *, from_handler: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.from_handler = from_handler

    @property
    def may_retry(self) -> bool:
        """Whether a repeated call may succeed. Errors of handlers are final."""
        return not self.from_handler and (self.status in (0, 408, 429) or self.status >= 500)


class Sent(Contract):
    """The ingress's response to a send."""

    invocationId: str  # noqa: N815  Restate's name
    status: str

    @property
    def repeated(self) -> bool:
        """Whether the idempotency key was seen before."""
        return self.status == "PreviouslyAccepted"


@dataclass(frozen=True, slots=True)
class Queued:
    """Returned by `call_or_queue` when the handler still waits for a running turn."""


class IngressClient:
    """Calls handlers, sends to them, and attaches to invocations. Safe to use from many tasks."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url.rstrip("/")

    @classmethod
    @asynccontextmanager
    async def connected(cls, url: str) -> AsyncIterator[IngressClient]:
        """Open a client with its own connections."""
        # aiohttp would send a content type with an empty body, which a handler without input answers with 400.
        async with aiohttp.ClientSession(
            skip_auto_headers=["Content-Type"], connector=aiohttp.TCPConnector(limit=0)
        ) as session:
            yield cls(session, url)

    async def call(
        self,
        handler: Handler[Request, Response],
        key: str | None,
        payload: Request,
        *,
        timeout: float = 60,
        idempotency_key: str | None = None,
    ) -> Response:
        """Call a handler and return its result. `key` is None for a service without keys, `timeout` is in seconds.

        Raises:
            IngressError: the handler's error, or Restate cannot be reached.
            TimeoutError: no result within `timeout`.
        """
        path = f"/restate/call/{_target(handler, key)}"
        return parse_response(handler.response, await self._request("POST", path, payload, timeout, idempotency_key))

    async def send(
        self,
        handler: Handler[Request, Response],
        key: str | None,
        payload: Request,
        *,
        idempotency_key: str | None = None,
    ) -> Sent:
        """Send to a handler durably, without waiting for its result.

        With an idempotency key a failed send is retried for 30 s, because a repeat is harmless. Give one wherever a
        repeat would show.

        Raises:
            IngressError: Restate did not accept it.
        """
        path = f"/restate/send/{_target(handler, key)}"
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(lambda e: isinstance(e, IngressError) and e.may_retry),
            wait=wait_exponential_jitter(multiplier=0.1, max=2),
            stop=stop_after_delay(RETRY_SECONDS if idempotency_key else 0),
            reraise=True,
        ):
            with attempt:
                body = await self._request("POST", path, payload, SEND_SECONDS, idempotency_key)
        return Sent.model_validate_json(body)

    async def attach(self, invocation: str, response: type[Response], *, timeout: float = 3600) -> Response:
        """Wait for the result of an invocation.

        Raises:
            IngressError: 404 when the result is no longer kept, 409 when the invocation was cancelled or killed:
                `Chat/get_turn` then tells how the turn ended.
            TimeoutError: no result within `timeout` seconds.
        """
        body = await self._request("GET", f"/restate/invocation/{invocation}/attach", None, timeout, None)
        return parse_response(response, body)

    async def call_or_queue(
        self,
        handler: Handler[Request, Response],
        key: str | None,
        payload: Request,
        *,
        timeout: float = 2,
    ) -> Response | Queued:
        """Call a handler that may wait for a running turn, for a person who waits.

        Returns its result if it comes within `timeout` seconds. Otherwise returns `Queued`: the handler still runs when
        its turn comes.
        """
        sent = await self.send(handler, key, payload)
        try:
            return await self.attach(sent.invocationId, handler.response, timeout=timeout)
        except TimeoutError:
            return Queued()

    async def _request(
        self, method: str, path: str, payload: BaseModel | None, timeout: float, idempotency_key: str | None
    ) -> bytes:
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        data = None
        if payload is not None:
            headers["Content-Type"] = "application/json"
            data = payload.model_dump_json(exclude_none=True).encode()
        try:
            async with asyncio.timeout(timeout):
                async with self._session.request(
                    method,
                    self._url + path,
                    data=data,
                    headers=headers,
                    timeout=aiohttp.ClientTimeout(total=None),
                ) as response:
                    body = await response.read()
        except aiohttp.ClientError as error:
            raise IngressError(0, f"Restate cannot be reached at {self._url}: {error}") from error
        if response.status < 400:
            return body
        raise _error(response.status, body)


def _target(handler: Handler[Any, Any], key: str | None) -> str:
    if handler.keyed != (key is not None):
        raise ValueError(f"{handler.service}/{handler.name} takes {'a' if handler.keyed else 'no'} key")
    return (
        f"{handler.service}/{keys.quote(key)}/{handler.name}"
        if key is not None
        else f"{handler.service}/{handler.name}"
    )


class _Refusal(Contract):
    code: int | None = None
    message: str = ""
    source: str = ""


def _error(status: int, body: bytes) -> IngressError:
    try:
        refusal = _Refusal.model_validate_json(body)
    except ValueError:
        refusal = _Refusal(message=body.decode(errors="replace"))
    # Restate includes stack traces of killed invocations: only the first line is for people.
    line = refusal.message.strip().splitlines()[0] if refusal.message.strip() else f"HTTP {status}"
    return IngressError(status, line, from_handler=refusal.source == "invocation")
