"""`threadwell up`: everything for one machine, in one process and its children.

Up in the order in which one needs the other, down in reverse: the page first, then the chat service (turns in flight
get time to finish), then the model, then Restate, which keeps what is left for the next start.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import time
from contextlib import AsyncExitStack

from restate.server import install_shutdown_hook
from rich.console import Console
from rich.table import Table

from bots.cli.ports import check_ports
from chat_service.engine.binary import find_engine
from chat_service.engine.process import EnginePorts, running_engine
from chat_service.engine.registration import register
from chat_service.errors import UserError
from chat_service.live import open_bus
from chat_service.local_model.process import running_model
from chat_service.local_model.weights import NAME, find_weights
from chat_service.models.protocol import Endpoint
from chat_service.settings import Settings

TOKENS = {"slack": ("SLACK_BOT_TOKEN",), "discord": ("DISCORD_TOKEN",)}
PARENT_POLL_SECONDS = 0.5


async def up(settings: Settings, *, with_parent: bool = False) -> None:
    """Run until SIGTERM, SIGHUP or Ctrl-C, which end it with status 0; `with_parent`: or until the parent is gone.

    Raises:
        UserError: when something does not come up; what came up before it is stopped again.
    """
    stopping = _stopping()
    is_up = asyncio.Event()
    working = asyncio.create_task(_work(settings, stopping, is_up))
    watching = asyncio.create_task(_stop_without_parent(stopping)) if with_parent else None
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


async def _stop_without_parent(stopping: asyncio.Event) -> None:
    """`make`, when killed, hands its children no signal: they notice that another process has adopted them."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110  no event tells of it
        await asyncio.sleep(PARENT_POLL_SECONDS)
    stopping.set()


async def _work(settings: Settings, stopping: asyncio.Event, is_up: asyncio.Event) -> None:
    console = Console(highlight=False)
    check_ports(settings)
    binary = await find_engine(settings) if settings.embeds_engine else None
    weights = await find_weights(settings) if settings.embeds_model else None
    started = time.monotonic()  # what is downloaded once does not count as start
    async with AsyncExitStack() as stack:
        if binary is not None:
            ports = EnginePorts(settings.restate_ingress_port, settings.restate_admin_port, settings.restate_node_port)
            engine = running_engine(binary, settings.restate_data_dir, ports)
            await stack.enter_async_context(engine)
        endpoint: Endpoint | None = None
        if weights is not None:
            log = settings.restate_data_dir.parent / "local-model.log"
            endpoint = await stack.enter_async_context(running_model(weights, log))
        bus = await stack.enter_async_context(open_bus(settings))
        from chat_service.serve import serving  # here, since it takes half a second that a busy port need not

        url = await stack.enter_async_context(serving(settings, model=endpoint, bus=bus))
        await register(settings.admin_url, url)
        from chat_service.upgrade import rescue

        await rescue(settings)
        from bots.web.app import serving as serving_web

        page = await stack.enter_async_context(serving_web(settings, bus=bus))
        for name in _bots():
            if importlib.util.find_spec(f"bots.{name}") is None:
                raise UserError(f"a {name} token is set, but this version has no {name} bot: remove the token")
        rows = [
            ("page", page),
            ("playground", f"{settings.admin_url}/ui"),
            ("ingress", f"{settings.ingress_url}/Chat/session123/message"),
            ("model", f"{NAME}, a small demo model" if endpoint else settings.openai_model or settings.model_backend),
            ("data", str(settings.restate_data_dir.resolve()) if binary else settings.ingress_url),
        ]
        table = Table.grid(padding=(0, 2))
        for name, value in rows:
            table.add_row(f"[bold]{name}[/bold]", value)
        console.print(table)
        console.print(f"ready in {time.monotonic() - started:.1f} s; Ctrl-C stops it, and nothing is lost")
        is_up.set()
        await stopping.wait()
        console.print("stopping …")


def _bots() -> list[str]:
    return [name for name, tokens in TOKENS.items() if all(os.environ.get(token) for token in tokens)]


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
