"""`threadwell up` as a person starts it: a process of its own, on free ports, in a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from chat_service.engine.process import free_port
from chat_service.ingress import IngressClient
from chat_service.settings import Settings
from tests.fakes.model import ModelControl
from tests.fork_server import ROOT

READY_SECONDS = 120.0
PORTS = ("WEB_PORT", "CHAT_SERVICE_PORT", "RESTATE_INGRESS_PORT", "RESTATE_ADMIN_PORT", "RESTATE_NODE_PORT")


def clean_env(**env: str) -> dict[str, str]:
    """This process's environment without any setting of the project, but for where downloads are kept."""
    ours = {name.upper() for name in Settings.model_fields} - {"THREADWELL_CACHE_DIR"}
    ours |= {"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "DISCORD_TOKEN"}
    base = {name: value for name, value in os.environ.items() if name not in ours}
    return {**base, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **env}


def answering(model: ModelControl) -> dict[str, str]:
    """The settings that make the scripted model answer."""
    return {
        "OPENAI_BASE_URL": model.base_url,
        "OPENAI_API_KEY": "test-key",
        "OPENAI_MODEL": "scripted",
        "BURST_PAUSE_SECONDS": "0",
    }


@dataclass
class Up:
    """A start of `threadwell up` (or of another command), and what it says."""

    folder: Path
    env: dict[str, str]
    ports: dict[str, int]
    command: tuple[str, ...] = (sys.executable, "-m", "bots", "up")
    process: asyncio.subprocess.Process | None = None
    said: list[str] = field(default_factory=list)
    family: list[psutil.Process] = field(default_factory=list)

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.ports['WEB_PORT']}"

    @property
    def ingress_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['RESTATE_INGRESS_PORT']}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    async def start(self) -> None:
        """Start, without waiting for anything."""
        self.folder.mkdir(parents=True, exist_ok=True)
        ports = {name: str(port) for name, port in self.ports.items()}
        self.process = await asyncio.create_subprocess_exec(
            *self.command,
            cwd=self.folder,
            env={**clean_env(**ports), **self.env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # its own process group, as a terminal gives each command
        )

    async def until(self, sign: str) -> str:
        """Read on until a line contains `sign`; notes its children, so that a test can look after them later."""
        assert self.process is not None and self.process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            while line := (await self.process.stdout.readline()).decode():
                self.said.append(line.rstrip())
                if sign in line:
                    self.family = psutil.Process(self.pid).children(recursive=True)
                    return line
        raise AssertionError(f"it ended without {sign!r}: {self.said}")

    async def ready(self) -> None:
        """Start, and wait until the page is there."""
        await self.start()
        await self.until("ready in")

    def kill(self, signum: int = signal.SIGKILL) -> None:
        """To the parent alone."""
        os.kill(self.pid, signum)

    def interrupt(self) -> None:
        """What Ctrl-C at a terminal does: SIGINT to the whole process group."""
        os.killpg(self.pid, signal.SIGINT)

    async def ended(self) -> int:
        """Wait for its end; gives the exit status. What it said last is in `said`."""
        assert self.process is not None
        async with asyncio.timeout(READY_SECONDS):
            rest, _ = await self.process.communicate()
        self.said += rest.decode().splitlines()
        return await self.process.wait()

    async def outcome(self) -> tuple[int, list[str]]:
        """Start, wait for the end: the exit status and what was said."""
        await self.start()
        return await self.ended(), self.said

    def survivors(self) -> list[str]:
        """Those of its children that still run."""
        left = []
        for process in self.family:
            try:
                if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    left.append(f"{process.pid} {process.name()}")
            except psutil.NoSuchProcess:
                pass
        return left

    @asynccontextmanager
    async def ingress(self) -> AsyncIterator[IngressClient]:
        async with IngressClient.connected(self.ingress_url) as client:
            yield client

    def again(self, **env: str) -> Up:
        """Another start on the same folder and ports."""
        return Up(self.folder, {**self.env, **env}, self.ports, self.command)


@asynccontextmanager
async def prepared(folder: Path, engine: Path | None, **env: str) -> AsyncIterator[Up]:
    """A start that a test makes when it likes; whatever still runs of it is ended at last."""
    named = {"RESTATE_SERVER_BINARY": str(engine)} if engine else {}
    up = Up(folder, {**named, **env}, {name: free_port() for name in PORTS})
    try:
        yield up
    finally:
        await end(up)


async def end(up: Up) -> None:
    """End a start for good, if it still runs; its children should die with it, but a failing test shows that."""
    for process in up.family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()  # psutil knows it from a stranger with the same number
    if up.process is not None and up.process.returncode is None:
        up.kill()
        await up.process.communicate()
