"""Registration of a deployment, which is one code version of the chat service, at Restate's admin API."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable

import aiohttp
from pydantic import BaseModel
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from chat_service.errors import UserError

TIMEOUT_SECONDS = 30.0
REPORT_SECONDS = 2.0
"""Time after which the wait is reported."""


class _NotReadyError(Exception):
    """Raised when Restate, or the endpoint behind it, is not up yet."""


async def register(admin_url: str, deployment_url: str, report: Callable[[str], None] | None = None) -> None:
    """Register a deployment. Wait up to 30 s for Restate and the endpoint to come up. The call is idempotent.

    `report` gets one line if that takes longer than `REPORT_SECONDS`.

    `force` is used only to return to a version that was registered before a newer one: otherwise Restate would keep
    sending new calls to the newer version, which no longer runs. The URL contains the code version, so running turns
    never meet other code there.

    Raises:
        UserError: when Restate refuses the deployment or does not answer.
    """
    line = (
        f"waiting up to {TIMEOUT_SECONDS:g} s for Restate at {admin_url} to find the chat service at {deployment_url}"
    )
    timer = asyncio.get_running_loop().call_later(REPORT_SECONDS, report, line) if report else None
    try:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type((_NotReadyError, aiohttp.ClientError, TimeoutError)),
            wait=wait_fixed(0.2),
            stop=stop_after_delay(TIMEOUT_SECONDS),
            reraise=True,
        ):
            with attempt:
                await _register(admin_url, deployment_url)
    except (_NotReadyError, aiohttp.ClientError, TimeoutError) as error:
        raise UserError(
            f"Restate at {admin_url} could not register the chat service at {deployment_url}: {error}"
        ) from error
    finally:
        if timer is not None:
            timer.cancel()


async def _register(admin_url: str, deployment_url: str) -> None:
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        deployment = await _post(session, admin_url, deployment_url, force=False)
        for service in deployment.services:
            if await _get_deployment_id(session, admin_url, service.name) not in (None, deployment.id):
                await _post(session, admin_url, deployment_url, force=True)
                return


async def get_deployment_url(session: aiohttp.ClientSession, admin_url: str, service: str) -> str | None:
    """Return the URL to which Restate sends new calls of a service, or None if the service is not registered.

    Raises:
        ClientError, TimeoutError: when Restate does not answer.
    """
    if (deployment := await _get_deployment_id(session, admin_url, service)) is None:
        return None
    async with session.get(f"{admin_url}/deployments/{deployment}") as response:
        return str((await response.json()).get("uri", "")).rstrip("/") if response.status == 200 else None


async def _get_deployment_id(session: aiohttp.ClientSession, admin_url: str, service: str) -> str | None:
    """Return the id of the deployment that gets new calls of a service."""
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
        reason = _error_message(await response.text()) or f"HTTP {response.status}"
        if response.status in (408, 429) or response.status >= 500:
            raise _NotReadyError(reason)
        if response.status == 400 and "connect" in reason.lower():
            raise _NotReadyError(reason)
        raise UserError(f"Restate refused the chat service at {deployment_url}: {reason}")


def _error_message(body: str) -> str:
    """Return the first line of the message in a response of the admin API."""
    with contextlib.suppress(ValueError, AttributeError):
        body = str(json.loads(body).get("message", body))
    return (body.splitlines() or [""])[0][:300]
