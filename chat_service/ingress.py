"""A thin client of Restate's ingress, for adapters and tools.

The SDK's own client leaves keys unencoded, gives up after 5 s and hides whether a send was a repeat.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import aiohttp
from pydantic import BaseModel
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from chat_service import keys
from chat_service.contracts import Contract

M = TypeVar("M", bound=BaseModel)


class IngressError(Exception):
    """A call that did not come through.

    Attributes:
        status: the HTTP status; 0 when the engine could not be reached.
        message: one line, without a stack trace.
        from_handler: whether a handler said so (final), rather than the ingress (try again).
    """

    def __init__(self, status: int, message: str, *, from_handler: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.from_handler = from_handler

    @property
    def may_retry(self) -> bool:
        """Only what the ingress itself says may be tried again; a handler's word is final."""
        return not self.from_handler and (self.status in (0, 408, 429) or self.status >= 500)


class Sent(Contract):
    """What the ingress says of a send."""

    invocationId: str  # noqa: N815  the engine's own name
    status: str

    @property
    def repeated(self) -> bool:
        """Whether the idempotency key was seen before."""
        return self.status == "PreviouslyAccepted"


class IngressClient:
    """Calls, sends and attachments. Safe to use from many tasks."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url.rstrip("/")

    @classmethod
    @asynccontextmanager
    async def connected(cls, url: str) -> AsyncIterator[IngressClient]:
        """A client with its own connections."""
        # aiohttp would send a content type with an empty body, which a handler without input answers with 400.
        async with aiohttp.ClientSession(
            skip_auto_headers=["Content-Type"], connector=aiohttp.TCPConnector(limit=0)
        ) as session:
            yield cls(session, url)

    async def call(
        self,
        service: str,
        key: str | None,
        handler: str,
        payload: BaseModel | None,
        reply: type[M],
        *,
        timeout: float = 60,
        idempotency_key: str | None = None,
    ) -> M:
        """Call a handler and wait for its answer, `timeout` seconds at most. A service without keys has none (None).

        Raises:
            IngressError: the handler's error, or the engine's absence.
        """
        path = f"/restate/call/{_target(service, key)}/{handler}"
        body = await self._request("POST", path, payload, timeout, idempotency_key)
        return reply.model_validate_json(body or b"{}")

    async def send(
        self,
        service: str,
        key: str | None,
        handler: str,
        payload: BaseModel | None,
        *,
        idempotency_key: str | None = None,
    ) -> Sent:
        """Hand something over durably, without waiting for it. Tried again while the engine is away, for 30 s:
        with an idempotency key that is harmless, so give one wherever a repeat would show.

        Raises:
            IngressError: when the engine did not take it.
        """
        path = f"/restate/send/{_target(service, key)}/{handler}"
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(lambda e: isinstance(e, IngressError) and e.may_retry),
            wait=wait_exponential_jitter(multiplier=0.1, max=2),
            stop=stop_after_delay(30 if idempotency_key else 0),
            reraise=True,
        ):
            with attempt:
                body = await self._request("POST", path, payload, 10, idempotency_key)
        return Sent.model_validate_json(body)

    async def attach(self, invocation: str, reply: type[M], *, timeout: float = 3600) -> M:
        """Wait for an invocation's result.

        Raises:
            IngressError: 404 when it is kept no longer, 409 when it was cancelled or killed: the truth then lies
                in `Chat/get_turn`.
        """
        body = await self._request("GET", f"/restate/invocation/{invocation}/attach", None, timeout, None)
        return reply.model_validate_json(body or b"{}")

    async def call_or_queue(
        self,
        service: str,
        key: str | None,
        handler: str,
        payload: BaseModel | None,
        reply: type[M],
        *,
        timeout: float = 2,
    ) -> M | None:
        """For what a person waits for at a handler that may queue behind a running turn: the result if it comes
        within `timeout` seconds, else None; it is done all the same, when its turn comes."""
        sent = await self.send(service, key, handler, payload)
        try:
            return await self.attach(sent.invocationId, reply, timeout=timeout)
        except TimeoutError:
            return None

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


def _target(service: str, key: str | None) -> str:
    return service if key is None else f"{service}/{keys.quote(key)}"


class _Refusal(Contract):
    code: int | None = None
    message: str = ""
    source: str = ""


def _error(status: int, body: bytes) -> IngressError:
    try:
        refusal = _Refusal.model_validate_json(body)
    except ValueError:
        refusal = _Refusal(message=body.decode(errors="replace"))
    # The engine passes stack traces of killed invocations on: only the first line is for people.
    line = refusal.message.strip().splitlines()[0] if refusal.message.strip() else f"HTTP {status}"
    return IngressError(status, line, from_handler=refusal.source == "invocation")
