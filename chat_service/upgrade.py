"""Takes over invocations that began on a version of the code which is no longer running.

Restate pins an invocation to the deployment at which it began, and would retry at that URL forever. After a new
version was registered, unfinished invocations of deployments that do not respond are killed and restarted on the new
version: a turn whose question is stored in the state is answered again, everything else starts again from its input.
A turn that cannot be restarted is closed as failed, with the advice to try again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence

import aiohttp
from pydantic import BaseModel
from restate import Service, VirtualObject

from chat_service import handlers
from chat_service.contracts import HistoryRequest, RecoverRequest
from chat_service.errors import UserError
from chat_service.ingress import IngressClient, IngressError
from chat_service.objects.services import SERVICES
from chat_service.settings import Settings

log = logging.getLogger(__name__)

HEALTH_SECONDS = 3.0
TURN_HANDLERS = (handlers.CHAT_MESSAGE, handlers.CHAT_REGENERATE, handlers.CHAT_RECOVER)


class OrphanedInvocation(BaseModel):
    """An unfinished invocation of a deployment that does not respond."""

    id: str
    service: str
    key: str | None = None
    handler: str
    deployment: str


async def restart_orphaned(settings: Settings, services: Sequence[Service | VirtualObject] = SERVICES) -> int:
    """Restart the orphaned invocations of `services` and return their number.

    Safe to run twice, and beside other versions: deployments that respond are not touched.

    Raises:
        UserError: the admin API cannot be reached.
    """
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        try:
            unreachable = await _find_unreachable_deployments(session, settings.admin_url)
            orphaned = await _find_orphaned(session, settings.admin_url, unreachable, services) if unreachable else []
            if not orphaned:
                return 0
            log.warning("%d unfinished invocations began on a version that is gone: restarting them", len(orphaned))
            async with IngressClient.connected(settings.ingress_url) as ingress:
                for invocation in orphaned:
                    await _restart(session, settings.admin_url, ingress, invocation)
        except aiohttp.ClientError as error:
            raise UserError(f"Restate's admin API cannot be reached at {settings.admin_url}: {error}") from error
    return len(orphaned)


async def _find_unreachable_deployments(session: aiohttp.ClientSession, admin_url: str) -> list[str]:
    """Return the ids of the deployments that do not respond."""
    async with session.get(f"{admin_url}/deployments") as response:
        response.raise_for_status()
        deployments = (await response.json())["deployments"]
    uris = {d["id"]: d["uri"].rstrip("/") for d in deployments if "uri" in d}
    healthy = await asyncio.gather(*(_is_healthy(session, uri) for uri in uris.values()))
    return [deployment for deployment, is_healthy in zip(uris, healthy, strict=True) if not is_healthy]


async def _is_healthy(session: aiohttp.ClientSession, uri: str) -> bool:
    try:
        async with session.get(f"{uri}/health", timeout=aiohttp.ClientTimeout(total=HEALTH_SECONDS)) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def _find_orphaned(
    session: aiohttp.ClientSession,
    admin_url: str,
    unreachable: Iterable[str],
    served: Sequence[Service | VirtualObject],
) -> list[OrphanedInvocation]:
    services = ", ".join(f"'{service.name}'" for service in served)
    deployments = ", ".join(f"'{deployment}'" for deployment in unreachable)
    query = (
        "SELECT id, target_service_name AS service, target_service_key AS key, "  # noqa: S608  ids of Restate's own
        "target_handler_name AS handler, pinned_deployment_id AS deployment FROM sys_invocation "
        f"WHERE status != 'completed' AND pinned_deployment_id IN ({deployments}) "
        f"AND target_service_name IN ({services}) ORDER BY created_at"
    )
    headers = {"Accept": "application/json"}
    async with session.post(f"{admin_url}/query", json={"query": query}, headers=headers) as response:
        response.raise_for_status()
        return [OrphanedInvocation.model_validate(row) for row in (await response.json())["rows"]]


async def _restart(
    session: aiohttp.ClientSession, admin_url: str, ingress: IngressClient, invocation: OrphanedInvocation
) -> None:
    key = invocation.key
    is_turn = any((h.service, h.name) == (invocation.service, invocation.handler) for h in TURN_HANDLERS)
    is_running = is_turn and key is not None and await _is_running_turn(ingress, key, invocation.id)
    async with session.patch(f"{admin_url}/invocations/{invocation.id}/kill") as response:
        if response.status in (404, 409):
            return  # it ended by itself, or with its caller
        response.raise_for_status()
    if is_running and key is not None:
        request = RecoverRequest(invocation=invocation.id)
        await ingress.send(handlers.CHAT_RECOVER, key, request, idempotency_key=invocation.id)
        return
    async with session.patch(
        f"{admin_url}/invocations/{invocation.id}/restart-as-new", params={"deployment": "latest"}
    ) as response:
        if response.status >= 400:
            # Its input is no longer kept. The next message closes an open turn as interrupted.
            reason = await response.text()
            log.error("%s %s could not be restarted: %s", invocation.service, invocation.id, reason)


async def _is_running_turn(ingress: IngressClient, key: str, invocation: str) -> bool:
    """Return whether the question of this invocation is stored in the conversation's state."""
    try:
        page = await ingress.call(handlers.CHAT_GET_HISTORY, key, HistoryRequest(limit=1))
    except IngressError:
        return False
    return page.running is not None and page.running.invocation == invocation
