"""The processes of a run: child processes that do not see the Threadwell settings of the caller."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench import instant_model
from chat_service.child_process import running_child
from chat_service.engine.process import Engine, EnginePorts, free_port, running_engine
from chat_service.engine.registration import register
from chat_service.errors import UserError
from chat_service.settings import Settings

ROOT = Path(__file__).parent.parent
READY_SECONDS = 60.0
KEPT_SETTINGS = ("restate_server_binary", "threadwell_cache_dir")
"""Settings with the paths of programs. All other settings of the caller could change the figures."""


@dataclass(frozen=True)
class BenchRun:
    """The parts that all rows share.

    Attributes:
        folder: a temporary folder, deleted after the run.
        only: the names of the contenders to measure; empty for all.
        report_progress: prints what is measured now.
    """

    folder: Path
    engine_binary: Path
    model_url: str
    model_pid: int
    only: frozenset[str]
    report_progress: Callable[[str], None]

    def new_folder(self, name: str) -> Path:
        """Create an empty folder, which is deleted after the run."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))

    def settings(self, **more: str) -> dict[str, str]:
        """Return the environment variables with which a process uses the instant model."""
        return {
            "OPENAI_BASE_URL": f"{self.model_url}/v1",
            "OPENAI_API_KEY": "bench",
            "OPENAI_MODEL": instant_model.INSTANT,
            "LOG_LEVEL": "warning",
            **more,
        }


@dataclass(frozen=True)
class Running:
    """A running child process. `line` is its first line on stdout."""

    name: str
    pid: int
    line: str


def clean_environment() -> dict[str, str]:
    """Return the environment without Threadwell settings."""
    removed = set(Settings.model_fields) - set(KEPT_SETTINGS)
    kept = {name: value for name, value in os.environ.items() if name.lower() not in removed}
    # A checkout need not be installed: this is how children find its packages.
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


@asynccontextmanager
async def running(folder: Path, name: str, command: list[str], settings: Mapping[str, str]) -> AsyncIterator[Running]:
    """Run a child with its own log file, and enter the block when it has printed its first line.

    Raises:
        UserError: when it exits or prints nothing. The message contains the last line of its log.
    """
    log = folder / f"{name}.log"
    env = {**clean_environment(), **settings}
    with log.open("ab") as sink:
        started = running_child(command, env=env, stdout=asyncio.subprocess.PIPE, stderr=sink, stop_seconds=15)
        async with started as process:
            assert process.stdout is not None
            try:
                line = await asyncio.wait_for(process.stdout.readline(), READY_SECONDS)
            except TimeoutError:
                line = b""
            if not line:
                lines = log.read_text(errors="replace").strip().splitlines()
                raise UserError(f"{name} did not start: {lines[-1] if lines else 'its log is empty'}")
            discarding = asyncio.create_task(_discard_output(process.stdout))
            try:
                yield Running(name, process.pid, line.decode().strip())
            finally:
                discarding.cancel()


async def _discard_output(pipe: asyncio.StreamReader) -> None:
    """Read the pipe without end: a child blocks when its pipe is full."""
    while await pipe.read(65536):
        pass


@asynccontextmanager
async def running_model(folder: Path) -> AsyncIterator[tuple[str, int]]:
    """Run the instant model. Yield its URL and pid."""
    port = free_port()
    env = clean_environment()
    command = [sys.executable, "-m", "bench.instant_model", "--port", str(port)]
    with (folder / "model.log").open("ab") as sink:
        async with running_child(command, env=env, stdout=sink, stderr=sink, stop_seconds=2) as process:
            url = f"http://127.0.0.1:{port}"
            await wait_until_ready(f"{url}/health", process)
            yield url, process.pid


async def wait_until_ready(url: str, process: asyncio.subprocess.Process) -> None:
    """Wait until the URL answers.

    Raises:
        UserError: when the process exits, or after a minute.
    """
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
        try:
            async with asyncio.timeout(READY_SECONDS):
                while process.returncode is None:
                    try:
                        async with session.get(url) as response:
                            if response.status == 200:
                                return
                    except (aiohttp.ClientError, TimeoutError):
                        pass
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pass
    raise UserError(f"{url} did not answer")


@dataclass(frozen=True)
class Backend:
    """A Restate server and the process that serves its handlers."""

    engine: Engine
    service: Running
    data: Path

    @property
    def processes(self) -> dict[str, int]:
        """The pids by name, for their memory."""
        return {"restate-server": self.engine.pid, self.service.name: self.service.pid}


@asynccontextmanager
async def running_backend(
    bench_run: BenchRun, name: str, command: list[str], settings: Mapping[str, str]
) -> AsyncIterator[Backend]:
    """Run a Restate server with its own data and a registered process of handlers, which prints a line with its URL."""
    data = bench_run.new_folder(name) / "restate"
    async with running_engine(bench_run.engine_binary, data, EnginePorts(0, 0, 0)) as engine:
        env = {
            **bench_run.settings(),
            "RESTATE_INGRESS_URL": engine.ingress_url,
            "RESTATE_ADMIN_URL": engine.admin_url,
            **settings,
        }
        async with running(bench_run.folder, name, command, env) as service:
            await register(engine.admin_url, service.line.split()[-1])
            yield Backend(engine, service, data)


@asynccontextmanager
async def running_chat_service(
    bench_run: BenchRun, name: str = "threadwell", **settings: str
) -> AsyncIterator[Backend]:
    """Run this project as in production: `threadwell serve` and a Restate server."""
    command = [sys.executable, "-m", "bots", "serve"]
    env = {"CHAT_SERVICE_PORT": str(free_port()), "MODEL_STALL_SECONDS": "60", **settings}
    async with running_backend(bench_run, name, command, env) as backend:
        yield backend
