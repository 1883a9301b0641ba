"""`threadwell up`: everything for one machine, in one process and its children.

Up in the order in which one needs the other, down in reverse: the page first, then the chat service (turns in flight
get time to finish), then the model, then Restate, which keeps what is left for the next start.
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
from bots.cli.bot import check_bot_exists, running_bots
from bots.cli.ports import check_ports, with_free_ports
from bots.web.auth import check_binding
from chat_service.engine.binary import find_engine
from chat_service.engine.process import Engine, EnginePorts, describe_exit, running_engine
from chat_service.engine.registration import register
from chat_service.errors import UserError
from chat_service.live import open_bus
from chat_service.local_model import model_label
from chat_service.local_model.process import LocalModel, running_model
from chat_service.local_model.weights import NAME, find_weights
from chat_service.models.availability import check_model_configured, report_unavailable_models
from chat_service.settings import Settings

PARENT_POLL_SECONDS = 0.5

LATER = "cannot be reached: the bot joins when it can"

STOP_SECONDS = 45.0
"""After so long a stop is no longer kind: well above what turns in flight get to finish."""


async def up(settings: Settings, *, parent: int | None = None) -> None:
    """Run until SIGTERM, SIGHUP or Ctrl-C, which end it with status 0; or until the `parent`, a process id, is gone.

    Raises:
        UserError: when something does not come up, or a child goes away; what is up then is stopped again.
    """
    _keep_loopback_off_proxies()
    stopping = _stopping()
    is_up = asyncio.Event()
    working = asyncio.create_task(_work(with_free_ports(settings), stopping, is_up))
    watching = asyncio.create_task(_stop_without(parent, stopping)) if parent else None
    waiting = asyncio.create_task(stopping.wait())
    await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not working.done() and not is_up.is_set():
        working.cancel()  # stopped in the middle of coming up, perhaps of a download
    for task in (waiting, watching):
        if task is not None:
            task.cancel()
    try:
        await working
    except asyncio.CancelledError:
        if not stopping.is_set():
            raise


async def _work(settings: Settings, stopping: asyncio.Event, is_up: asyncio.Event) -> None:
    console = Console(highlight=False)
    if (settings.restate_ingress_url is None) != (settings.restate_admin_url is None):
        raise UserError("RESTATE_INGRESS_URL and RESTATE_ADMIN_URL belong together: set both, or neither")
    check_ports(settings)
    check_binding(settings)
    if not settings.embeds_model:
        check_model_configured(settings)
    bots = [name for name in tokens.REQUIRED if tokens.is_complete(name)]
    for name in bots:
        check_bot_exists(name)
    binary = await find_engine(settings) if settings.embeds_engine else None
    weights = await find_weights(settings) if settings.embeds_model else None
    started = time.monotonic()  # what is downloaded once does not count as start
    async with AsyncExitStack() as stack:
        engine, model = await _children(stack, settings, binary, weights)
        bus = await stack.enter_async_context(open_bus(settings))
        from chat_service.endpoint import GRACE_SECONDS
        from chat_service.runtime import current
        from chat_service.serve import serving  # here, since it takes half a second that a busy port need not

        endpoint = model.endpoint if model else None
        url = await stack.enter_async_context(serving(settings, model=endpoint, bus=bus))
        await register(settings.admin_url, url, console.print)
        from chat_service.upgrade import rescue

        await rescue(settings)
        from bots.web.app import serving as serving_page

        page = await stack.enter_async_context(serving_page(settings, bus=bus))
        joining = await stack.enter_async_context(running_bots(bots, settings, bus))
        rows = {
            "page": page,
            **{name: line.result() if line.done() else LATER for name, line in joining.lines.items()},
            "playground": f"{settings.admin_url}/ui",
            "ingress": f"{settings.ingress_url}/Chat/session123/message",
            "model": _model(settings),
            "data": str(settings.restate_data_dir.resolve()) if engine else settings.ingress_url,
        }
        for name in tokens.REQUIRED:
            if name not in bots and (there := tokens.present(name)):
                rows[name] = f"not started: {', '.join(there)} set, but not {tokens.missing(name)}"
        table = Table.grid(padding=(0, 2))
        for name, value in rows.items():
            table.add_row(f"[bold]{name}[/bold]", value)
        console.print(table)
        console.print(f"ready in {time.monotonic() - started:.1f} s; Ctrl-C stops it, and nothing is lost")
        is_up.set()
        say = partial(console.print, markup=False, soft_wrap=True)
        looking = None if settings.embeds_model else asyncio.create_task(report_unavailable_models(current().models, say))
        for line in joining.lines.values():
            if not line.done():
                line.add_done_callback(lambda joined: console.print(joined.result(), markup=False))
        try:
            await _until_stopped(stopping, engine, model, joining.tasks)
        finally:
            if looking:
                looking.cancel()
            _end_at_last()
        console.print(f"stopping … (replies under way get {GRACE_SECONDS:g} s; Ctrl-C again ends it at once)")


def _model(settings: Settings) -> str:
    if not settings.embeds_model:
        return settings.openai_model or settings.custom_backend or "whatever the endpoint takes by default"
    return f"{NAME}, a small demo model" if settings.embeds_default_model else model_label(settings)


def _end_at_last() -> None:
    """Whatever does not let itself be stopped: the children die with this process, and Restate keeps what is left."""
    timer = threading.Timer(STOP_SECONDS, os._exit, (1,))
    timer.daemon = True
    timer.start()


async def _children(
    stack: AsyncExitStack, settings: Settings, binary: Path | None, weights: Path | None
) -> tuple[Engine | None, LocalModel | None]:
    """The engine and the embedded model, started side by side."""

    async def engine(binary: Path) -> Engine:
        ports = EnginePorts(settings.restate_ingress_port, settings.restate_admin_port, settings.restate_node_port)
        return await stack.enter_async_context(running_engine(binary, settings.restate_data_dir, ports))

    async def model(weights: Path) -> LocalModel:
        log_file = settings.restate_data_dir.parent / "local-model.log"
        return await stack.enter_async_context(running_model(weights, model_label(settings), log_file))

    async with asyncio.TaskGroup() as group:
        starting_engine = group.create_task(engine(binary)) if binary else None
        starting_model = group.create_task(model(weights)) if weights else None
    return (
        starting_engine.result() if starting_engine else None,
        starting_model.result() if starting_model else None,
    )


async def _until_stopped(
    stopping: asyncio.Event, engine: Engine | None, model: LocalModel | None, bots: set[asyncio.Task[None]]
) -> None:
    """Wait for the end; a child that goes away by itself, and cannot be had back, is one, and told, and so is a bot
    that its platform does not take."""
    waiting = asyncio.create_task(stopping.wait())
    engine_gone = engine and asyncio.create_task(engine.process.wait())
    tasks: set[asyncio.Task[Any]] = {task for task in (waiting, engine_gone, model and model.supervisor, *bots) if task}
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in (waiting, engine_gone):
        if task:
            task.cancel()
    if engine and engine_gone in done:
        raise UserError(f"{describe_exit(engine)}; start again, nothing is lost")
    for ended in done - {waiting}:
        ended.result()


async def _stop_without(parent: int, stopping: asyncio.Event) -> None:
    """`make`, when killed, hands its children no signal: they notice that another process has adopted them."""
    while os.getppid() == parent:  # noqa: ASYNC110  no event tells of it
        await asyncio.sleep(PARENT_POLL_SECONDS)
    stopping.set()


def _keep_loopback_off_proxies() -> None:
    """Where the way out leads through a proxy (`https_proxy`), the parts of one machine must not look for each other
    there; this process and its children take the exception from the environment."""
    own = "127.0.0.1,localhost,::1"
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = f"{os.environ[name]},{own}" if os.environ.get(name) else own


def _stopping() -> asyncio.Event:
    """Set at the first SIGTERM, closed terminal or Ctrl-C; a second Ctrl-C ends everything at once."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def interrupted() -> None:
        if stopping.is_set():
            os._exit(130)  # the children die with us
        stopping.set()

    # restate.app takes SIGTERM over when it serves its first request; hooks of its own kind are still called.
    install_shutdown_hook(loop, stopping.set, signal.SIGTERM)
    install_shutdown_hook(loop, stopping.set, signal.SIGHUP)
    install_shutdown_hook(loop, interrupted, signal.SIGINT)
    return stopping
