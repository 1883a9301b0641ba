"""`threadwell up`: run everything on one machine, in one process and its children.

Start order: Restate and the embedded model, the chat service, the web page, the bots. The stop goes in reverse order:
turns in flight get time to finish, and Restate keeps the rest for the next start.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

from restate.server import install_shutdown_hook
from rich.console import Console
from rich.table import Table

from bots.cli import tokens
from bots.cli.bot import RunningBots, check_bot_exists, running_bots
from bots.cli.ports import check_ports, with_free_ports
from bots.web.auth import check_binding
from chat_service.engine.binary import find_engine
from chat_service.engine.process import Engine, EnginePorts, describe_exit, running_engine
from chat_service.engine.registration import register
from chat_service.errors import UserError
from chat_service.live import LiveBus, open_bus
from chat_service.local_model import model_label
from chat_service.local_model.process import LocalModel, running_model
from chat_service.local_model.weights import NAME, find_weights
from chat_service.models.availability import check_model_configured, report_unavailable_models
from chat_service.settings import Settings

PARENT_POLL_SECONDS = 0.5

NOT_CONNECTED = "not reachable yet: the bot connects as soon as it is"

STOP_SECONDS = 45.0
"""Limit for the whole stop, after which the process exits: well above the time that turns in flight get."""


async def up(settings: Settings, *, parent: int | None = None) -> None:
    """Run until SIGTERM, SIGHUP or Ctrl-C, which end it with status 0, or until the process `parent` exits.

    Raises:
        UserError: when a part does not start or exits by itself. All other parts are stopped first.
    """
    _exclude_loopback_from_proxies()
    stop_event = _stop_event_on_signals()
    is_up = asyncio.Event()
    running = asyncio.create_task(_run_all_parts(with_free_ports(settings), stop_event, is_up))
    watching_parent = asyncio.create_task(_stop_without_parent(parent, stop_event)) if parent else None
    stopping = asyncio.create_task(stop_event.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not running.done() and not is_up.is_set():
        running.cancel()  # stopped during the start, perhaps during a download
    for task in (stopping, watching_parent):
        if task is not None:
            task.cancel()
    try:
        await running
    except asyncio.CancelledError:
        if not stop_event.is_set():
            raise


async def _run_all_parts(settings: Settings, stop_event: asyncio.Event, is_up: asyncio.Event) -> None:
    console = Console(highlight=False)
    bots = _check_settings(settings)
    binary = await find_engine(settings) if settings.embeds_engine else None
    weights = await find_weights(settings) if settings.embeds_model else None
    started_at = time.monotonic()  # downloads, which happen once, do not count
    async with AsyncExitStack() as stack:
        engine, model = await _start_children(stack, settings, binary, weights)
        bus = await stack.enter_async_context(open_bus(settings))
        await _start_chat_service(stack, settings, model, bus, console)
        from bots.web.app import serving as serving_page
        from chat_service.endpoint import GRACE_SECONDS
        from chat_service.runtime import current

        page = await stack.enter_async_context(serving_page(settings, bus=bus))
        started_bots = await stack.enter_async_context(running_bots(bots, settings, bus))
        console.print(_overview(settings, page, started_bots))
        console.print(f"ready in {time.monotonic() - started_at:.1f} s; Ctrl-C stops it without losing messages")
        is_up.set()
        report = partial(console.print, markup=False, soft_wrap=True)
        checking = None
        if not settings.embeds_model:
            checking = asyncio.create_task(report_unavailable_models(current().models, report))
        for line in started_bots.lines.values():
            if not line.done():
                line.add_done_callback(lambda connected: console.print(connected.result(), markup=False))
        try:
            await _wait_until_stopped(stop_event, engine, model, started_bots.tasks)
        finally:
            if checking:
                checking.cancel()
            _exit_after_limit()
        console.print(f"stopping … (replies in progress get {GRACE_SECONDS:g} s; Ctrl-C again stops at once)")


def _check_settings(settings: Settings) -> list[str]:
    """Check the settings before anything starts, and return the names of the bots to run.

    Raises:
        UserError: when a setting or a port cannot be used.
    """
    if (settings.restate_ingress_url is None) != (settings.restate_admin_url is None):
        raise UserError("RESTATE_INGRESS_URL and RESTATE_ADMIN_URL belong together: set both or neither")
    check_ports(settings)
    check_binding(settings)
    if not settings.embeds_model:
        check_model_configured(settings)
    bots = [name for name in tokens.REQUIRED if tokens.is_complete(name)]
    for name in bots:
        check_bot_exists(name)
    return bots


async def _start_children(
    stack: AsyncExitStack, settings: Settings, binary: Path | None, weights: Path | None
) -> tuple[Engine | None, LocalModel | None]:
    """Start Restate and the embedded model concurrently."""

    async def start_engine(binary: Path) -> Engine:
        ports = EnginePorts(settings.restate_ingress_port, settings.restate_admin_port, settings.restate_node_port)
        return await stack.enter_async_context(running_engine(binary, settings.restate_data_dir, ports))

    async def start_model(weights: Path) -> LocalModel:
        log_file = settings.restate_data_dir.parent / "local-model.log"
        return await stack.enter_async_context(running_model(weights, model_label(settings), log_file))

    async with asyncio.TaskGroup() as group:
        starting_engine = group.create_task(start_engine(binary)) if binary else None
        starting_model = group.create_task(start_model(weights)) if weights else None
    return (
        starting_engine.result() if starting_engine else None,
        starting_model.result() if starting_model else None,
    )


async def _start_chat_service(
    stack: AsyncExitStack, settings: Settings, model: LocalModel | None, bus: LiveBus, console: Console
) -> None:
    """Serve and register the chat service, and restart turns of a code version that no longer runs."""
    # Imported here: the import takes half a second, which would delay the message about a port in use.
    from chat_service.serve import serving
    from chat_service.upgrade import restart_orphaned

    url = await stack.enter_async_context(serving(settings, model=model.endpoint if model else None, bus=bus))
    await register(settings.admin_url, url, console.print)
    await restart_orphaned(settings)


def _overview(settings: Settings, page: str, started_bots: RunningBots) -> Table:
    """Return the table of addresses and bots that is shown after the start."""
    rows = {
        "page": page,
        **{name: line.result() if line.done() else NOT_CONNECTED for name, line in started_bots.lines.items()},
        "playground": f"{settings.admin_url}/ui",
        "ingress": f"{settings.ingress_url}/Chat/session123/message",
        "model": _describe_model(settings),
        "data": str(settings.restate_data_dir.resolve()) if settings.embeds_engine else settings.ingress_url,
    }
    for name in tokens.REQUIRED:
        if name not in started_bots.lines and (present := tokens.present(name)):
            rows[name] = f"not started: {', '.join(present)} set, but not {tokens.missing(name)}"
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        table.add_row(f"[bold]{name}[/bold]", value)
    return table


def _describe_model(settings: Settings) -> str:
    if not settings.embeds_model:
        return settings.openai_model or settings.custom_backend or "the endpoint's default model"
    return f"{NAME}, a small demo model" if settings.embeds_default_model else model_label(settings)


async def _wait_until_stopped(
    stop_event: asyncio.Event, engine: Engine | None, model: LocalModel | None, bots: set[asyncio.Task[None]]
) -> None:
    """Wait for the stop.

    Raises:
        UserError: when Restate exits, the model cannot be kept running, or a platform rejects a bot.
    """
    stopping = asyncio.create_task(stop_event.wait())
    engine_exit = engine and asyncio.create_task(engine.process.wait())
    supervisor = model and model.supervisor
    tasks: set[asyncio.Task[Any]] = {task for task in (stopping, engine_exit, supervisor, *bots) if task}
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in (stopping, engine_exit):
        if task:
            task.cancel()
    if engine and engine_exit in done:
        raise UserError(f"{describe_exit(engine)}; start again, nothing is lost")
    for ended in done - {stopping}:
        ended.result()


def _exit_after_limit() -> None:
    """Exit after `STOP_SECONDS` even if a part does not stop: the children end too, and Restate keeps the turns."""
    timer = threading.Timer(STOP_SECONDS, os._exit, (1,))
    timer.daemon = True
    timer.start()


async def _stop_without_parent(parent: int, stop_event: asyncio.Event) -> None:
    """Set `stop_event` when another process has adopted this one: a killed `make` sends its children no signal."""
    while os.getppid() == parent:  # noqa: ASYNC110  there is no event for it
        await asyncio.sleep(PARENT_POLL_SECONDS)
    stop_event.set()


def _exclude_loopback_from_proxies() -> None:
    """Exclude loopback from the proxies in the environment (`https_proxy`) for this process and its children.

    Otherwise the parts of one machine would look for each other behind the proxy.
    """
    loopback = "127.0.0.1,localhost,::1"
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = f"{os.environ[name]},{loopback}" if os.environ.get(name) else loopback


def _stop_event_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM, SIGHUP or Ctrl-C sets. A second Ctrl-C exits at once."""
    stop_event = asyncio.Event()
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        if stop_event.is_set():
            os._exit(130)  # the children end with this process
        stop_event.set()

    # Trap: restate.app replaces the handler of SIGTERM at its first request; hooks installed this way are still called.
    install_shutdown_hook(loop, stop_event.set, signal.SIGTERM)
    install_shutdown_hook(loop, stop_event.set, signal.SIGHUP)
    install_shutdown_hook(loop, interrupt, signal.SIGINT)
    return stop_event
