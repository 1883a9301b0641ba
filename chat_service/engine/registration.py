"""Telling the engine where a version of the chat service is served."""

from __future__ import annotations

import contextlib
import json

import aiohttp
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from chat_service.errors import UserError

PATIENCE_SECONDS = 30.0


class _NotYet(Exception):
    """The engine, or the endpoint behind it, is not up yet."""


async def register(admin_url: str, deployment_url: str) -> None:
    """Register a deployment, waiting up to 30 s for both sides to come up. Doing so again changes nothing.

    Never by force: that would put other code behind an address to which running turns are pinned.

    Raises:
        UserError: when the engine refuses, or does not answer.
    """
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


async def _register(admin_url: str, deployment_url: str) -> None:
    body = {"uri": deployment_url, "force": False}
    timeout = aiohttp.ClientTimeout(total=10)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(f"{admin_url}/deployments", json=body) as response,
    ):
        if response.status < 300:
            return
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
