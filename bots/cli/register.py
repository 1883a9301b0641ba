"""`threadwell register`: for deployments with separate processes. Run it once after all of them are up."""

from __future__ import annotations

from functools import partial

from chat_service.engine.registration import register as register_deployment
from chat_service.serve import deployment_url
from chat_service.settings import Settings
from chat_service.upgrade import restart_orphaned


async def register(settings: Settings) -> None:
    """Register this code version at Restate and restart the unfinished turns of versions that no longer run.

    Raises:
        UserError: when Restate or the chat service does not come up.
    """
    url = deployment_url(settings)
    await register_deployment(settings.admin_url, url, partial(print, flush=True))
    restarted = await restart_orphaned(settings)
    print(f"registered {url}" + (f", {restarted} turns restarted" if restarted else ""), flush=True)  # noqa: T201
