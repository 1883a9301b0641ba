"""`threadwell doctor`: check the machine and the settings, and print one line for each check."""

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

TIMEOUT = aiohttp.ClientTimeout(total=2)


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. `is_ok` is None for mere information."""

    subject: str
    is_ok: bool | None
    line: str


async def doctor(settings: Settings) -> bool:
    """Run all checks and print their results. Return whether none failed."""
    console = Console(highlight=False)
    all_ok = True
    async for finding in run_checks(settings):
        label = {True: "[green]ok[/green]  ", False: "[red]no[/red]  ", None: "--  "}[finding.is_ok]
        console.print(f"{label}[bold]{finding.subject}[/bold]: ", end="")
        console.print(finding.line, soft_wrap=True, markup=False)
        all_ok = all_ok and finding.is_ok is not False
    return all_ok


async def run_checks(settings: Settings) -> AsyncIterator[Finding]:
    """Run all checks, in the order of a start."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", sys.version_info >= (3, 11), f"{version} (3.11 or newer is needed)")
    is_restate_running = await _answers(f"{settings.ingress_url}/restate/health")
    if is_restate_running:
        async for finding in _check_running_restate(settings):
            yield finding
    else:
        yield _check_stopped_restate(settings)
    yield await _check_model(settings)
    for bot in tokens.REQUIRED:
        yield _check_tokens(bot)
    for finding in (*await _check_slack(settings), *await _check_discord(settings)):
        yield finding
    for variable, (host, port) in listen_addresses(settings).items():
        yield await _check_port(variable, host, port, is_restate_running)


async def _check_running_restate(settings: Settings) -> AsyncIterator[Finding]:
    yield Finding("Restate", True, f"answers at {settings.ingress_url}")
    if not await _answers(f"{settings.admin_url}/health"):
        yield Finding("Restate admin", False, f"{settings.admin_url} does not answer: correct RESTATE_ADMIN_URL")
        return
    yield Finding("Restate admin", True, f"answers at {settings.admin_url}")
    yield await _check_chat_service(settings)


async def _check_chat_service(settings: Settings) -> Finding:
    """Check that the chat service is registered at Restate and answers there."""
    subject, url = "chat service", "its URL"
    try:
        async with aiohttp.ClientSession(settings.admin_url, timeout=TIMEOUT) as session:
            async with session.get("/services/Chat") as response:
                if response.status != 200:
                    return Finding(subject, False, "not registered: start it, then run `threadwell register`")
                deployment = (await response.json())["deployment_id"]
            async with session.get(f"/deployments/{deployment}") as response:
                url = (await response.json()).get("uri", "")
        # Called through Restate, because this machine may be unable to reach the chat service itself.
        async with IngressClient.connected(settings.ingress_url) as ingress:
            await read_newest(ingress, "doctor")
    except TimeoutError:
        line = f"registered, but Restate gets no answer from {url}: start it there, or run `threadwell register`"
        return Finding(subject, False, line)
    except (aiohttp.ClientError, IngressError) as error:
        return Finding(subject, False, f"{error}; see Restate's log")
    return Finding(subject, True, f"registered, answers at {url}")


def _check_stopped_restate(settings: Settings) -> Finding:
    if not settings.embeds_engine:
        line = f"{settings.ingress_url} does not answer: start it, or unset RESTATE_INGRESS_URL and RESTATE_ADMIN_URL"
        return Finding("Restate", False, line)
    try:
        binary = find_local_engine(settings)
        if binary is None:
            supported_platform()
    except UserError as error:
        return Finding("Restate", False, str(error))
    download = f"downloaded from npm at the first start ({ARCHIVE_BYTES // MEGABYTE} MB)"
    return Finding("Restate", True, f"not running, {f'starts from {binary}' if binary else download}")


async def _check_model(settings: Settings) -> Finding:
    if settings.embeds_model:
        if settings.local_model.lower() != "on":
            exists = Path(settings.local_model).expanduser().is_file()
            line = settings.local_model if exists else f"LOCAL_MODEL={settings.local_model}: there is no such file"
            return Finding("model", exists, line)
        is_cached = cached_weights_path(settings).exists()
        source = "in the cache" if is_cached else f"downloaded at the first start ({SIZE // MEGABYTE} MB)"
        return Finding("model", True, f"embedded model, {source}")
    try:
        return Finding("model", True, await probe_configured_models(settings))
    except UserError as error:
        return Finding("model", False, str(error))


def _check_tokens(bot: str) -> Finding:
    present = tokens.present(bot)
    if tokens.is_complete(bot):
        return Finding(bot, None, f"{', '.join(present)} set")
    if present:
        return Finding(bot, False, f"{', '.join(present)} set, but not {tokens.missing(bot)}: set that too")
    return Finding(bot, None, f"not configured; to enable the bot, set {tokens.missing(bot)}")


async def _check_slack(settings: Settings) -> list[Finding]:
    if not tokens.is_complete("slack"):
        return []
    from bots.slack.diagnostics import check

    return [Finding("slack app", is_ok, line) for is_ok, line in await check(settings)]


async def _check_discord(settings: Settings) -> list[Finding]:
    if not tokens.is_complete("discord") or settings.discord_token is None:
        return []
    from bots.discord.diagnostics import check

    return [Finding("discord app", is_ok, line) for is_ok, line in await check(settings)]


async def _check_port(variable: str, host: str, port: int, is_restate_running: bool) -> Finding:
    problem = find_port_problem(variable, host, port)
    if problem is None:
        return Finding(variable, True, f"{port}, free")
    # While Restate runs, it uses its own ports, and the ports of the other parts answer at /health.
    is_restate_port = variable.startswith("RESTATE_")
    if is_restate_running and (is_restate_port or await _answers(hosts.http_url(host, port) + "/health")):
        return Finding(variable, True, f"{port}, in use by {find_port_owner(port)}")
    return Finding(variable, False, problem)


async def _answers(url: str) -> bool:
    """Return whether the URL answers with status 200."""
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.get(url) as response,
        ):
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
