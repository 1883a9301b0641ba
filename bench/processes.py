"""The processes of a run: children that die with it, found by their ports, blind to the settings of whoever runs it."""

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
from chat_service.child_process import child
from chat_service.engine.process import Engine, EnginePorts, free_port, running_engine
from chat_service.engine.registration import register
from chat_service.errors import UserError
from chat_service.settings import Settings

ROOT = Path(__file__).parent.parent
READY_SECONDS = 60.0
KEPT = ("restate_server_binary", "threadwell_cache_dir")
"""Settings that say where programs lie; every other one of the caller's would colour the figures."""


@dataclass(frozen=True)
class World:
    """What all rows share: a folder, the engine's program, the model.

    `only` names the contenders that are wanted, all if it is empty; `say` tells whoever waits how far it is.
    """

    folder: Path
    engine_binary: Path
    model_url: str
    model_pid: int
    only: frozenset[str]
    say: Callable[[str], None]

    def new_folder(self, name: str) -> Path:
        """An empty folder, gone with the run."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))

    def settings(self, **more: str) -> dict[str, str]:
        """The settings by which a process finds the model, as the environment has them."""
        return {
            "OPENAI_BASE_URL": f"{self.model_url}/v1",
            "OPENAI_API_KEY": "bench",
            "OPENAI_MODEL": instant_model.INSTANT,
            "LOG_LEVEL": "warning",
            **more,
        }


@dataclass(frozen=True)
class Running:
    """A child of ours. `line` is the first one it printed."""

    name: str
    pid: int
    line: str


def clean_environment() -> dict[str, str]:
    """The environment without anybody's Threadwell settings."""
    fields = set(Settings.model_fields) - set(KEPT)
    kept = {name: value for name, value in os.environ.items() if name.lower() not in fields}
    # Not installed but run from a checkout, the packages are found by this.
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


@asynccontextmanager
async def running(folder: Path, name: str, command: list[str], settings: Mapping[str, str]) -> AsyncIterator[Running]:
    """A child with a log of its own, once it has printed its first line.

    Raises:
        UserError: when it ends or stays silent; with the end of what it said.
    """
    log = folder / f"{name}.log"
    env = {**clean_environment(), **settings}
    with log.open("ab") as sink:
        started = child(command, env=env, stdout=asyncio.subprocess.PIPE, stderr=sink, stop_seconds=15)
        async with started as process:
            assert process.stdout is not None
            try:
                line = await asyncio.wait_for(process.stdout.readline(), READY_SECONDS)
            except TimeoutError:
                line = b""
            if not line:
                said = log.read_text(errors="replace").strip().splitlines()
                raise UserError(f"{name} did not start: {said[-1] if said else 'it said nothing'}")
            draining = asyncio.create_task(_drain(process.stdout))
            try:
                yield Running(name, process.pid, line.decode().strip())
            finally:
                draining.cancel()


async def _drain(pipe: asyncio.StreamReader) -> None:
    """A child whose pipe is full would stand still."""
    while await pipe.read(65536):
        pass


@asynccontextmanager
async def running_model(folder: Path) -> AsyncIterator[tuple[str, int]]:
    """The instant model; yields its URL and pid."""
    port = free_port()
    env = clean_environment()
    command = [sys.executable, "-m", "bench.instant_model", "--port", str(port)]
    with (folder / "model.log").open("ab") as sink:
        async with child(command, env=env, stdout=sink, stderr=sink, stop_seconds=2) as process:
            url = f"http://127.0.0.1:{port}"
            await answers(f"{url}/health", process)
            yield url, process.pid


async def answers(url: str, process: asyncio.subprocess.Process) -> None:
    """Wait until an address answers.

    Raises:
        UserError: when its process ends, or after a minute.
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
    """An engine of its own, with the process that serves its handlers."""

    engine: Engine
    service: Running
    data: Path

    @property
    def processes(self) -> dict[str, int]:
        """What is asked for its memory."""
        return {"restate-server": self.engine.pid, self.service.name: self.service.pid}


@asynccontextmanager
async def running_backend(
    world: World, name: str, command: list[str], settings: Mapping[str, str]
) -> AsyncIterator[Backend]:
    """An engine on a data folder of its own, and a process of handlers, registered. The process prints its URL last."""
    data = world.new_folder(name) / "restate"
    async with running_engine(world.engine_binary, data, EnginePorts(0, 0, 0)) as engine:
        named = {
            **world.settings(),
            "RESTATE_INGRESS_URL": engine.ingress_url,
            "RESTATE_ADMIN_URL": engine.admin_url,
            **settings,
        }
        async with running(world.folder, name, command, named) as service:
            await register(engine.admin_url, service.line.split()[-1])
            yield Backend(engine, service, data)


@asynccontextmanager
async def running_chat_service(world: World, name: str = "threadwell", **settings: str) -> AsyncIterator[Backend]:
    """This project, as it is served in production: `threadwell serve` beside an engine."""
    command = [sys.executable, "-m", "bots", "serve"]
    named = {"CHAT_SERVICE_PORT": str(free_port()), "MODEL_STALL_SECONDS": "60", **settings}
    async with running_backend(world, name, command, named) as backend:
        yield backend
