"""The command `threadwell` as a person starts it: a process of its own, on free ports, in a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from chat_service.engine.process import free_port
from chat_service.ingress import IngressClient
from chat_service.settings import Settings
from tests.fakes.model import ModelControl
from tests.fork_server import ROOT, ForkedProcess, python_process
from tests.processes import Stack, eventually

READY_SECONDS = 120.0
PORTS = ("WEB_PORT", "CHAT_SERVICE_PORT", "RESTATE_INGRESS_PORT", "RESTATE_ADMIN_PORT", "RESTATE_NODE_PORT")


def clean_env(**env: str) -> dict[str, str]:
    """Return this process's environment without the project's settings, except the folder of downloads."""
    removed = {name.upper() for name in Settings.model_fields} - {"THREADWELL_CACHE_DIR"}
    kept = {name: value for name, value in os.environ.items() if name not in removed}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **env}


def model_env(model: ModelControl) -> dict[str, str]:
    """Return the settings with which the scripted model answers."""
    return {
        "OPENAI_BASE_URL": model.base_url,
        "OPENAI_API_KEY": "test-key",
        "OPENAI_MODEL": "scripted",
        "BURST_PAUSE_SECONDS": "0",
    }


def stack_env(stack: Stack) -> dict[str, str]:
    """Return the settings with which an operator's command reaches a running stack."""
    return {
        **model_env(stack.model),
        "RESTATE_INGRESS_URL": stack.engine.ingress_url,
        "RESTATE_ADMIN_URL": stack.engine.admin_url,
        "CHAT_SERVICE_PORT": str(stack.service_port),
        "WEB_PORT": str(free_port()),
    }


def free_ports() -> dict[str, str]:
    """Return free ports for all parts."""
    return {name: str(free_port()) for name in PORTS}


@dataclass
class ThreadwellProcess:
    """One run of `threadwell up`, or of another command, and its output.

    Attributes:
        arguments: the arguments of `threadwell`.
        command: a command to run instead of `threadwell`.
        lines: the lines of stdout and stderr that were read so far.
        children: its child processes when the last line was read.
    """

    folder: Path
    env: dict[str, str]
    ports: dict[str, str]
    arguments: tuple[str, ...] = ("up",)
    command: tuple[str, ...] | None = None
    process: ForkedProcess | asyncio.subprocess.Process | None = None
    lines: list[str] = field(default_factory=list)
    children: list[psutil.Process] = field(default_factory=list)
    _exits: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def page_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['WEB_PORT']}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    async def start(self) -> None:
        """Start the process. Do not wait for anything."""
        self.folder.mkdir(parents=True, exist_ok=True)
        env = {**clean_env(**self.ports), **self.env}
        stderr = asyncio.subprocess.STDOUT
        if self.command is None:
            forked = python_process("bots", *self.arguments, env=env, cwd=self.folder, stderr=stderr)
            self.process = await self._exits.enter_async_context(forked)
        else:
            self.process = await asyncio.create_subprocess_exec(
                *self.command, cwd=self.folder, env=env, stdout=asyncio.subprocess.PIPE, stderr=stderr
            )

    async def wait_for_line(self, part: str) -> str:
        """Read lines until one contains `part`, and return it."""
        assert self.process is not None and self.process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            while line := (await self.process.stdout.readline()).decode():
                self.lines.append(line.rstrip())
                if part in line:
                    self.children = psutil.Process(self.pid).children(recursive=True)
                    return line
        raise AssertionError(f"it ended without {part!r}: {self.lines}")

    async def start_until_ready(self) -> None:
        """Start the process and wait until all parts run."""
        await self.start()
        await self.wait_for_line("ready in")

    def send_signal(self, signum: int) -> None:
        """Send a signal to this process only, not to its children."""
        os.kill(self.pid, signum)

    def interrupt(self) -> None:
        """Send SIGINT to the process group, as Ctrl-C at a terminal does."""
        os.killpg(self.pid, signal.SIGINT)

    async def wait_exit(self) -> int:
        """Wait for the end, read the rest of the output and return the exit status."""
        assert self.process is not None and self.process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            self.lines += (await self.process.stdout.read()).decode().splitlines()
            return await self.process.wait()

    async def run(self) -> tuple[int, list[str]]:
        """Start the process, wait for its end, and return the exit status and the lines of its output."""
        await self.start()
        return await self.wait_exit(), self.lines

    def running_children(self) -> list[str]:
        """Return the children that still run."""
        running = []
        for process in self.children:
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    running.append(f"{process.pid} {process.name()}")
        return running

    async def wait_until_children_ended(self) -> None:
        """Wait until no child runs."""

        async def read_running_children() -> list[str]:
            return self.running_children()

        await eventually(read_running_children, lambda names: not names)

    @asynccontextmanager
    async def ingress(self) -> AsyncIterator[IngressClient]:
        """Open a client of its Restate server."""
        async with IngressClient.connected(f"http://127.0.0.1:{self.ports['RESTATE_INGRESS_PORT']}") as client:
            yield client

    @asynccontextmanager
    async def restarted(self) -> AsyncIterator[ThreadwellProcess]:
        """Start again with the same folder and ports while the block runs, and wait until all parts run."""
        process = ThreadwellProcess(self.folder, self.env, self.ports, self.arguments, self.command)
        try:
            await process.start_until_ready()
            yield process
        finally:
            await process.close()

    async def close(self) -> None:
        """Kill the processes that still run. Children should end with their parent; a failing test shows if not."""
        for child in self.children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()  # psutil recognizes another process that has got the same number
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.send_signal(signal.SIGKILL)
            await self.process.wait()
        await self._exits.aclose()


@asynccontextmanager
async def threadwell_process(
    folder: Path, engine: Path | None, *arguments: str, **env: str
) -> AsyncIterator[ThreadwellProcess]:
    """Prepare a run of `threadwell` (by default `threadwell up`) that the block starts, and end it after the block."""
    binary = {"RESTATE_SERVER_BINARY": str(engine)} if engine else {}
    process = ThreadwellProcess(folder, {**binary, **env}, free_ports(), arguments or ("up",))
    try:
        yield process
    finally:
        await process.close()


async def run_threadwell(folder: Path, *arguments: str, **env: str) -> tuple[int, list[str]]:
    """Run a command on free ports, and return the exit status and the lines of its output."""
    async with threadwell_process(folder, None, *arguments, **env) as process:
        return await process.run()
