"""Turns that began on a version of the code which is no longer there.

The engine pins a running turn to the deployment it began on, and would try that address for ever. After a new
version has registered, what is pinned to an address that nobody serves any more is ended and taken up by the new
version: a turn whose question stands in the state is answered anew, anything else starts again from its input.
Nothing is silent: a turn that cannot be answered in order is told as failed, with "try again".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import aiohttp
from pydantic import BaseModel
from restate import Service, VirtualObject

from chat_service.contracts import History, HistoryRequest, RecoverRequest
from chat_service.errors import UserError
from chat_service.ingress import IngressClient, IngressError
from chat_service.serve import SERVICES
from chat_service.settings import Settings

log = logging.getLogger(__name__)

REACH_SECONDS = 3.0
TURNS = ("message", "regenerate", "recover")


class Stranded(BaseModel):
    """An unfinished invocation of an address that nobody serves."""

    id: str
    service: str
    key: str | None = None
    handler: str
    deployment: str


async def rescue(settings: Settings, services: Sequence[Service | VirtualObject] = SERVICES) -> int:
    """Take up what is stranded of `services`; returns how many invocations that were.

    Safe to run twice, and beside living versions: whoever still answers at its own address is left alone.

    Raises:
        UserError: when the admin API cannot be reached.
    """
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        try:
            gone = await _gone(session, settings.admin_url)
            stranded = await _stranded(session, settings.admin_url, gone, services) if gone else []
            if not stranded:
                return 0
            log.warning("%d unfinished invocations began on a version that is gone: taking them up", len(stranded))
            async with IngressClient.connected(settings.ingress_url) as ingress:
                for one in stranded:
                    await _take_up(session, settings.admin_url, ingress, one)
        except aiohttp.ClientError as error:
            raise UserError(f"Restate's admin API cannot be reached at {settings.admin_url}: {error}") from error
    return len(stranded)


async def _gone(session: aiohttp.ClientSession, admin: str) -> dict[str, str]:
    """The deployments that do not answer, by id."""
    async with session.get(f"{admin}/deployments") as response:
        response.raise_for_status()
        deployments = (await response.json())["deployments"]
    found = {d["id"]: d["uri"].rstrip("/") for d in deployments if "uri" in d}
    alive = await asyncio.gather(*(_answers(session, uri) for uri in found.values()))
    return {one: uri for (one, uri), lives in zip(found.items(), alive, strict=True) if not lives}


async def _answers(session: aiohttp.ClientSession, uri: str) -> bool:
    try:
        async with session.get(f"{uri}/health", timeout=aiohttp.ClientTimeout(total=REACH_SECONDS)) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def _stranded(
    session: aiohttp.ClientSession, admin: str, gone: dict[str, str], served: Sequence[Service | VirtualObject]
) -> list[Stranded]:
    services = ", ".join(f"'{service.name}'" for service in served)
    deployments = ", ".join(f"'{one}'" for one in gone)
    query = (
        "SELECT id, target_service_name AS service, target_service_key AS key, "  # noqa: S608  ids of the engine's own
        "target_handler_name AS handler, pinned_deployment_id AS deployment FROM sys_invocation "
        f"WHERE status != 'completed' AND pinned_deployment_id IN ({deployments}) "
        f"AND target_service_name IN ({services}) ORDER BY created_at"
    )
    headers = {"Accept": "application/json"}
    async with session.post(f"{admin}/query", json={"query": query}, headers=headers) as response:
        response.raise_for_status()
        return [Stranded.model_validate(row) for row in (await response.json())["rows"]]


async def _take_up(session: aiohttp.ClientSession, admin: str, ingress: IngressClient, one: Stranded) -> None:
    is_turn = one.service == "Chat" and one.handler in TURNS and one.key is not None
    opened = is_turn and await _has_opened(ingress, one)
    async with session.patch(f"{admin}/invocations/{one.id}/kill") as response:
        if response.status in (404, 409):
            return  # it came to its end by itself, or with whoever called it
        response.raise_for_status()
    if opened and one.key is not None:
        await ingress.send("Chat", one.key, "recover", RecoverRequest(invocation=one.id), idempotency_key=one.id)
        return
    async with session.patch(
        f"{admin}/invocations/{one.id}/restart-as-new", params={"deployment": "latest"}
    ) as response:
        if response.status >= 400:
            # Its input is kept no longer. The next message tells an open turn as interrupted.
            log.error("%s %s could not be started again: %s", one.service, one.id, await response.text())


async def _has_opened(ingress: IngressClient, one: Stranded) -> bool:
    """Whether the question of this invocation stands in the conversation's state already."""
    try:
        page = await ingress.call("Chat", one.key or "", "get_history", HistoryRequest(limit=1), History)
    except IngressError:
        return False
    return page.running is not None and page.running.invocation == one.id
