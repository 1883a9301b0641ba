"""Start the web server in a separate process: `threadwell bot web` or `threadwell up`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from bots.web.app import serving
from chat_service.engine.process import EnginePorts, free_port
from chat_service.live.memory import MemoryBus
from chat_service.settings import Settings
from tests.fakes.model import ModelControl
from tests.fork_server import ROOT, ForkedProcess, python_process
from tests.processes import WAIT_SECONDS, Stack, running_stack


@dataclass
class WebServer:
    """A running web server."""

    url: str
    process: ForkedProcess
    log: Path

    @property
    def port(self) -> int:
        """The loopback port that it listens on."""
        return int(self.url.rsplit(":", 1)[1])


def web_environment(stack: Stack, **env: str) -> dict[str, str]:
    """Return the environment of a web server that uses this stack and listens on a free port."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WEB_", "LIVE_", "OPENAI_"))}
    return {**kept, **stack.environment(), "WEB_PORT": "0", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **env}


@asynccontextmanager
async def running_web_server(stack: Stack, **env: str) -> AsyncIterator[WebServer]:
    """Run `threadwell bot web`: the web server alone; the chat service runs in another process."""
    async with _running(stack, ["bot", "web"], "page at", env) as web_server:
        yield web_server


@asynccontextmanager
async def running_web_app(stack: Stack, **settings: object) -> AsyncIterator[str]:
    """Serve the web server in the test's own process; no live bus connects it to the chat service. Yields its URL."""
    values = {"restate_ingress_url": stack.engine.ingress_url, "openai_model": "scripted", "web_port": 0, **settings}
    async with serving(Settings(_env_file=None, **values), bus=MemoryBus()) as url:  # type: ignore[arg-type]
        yield url


@asynccontextmanager
async def running_separate_processes(
    binary: Path, data: Path, model: ModelControl, redis_port: int
) -> AsyncIterator[tuple[Stack, WebServer]]:
    """Run the chat service and the web server in two processes, with Redis as live bus; Redis may be down."""
    await model.clear_script()
    url = f"redis://127.0.0.1:{redis_port}/0"
    async with (
        running_stack(binary, data, model, live_bus_url=url) as stack,
        running_web_server(stack, LIVE_BUS_URL=url) as web_server,
    ):
        yield stack, web_server


@asynccontextmanager
async def running_threadwell_up(stack: Stack, **env: str) -> AsyncIterator[WebServer]:
    """Run `threadwell up` on the stack's engine: the chat service and the web server in one process."""
    async with _running(stack, ["up"], "page ", {"CHAT_SERVICE_PORT": str(free_port()), **env}) as web_server:
        yield web_server


@asynccontextmanager
async def _running(stack: Stack, command: list[str], prefix: str, env: dict[str, str]) -> AsyncIterator[WebServer]:
    log = stack.data / f"web-{uuid4().hex[:6]}.log"
    with log.open("ab") as sink:
        async with python_process(
            "bots", *command, env=web_environment(stack, **env), cwd=stack.data, stderr=sink.fileno()
        ) as process:
            assert process.stdout is not None
            url = ""
            async with asyncio.timeout(WAIT_SECONDS):
                while not url:
                    line = (await process.stdout.readline()).decode()
                    assert line, f"the web server did not start: {log.read_text()[-2000:]}"
                    url = line.split()[-1] if line.startswith(prefix) else ""
            yield WebServer(url, process, log)


@asynccontextmanager
async def running_engine_alone(binary: Path, data: Path, model: ModelControl) -> AsyncIterator[Stack]:
    """Run a Restate server without a chat service, for `running_threadwell_up`."""
    data.mkdir(parents=True, exist_ok=True)
    stack = Stack(data, model, engine=None)  # type: ignore[arg-type]
    try:
        await stack.start_engine(binary, EnginePorts(0, 0, 0))
        yield stack
    finally:
        await stack.close()
