"""`threadwell register`: for deployments whose parts run apart; run once when all of them are up."""

from __future__ import annotations

from functools import partial

from chat_service.engine.registration import register as register_deployment
from chat_service.serve import deployment_url
from chat_service.settings import Settings
from chat_service.upgrade import rescue


async def register(settings: Settings) -> None:
    """Register this code version at Restate and take up what an absent version left unfinished.

    Raises:
        UserError: when Restate, or the chat service behind it, does not come up.
    """
    url = deployment_url(settings)
    await register_deployment(settings.admin_url, url, partial(print, flush=True))
    taken = await rescue(settings)
    print(f"registered {url}" + (f", {taken} turns taken up" if taken else ""), flush=True)  # noqa: T201
