"""The real processes of the suite: a Restate server, the fake model, and the chat service, each one killable."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import aiohttp

from chat_service.engine.process import Engine, EnginePorts, free_port, running_engine
from chat_service.engine.registration import register
from chat_service.ingress import IngressClient
from chat_service.settings import Settings
from tests.fakes.model import ModelControl
from tests.fork_server import ROOT, ForkedProcess, python_process

PATIENCE = 30.0
T = TypeVar("T")

SMALL = {"RESTATE_DEFAULT_NUM_PARTITIONS": "1", "RESTATE_ROCKSDB_TOTAL_MEMORY_SIZE": "64 MB"}
REPLAY = {"RESTATE_WORKER__INVOKER__INACTIVITY_TIMEOUT": "0s"}


async def eventually(
    look: Callable[[], Awaitable[T]], holds: Callable[[T], Any] = bool, patience: float = PATIENCE
) -> T:
    """Look until it holds; the last look is in the failure."""
    until = time.monotonic() + patience
    while True:
        seen = await look()
        if holds(seen):
            return seen
        assert time.monotonic() < until, f"it never held; last seen: {seen!r}"
        await asyncio.sleep(0.02)


@dataclass
class Stack:
    """An engine, a model and a chat service, and the means to kill each of them."""

    data: Path
    model: ModelControl
    engine: Engine
    replay: bool = False
    service: ForkedProcess | None = None
    source: Path = ROOT
    env: dict[str, str] = field(default_factory=dict)
    service_port: int = field(default_factory=free_port)
    _engine_exit: AsyncExitStack = field(default_factory=AsyncExitStack)
    _service_exit: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def settings(self) -> Settings:
        """The settings by which a bot finds this stack."""
        return Settings(_env_file=None, **self._named())  # type: ignore[arg-type]

    def _named(self) -> dict[str, str]:
        return {
            "restate_ingress_url": self.engine.ingress_url,
            "restate_admin_url": self.engine.admin_url,
            "chat_service_port": str(self.service_port),
            "openai_base_url": self.model.base_url,
            "openai_api_key": "test-key",
            "openai_model": "scripted",
            "model_stall_seconds": "20",
            "burst_pause_seconds": "0.2",
            "turn_inactivity_seconds": "0" if self.replay else "3600",
        }

    def environment(self, **env: str) -> dict[str, str]:
        """The same as environment variables."""
        return {name.upper(): value for name, value in {**self._named(), **self.env, **env}.items()}

    def beside(self, source: Path) -> Stack:
        """A second chat service for the same engine, of another version of the code, on a port of its own."""
        return Stack(self.data, self.model, self.engine, self.replay, source=source, env=self.env)

    async def start_service(self, **env: str) -> str:
        """Start the chat service and register it; gives the deployment's URL."""
        whole = {**os.environ, **self.environment(**env), "PYTHONPATH": str(self.source)}
        log = self.data / "service.log"
        with contextlib.ExitStack() as files:
            sink = files.enter_context(log.open("ab"))
            self.service = await self._service_exit.enter_async_context(
                python_process("bots", "serve", env=whole, cwd=self.data, stderr=sink.fileno(), stop_seconds=15)
            )
        assert self.service.stdout is not None
        line = (await asyncio.wait_for(self.service.stdout.readline(), PATIENCE)).decode()
        assert "http" in line, f"the chat service said {line!r}: {log.read_text()[-2000:]}"
        url = line.split()[-1]
        await register(self.engine.admin_url, url)
        return url

    async def kill_service(self) -> None:
        """`kill -9` the process that owns the chat service's port."""
        assert self.service is not None
        self.service.kill()
        await self.service.wait()
        await self._service_exit.aclose()

    def freeze_service(self) -> None:
        """SIGSTOP: whatever reaches the chat service from now on stays unread until it is killed."""
        assert self.service is not None
        self.service.send_signal(signal.SIGSTOP)

    async def kill_engine(self) -> None:
        """`kill -9` the Restate server."""
        self.engine.process.kill()
        await self.engine.process.wait()
        await self._engine_exit.aclose()

    async def start_engine(self, binary: Path, ports: EnginePorts) -> None:
        """Start the Restate server on this stack's data."""
        extra = {**SMALL, **(REPLAY if self.replay else {})}
        self.engine = await self._engine_exit.enter_async_context(
            running_engine(binary, self.data / "restate", ports, extra)
        )

    async def close_service(self) -> None:
        """End the chat service, kindly."""
        await self._service_exit.aclose()

    async def close(self) -> None:
        """End what still runs."""
        await self.close_service()
        await self._engine_exit.aclose()

    async def admin(self, query: str) -> list[dict[str, Any]]:
        """Ask the engine's own tables."""
        headers = {"Accept": "application/json"}
        async with aiohttp.ClientSession() as session:
            url = f"{self.engine.admin_url}/query"
            async with session.post(url, json={"query": query}, headers=headers) as response:
                assert response.status == 200, await response.text()
                rows: list[dict[str, Any]] = (await response.json())["rows"]
                return rows

    async def operator(self, invocation: str, verb: str) -> dict[str, Any]:
        """What an operator may do to an invocation: cancel, kill, pause, resume, purge, restart-as-new."""
        url = f"{self.engine.admin_url}/invocations/{invocation}/{verb}"
        async with aiohttp.ClientSession() as session, session.patch(url) as response:
            body = await response.text()
            assert response.status < 300, body
            told: dict[str, Any] = json.loads(body) if body else {}
            return told

    @asynccontextmanager
    async def ingress(self) -> AsyncIterator[IngressClient]:
        """A client of this stack's ingress."""
        async with IngressClient.connected(self.engine.ingress_url) as client:
            yield client


@asynccontextmanager
async def running_stack(
    binary: Path, data: Path, model: ModelControl, *, replay: bool = False, serve: bool = True, **env: str
) -> AsyncIterator[Stack]:
    """A whole stack, ready for conversations; without `serve` the chat service is somebody else's to start."""
    data.mkdir(parents=True, exist_ok=True)
    stack = Stack(data, model, engine=None, replay=replay, env=env)  # type: ignore[arg-type]
    try:
        await stack.start_engine(binary, EnginePorts(0, 0, 0))
        if serve:
            await stack.start_service()
        yield stack
    finally:
        await stack.close()


def session_name() -> str:
    """A conversation key nobody has used."""
    return f"session-{uuid4().hex[:12]}"
