"""`threadwell doctor`: what is in order, what is not, and what to do about it; one line each."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from rich.console import Console

from bots.cli import tokens
from bots.cli.ports import find_port_owner, find_port_problem, listen_addresses
from bots.cli.reachability import read_newest
from chat_service import hosts
from chat_service.downloads import MEGABYTE
from chat_service.engine.binary import find_local_engine
from chat_service.engine.npm import ARCHIVE_BYTES, supported_platform
from chat_service.errors import UserError
from chat_service.ingress import IngressClient, IngressError
from chat_service.local_model.weights import SIZE, cached_weights_path
from chat_service.models.availability import probe_configured_models
from chat_service.settings import Settings

PATIENCE = aiohttp.ClientTimeout(total=2)


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
        console.print(f"{mark}[bold]{finding.what}[/bold]: ", end="")
        console.print(finding.line, soft_wrap=True, markup=False)
        well = well and finding.good is not False
    return well


async def findings(settings: Settings) -> AsyncIterator[Finding]:
    """Everything that is looked at, in the order in which a start would need it."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", sys.version_info >= (3, 11), f"{version} (3.11 or newer is needed)")
    running = await _answers(f"{settings.ingress_url}/restate/health")
    if running:
        async for finding in _running_restate(settings):
            yield finding
    else:
        yield _absent_restate(settings)
    yield await _model(settings)
    for bot in tokens.REQUIRED:
        yield _tokens(bot)
    for finding in (*await _slack(settings), *await _discord(settings)):
        yield finding
    for variable, (host, port) in listen_addresses(settings).items():
        yield await _port(variable, host, port, running)


async def _running_restate(settings: Settings) -> AsyncIterator[Finding]:
    yield Finding("Restate", True, f"answers at {settings.ingress_url}")
    if not await _answers(f"{settings.admin_url}/health"):
        yield Finding("Restate admin", False, f"{settings.admin_url} is silent: correct RESTATE_ADMIN_URL")
        return
    yield Finding("Restate admin", True, f"answers at {settings.admin_url}")
    yield await _chat_service(settings)


async def _chat_service(settings: Settings) -> Finding:
    """Whether Restate knows it, and gets an answer from where it believes it to be."""
    what, uri = "chat service", "its address"
    try:
        async with aiohttp.ClientSession(settings.admin_url, timeout=PATIENCE) as session:
            async with session.get("/services/Chat") as response:
                if response.status != 200:
                    return Finding(what, False, "not registered: start it, then run `threadwell register`")
                deployment = (await response.json())["deployment_id"]
            async with session.get(f"/deployments/{deployment}") as response:
                uri = (await response.json()).get("uri", "")
        # Asked through Restate, which may see it where this machine does not.
        async with IngressClient.connected(settings.ingress_url) as ingress:
            await read_newest(ingress, "doctor")
    except TimeoutError:
        line = f"registered, but Restate gets no answer from {uri}: start it there, or run `threadwell register`"
        return Finding(what, False, line)
    except (aiohttp.ClientError, IngressError) as error:
        return Finding(what, False, f"{error}; see Restate's log")
    return Finding(what, True, f"registered, answers at {uri}")


def _absent_restate(settings: Settings) -> Finding:
    if not settings.embeds_engine:
        line = f"{settings.ingress_url} is silent: start it, or unset RESTATE_INGRESS_URL and RESTATE_ADMIN_URL"
        return Finding("Restate", False, line)
    try:
        found = find_local_engine(settings)
        if found is None:
            supported_platform()
    except UserError as error:
        return Finding("Restate", False, str(error))
    later = f"fetched from npm at the first start ({ARCHIVE_BYTES // MEGABYTE} MB)"
    return Finding("Restate", True, f"not running, {f'starts from {found}' if found else later}")


async def _model(settings: Settings) -> Finding:
    if settings.embeds_model:
        if settings.local_model.lower() != "on":
            there = Path(settings.local_model).expanduser().is_file()
            line = settings.local_model if there else f"LOCAL_MODEL={settings.local_model}: there is no such file"
            return Finding("model", there, line)
        here = "here" if cached_weights_path(settings).exists() else f"fetched at the first start ({SIZE // MEGABYTE} MB)"
        return Finding("model", True, f"the embedded one, {here}")
    try:
        return Finding("model", True, await probe_configured_models(settings))
    except UserError as error:
        return Finding("model", False, str(error))


def _tokens(bot: str) -> Finding:
    present = tokens.present(bot)
    if tokens.is_complete(bot):
        return Finding(bot, None, f"{', '.join(present)} set")
    if present:
        return Finding(bot, False, f"{', '.join(present)} set, but not {tokens.missing(bot)}: set that too")
    return Finding(bot, None, f"no tokens, so no bot; to have one, set {tokens.missing(bot)}")


async def _slack(settings: Settings) -> list[Finding]:
    if not tokens.is_complete("slack"):
        return []
    from bots.slack.diagnostics import check

    return [Finding("slack app", good, line) for good, line in await check(settings)]


async def _discord(settings: Settings) -> list[Finding]:
    if not tokens.is_complete("discord") or settings.discord_token is None:
        return []
    from bots.discord.diagnostics import check

    return [Finding("discord app", good, line) for good, line in await check(settings)]


async def _port(variable: str, host: str, port: int, running: bool) -> Finding:
    line = find_port_problem(variable, host, port)
    if line is None:
        return Finding(variable, True, f"{port}, free")
    # With Restate up, its ports are its own, and ours are recognised by their answer.
    if running and (variable.startswith("RESTATE_") or await _answers(hosts.http_url(host, port) + "/health")):
        return Finding(variable, True, f"{port}, in use by {find_port_owner(port)}")
    return Finding(variable, False, line)


async def _answers(url: str) -> bool:
    try:
        async with (
            aiohttp.ClientSession(timeout=PATIENCE) as session,
            session.get(url) as response,
        ):
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
