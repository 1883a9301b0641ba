"""Telling the engine where a version of the chat service is served."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable

import aiohttp
from pydantic import BaseModel
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from chat_service.errors import UserError

PATIENCE_SECONDS = 30.0
TELL_SECONDS = 2.0
"""After so long without an answer it is said what is being waited for."""


class _NotYet(Exception):
    """The engine, or the endpoint behind it, is not up yet."""


async def register(admin_url: str, deployment_url: str, tell: Callable[[str], None] | None = None) -> None:
    """Register a deployment, waiting up to 30 s for both sides to come up. Doing so again changes nothing.

    `tell` is given a line when somebody may wonder why nothing happens.

    By force only to come back to a version that was registered before a newer one: the engine would otherwise go on
    sending to the newer, which is gone. Its address names its code, so running turns never meet other code there.

    Raises:
        UserError: when the engine refuses, or does not answer.
    """
    line = (
        f"waiting up to {PATIENCE_SECONDS:g} s for Restate at {admin_url} to find the chat service at {deployment_url}"
    )
    telling = asyncio.get_running_loop().call_later(TELL_SECONDS, tell, line) if tell else None
    try:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type((_NotYet, aiohttp.ClientError, TimeoutError)),
            wait=wait_fixed(0.2),
            stop=stop_after_delay(PATIENCE_SECONDS),
            reraise=True,
        ):
            with attempt:
                await _register(admin_url, deployment_url)
    except (_NotYet, aiohttp.ClientError, TimeoutError) as error:
        raise UserError(
            f"Restate at {admin_url} could not register the chat service at {deployment_url}: {error}"
        ) from error
    finally:
        if telling is not None:
            telling.cancel()


async def _register(admin_url: str, deployment_url: str) -> None:
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        known = await _post(session, admin_url, deployment_url, force=False)
        for service in known.services:
            if await _current(session, admin_url, service.name) not in (None, known.id):
                await _post(session, admin_url, deployment_url, force=True)
                return


async def address_of(session: aiohttp.ClientSession, admin_url: str, service: str) -> str | None:
    """Where the engine sends new calls of a service; None when it knows none of that name.

    Raises:
        ClientError, TimeoutError: the engine does not answer.
    """
    if (deployment := await _current(session, admin_url, service)) is None:
        return None
    async with session.get(f"{admin_url}/deployments/{deployment}") as response:
        return str((await response.json()).get("uri", "")).rstrip("/") if response.status == 200 else None


async def _current(session: aiohttp.ClientSession, admin_url: str, service: str) -> str | None:
    """The deployment that gets new calls of a service."""
    async with session.get(f"{admin_url}/services/{service}") as response:
        return str((await response.json()).get("deployment_id")) if response.status == 200 else None


class _Service(BaseModel):
    name: str


class _Deployment(BaseModel):
    id: str
    services: list[_Service] = []


async def _post(session: aiohttp.ClientSession, admin_url: str, deployment_url: str, *, force: bool) -> _Deployment:
    body = {"uri": deployment_url, "force": force}
    async with session.post(f"{admin_url}/deployments", json=body) as response:
        if response.status < 300:
            return _Deployment.model_validate_json(await response.read())
        reason = _reason(await response.text()) or f"HTTP {response.status}"
        if response.status in (408, 429) or response.status >= 500:
            raise _NotYet(reason)
        if response.status == 400 and "connect" in reason.lower():
            raise _NotYet(reason)
        raise UserError(f"Restate refused the chat service at {deployment_url}: {reason}")


def _reason(body: str) -> str:
    """The first line of the engine's error, without its envelope."""
    with contextlib.suppress(ValueError, AttributeError):
        body = str(json.loads(body).get("message", body))
    return (body.splitlines() or [""])[0][:300]
