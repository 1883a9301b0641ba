"""`threadwell doctor`: what is in order, what is not, and what to do about it; one line each."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
from rich.console import Console

from bots.cli.ports import is_free, needed, owner
from chat_service.engine.binary import VERSION, cache_dir
from chat_service.errors import UserError
from chat_service.local_model.weights import FILE
from chat_service.models.protocol import ModelError
from chat_service.models.registry import open_models
from chat_service.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor. `good` None is information, not a verdict."""

    what: str
    good: bool | None
    line: str


async def doctor(settings: Settings) -> bool:
    """Print all findings; whether nothing is wrong."""
    console = Console(highlight=False)
    well = True
    async for finding in findings(settings):
        mark = {True: "[green]ok[/green]  ", False: "[red]no[/red]  ", None: "--  "}[finding.good]
        console.print(f"{mark}[bold]{finding.what}[/bold]: {finding.line}", soft_wrap=True)
        well = well and finding.good is not False
    return well


async def findings(settings: Settings) -> AsyncIterator[Finding]:
    """Everything that is looked at, in the order in which a start would need it."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", sys.version_info >= (3, 11), f"{version} (3.11 or newer is needed)")
    running = await _answers(f"{settings.ingress_url}/restate/health")
    async for finding in _restate(settings, running):
        yield finding
    yield await _model(settings)
    for name, tokens in {"Slack": ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"), "Discord": ("DISCORD_TOKEN",)}.items():
        present = [token for token in tokens if os.environ.get(token)]
        yield Finding(name, None, f"{', '.join(present)} set" if present else f"no token ({tokens[0]}); not needed")
    for variable, (host, port) in needed(settings).items():
        free = is_free(host, port)
        if free or running:
            state = "free" if free else f"used by {owner(port)}"
            yield Finding(variable, True, f"{port}, {state}")
        else:
            yield Finding(variable, False, f"{port} is taken by {owner(port)}: stop that, or set {variable}")


async def _restate(settings: Settings, running: bool) -> AsyncIterator[Finding]:
    if running:
        yield Finding("Restate", True, f"answers at {settings.ingress_url}")
        admin = await _answers(f"{settings.admin_url}/health")
        yield Finding(
            "Restate admin",
            admin,
            f"{settings.admin_url} {'answers' if admin else 'is silent: check RESTATE_ADMIN_URL'}",
        )
        return
    if not settings.embeds_engine:
        yield Finding("Restate", False, f"{settings.ingress_url} is silent: start it, or unset RESTATE_INGRESS_URL")
        return
    named = settings.restate_server_binary
    if named and not os.access(named, os.X_OK):
        yield Finding("Restate", False, f"RESTATE_SERVER_BINARY={named} cannot be run: correct it or unset it")
        return
    cached = cache_dir(settings) / f"restate-server-{VERSION}" / "restate-server"
    found = named or shutil.which("restate-server") or (cached if cached.exists() else None)
    yield Finding("Restate", True, f"not running; {found or 'will be fetched from npm at the first start'}")


async def _model(settings: Settings) -> Finding:
    if settings.embeds_model:
        if settings.local_model.lower() != "on":
            there = os.path.isfile(settings.local_model)  # noqa: PTH113
            line = settings.local_model if there else f"LOCAL_MODEL={settings.local_model}: there is no such file"
            return Finding("model", there, line)
        there = (cache_dir(settings) / "models" / FILE).exists()
        return Finding("model", True, f"the embedded one, {'here' if there else 'fetched at the first start (491 MB)'}")
    try:
        async with open_models(settings) as models:
            line = await models.primary.check()
            if models.fallback:
                line += f"; fallback {await models.fallback.check()}"
        return Finding("model", True, line)
    except (ModelError, UserError) as error:
        return Finding("model", False, str(error))


async def _answers(url: str) -> bool:
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session,
            session.get(url) as response,
        ):
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
