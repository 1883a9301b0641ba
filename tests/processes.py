"""Start, kill and query the processes of the tests: a Restate server, the fake model and the chat service."""

from __future__ import annotations

import asyncio
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

WAIT_SECONDS = 30.0
T = TypeVar("T")

SMALL_ENGINE = {"RESTATE_DEFAULT_NUM_PARTITIONS": "1", "RESTATE_ROCKSDB_TOTAL_MEMORY_SIZE": "64 MB"}
LOCAL_LOG = {"RESTATE_BIFROST__DEFAULT_PROVIDER": "local"}
"""Restate's log without its replication: an eighth less CPU. For stacks whose Restate server no test kills."""
ALWAYS_REPLAY = {"RESTATE_WORKER__INVOKER__INACTIVITY_TIMEOUT": "0s"}


async def eventually(
    read: Callable[[], Awaitable[T]], condition: Callable[[T], Any] = bool, seconds: float = WAIT_SECONDS
) -> T:
    """Call `read` until `condition` holds for its result, and return that result. The failure shows the last result.

    It waits longer after each call, since a query of Restate's tables costs up to a second of CPU.
    """
    deadline = time.monotonic() + seconds
    pause = 0.02
    while True:
        result = await read()
        if condition(result):
            return result
        assert time.monotonic() < deadline, f"the condition never held; last result: {result!r}"
        await asyncio.sleep(pause)
        pause = min(pause * 1.4, 0.5)


@dataclass
class Stack:
    """A Restate server, a fake model and a chat service, with methods to kill and restart the two processes."""

    data: Path
    model: ModelControl
    engine: Engine
    replay: bool = False
    service: ForkedProcess | None = None
    source: Path = ROOT
    env: dict[str, str] = field(default_factory=dict)
    engine_env: dict[str, str] = field(default_factory=dict)
    service_port: int = field(default_factory=free_port)
    _engine_exit: AsyncExitStack = field(default_factory=AsyncExitStack)
    _service_exit: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def settings(self) -> Settings:
        """The settings of a bot that uses this stack."""
        return Settings(_env_file=None, **self._setting_values())  # type: ignore[arg-type]

    def _setting_values(self) -> dict[str, str]:
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
        """The settings of this stack as environment variables; `env` overrides them."""
        return {name.upper(): value for name, value in {**self._setting_values(), **self.env, **env}.items()}

    def with_source(self, source: Path) -> Stack:
        """Return a stack with the same engine whose chat service runs the code in `source` on another port."""
        return Stack(self.data, self.model, self.engine, self.replay, source=source, env=self.env)

    async def start_service(self, **env: str) -> str:
        """Start the chat service, register it, and return the deployment's URL."""
        environment = {**os.environ, **self.environment(**env), "PYTHONPATH": str(self.source)}
        log_path = self.data / "service.log"
        with log_path.open("ab") as log:
            self.service = await self._service_exit.enter_async_context(
                python_process("bots", "serve", env=environment, cwd=self.data, stderr=log.fileno(), stop_seconds=15)
            )
        assert self.service.stdout is not None
        line = (await asyncio.wait_for(self.service.stdout.readline(), WAIT_SECONDS)).decode()
        assert "http" in line, f"the chat service printed {line!r}: {log_path.read_text()[-2000:]}"
        url = line.split()[-1]
        await register(self.engine.admin_url, url)
        return url

    async def kill_service(self) -> None:
        """`kill -9` the process that owns the chat service's port."""
        assert self.service is not None
        self.service.kill()
        await self.service.wait()
        await self._service_exit.aclose()

    async def restart_missing(self, binary: Path) -> None:
        """Start the Restate server on its data and the chat service, unless they run."""
        if self.engine.process.returncode is not None:
            await self.restart_engine(binary)
        if self.service is None or self.service.returncode is not None:
            await self.close_service()
            await self.start_service()

    def freeze_service(self) -> None:
        """Send SIGSTOP: the chat service reads nothing from now on, until it is killed."""
        assert self.service is not None
        self.service.send_signal(signal.SIGSTOP)

    async def kill_engine(self) -> None:
        """`kill -9` the Restate server."""
        self.engine.process.kill()
        await self.engine.process.wait()
        await self._engine_exit.aclose()

    async def restart_engine(self, binary: Path) -> None:
        """`kill -9` the Restate server and start it again on the same ports and data."""
        ports = self.engine.ports
        await self.kill_engine()
        await self.start_engine(binary, ports)

    async def start_engine(self, binary: Path, ports: EnginePorts) -> None:
        """Start the Restate server on the data of this stack."""
        extra = {**SMALL_ENGINE, **self.engine_env, **(ALWAYS_REPLAY if self.replay else {})}
        self.engine = await self._engine_exit.enter_async_context(
            running_engine(binary, self.data / "restate", ports, extra)
        )

    async def close_service(self) -> None:
        """Stop the chat service with SIGTERM."""
        await self._service_exit.aclose()

    async def close(self) -> None:
        """Stop the processes that still run."""
        await self.close_service()
        await self._engine_exit.aclose()

    async def query(self, query: str) -> list[dict[str, Any]]:
        """Query the SQL tables of the Restate server."""
        headers = {"Accept": "application/json"}
        async with aiohttp.ClientSession() as session:
            url = f"{self.engine.admin_url}/query"
            async with session.post(url, json={"query": query}, headers=headers) as response:
                assert response.status == 200, await response.text()
                rows: list[dict[str, Any]] = (await response.json())["rows"]
                return rows

    async def change_invocation(self, invocation: str, verb: str) -> dict[str, Any]:
        """Change an invocation as an operator does: cancel, kill, pause, resume, purge or restart-as-new."""
        url = f"{self.engine.admin_url}/invocations/{invocation}/{verb}"
        async with aiohttp.ClientSession() as session, session.patch(url) as response:
            body = await response.text()
            assert response.status < 300, body
            result: dict[str, Any] = json.loads(body) if body else {}
            return result

    @asynccontextmanager
    async def ingress(self) -> AsyncIterator[IngressClient]:
        """Return a client of the ingress of this stack."""
        async with IngressClient.connected(self.engine.ingress_url) as client:
            yield client


@asynccontextmanager
async def running_stack(
    binary: Path,
    data: Path,
    model: ModelControl,
    *,
    replay: bool = False,
    serve: bool = True,
    engine_env: dict[str, str] | None = None,
    **env: str,
) -> AsyncIterator[Stack]:
    """Run a stack until the context ends. With `serve=False` the test starts the chat service itself."""
    data.mkdir(parents=True, exist_ok=True)
    stack = Stack(data, model, None, replay, env=env, engine_env=engine_env or {})  # type: ignore[arg-type]
    try:
        await stack.start_engine(binary, EnginePorts(0, 0, 0))
        if serve:
            await stack.start_service()
        yield stack
    finally:
        await stack.close()


def new_session_key() -> str:
    """Return a conversation key that is not used yet."""
    return f"session-{uuid4().hex[:12]}"
