"""The embedded Restate server as a child process that listens on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import secrets
import socket
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from chat_service.child_process import running_child
from chat_service.downloads import check_free_space
from chat_service.errors import UserError

READY_SECONDS = 60.0
POLL_SECONDS = 0.05
LOG_LINES = 300
FREE_PORT_RANGE = range(15_000, 32_000)
PORT_SHARES = 17
_recent_ports: deque[int] = deque(maxlen=200)
MIN_FREE_MB = 64
"""With less free space Restate still starts, but fails at one of the first messages."""
MAX_LOG_BYTES = 10_000_000
"""A longer log is renamed at the start and replaces the one that was renamed before."""


@dataclass(frozen=True, slots=True)
class EnginePorts:
    """The ports of a Restate server. 0 picks a free one."""

    ingress: int = 8080
    admin: int = 9070
    node: int = 5122

    def with_free_ports(self) -> EnginePorts:
        """Return the ports with each 0 replaced by a free port."""
        return EnginePorts(self.ingress or free_port(), self.admin or free_port(), self.node or free_port())


@dataclass(frozen=True, slots=True)
class Engine:
    """A running Restate server.

    Attributes:
        data: the data directory.
        log: the log file, which also holds earlier runs.
        log_start: the offset in bytes at which this run begins in the log file.
    """

    ingress_url: str
    admin_url: str
    ports: EnginePorts
    process: asyncio.subprocess.Process
    data: Path
    log: Path
    log_start: int

    @property
    def pid(self) -> int:
        return self.process.pid


def free_port() -> int:
    """Return a port that is free now.

    It lies below the ephemeral ports (Linux: 32768 and up), which an outgoing connection may take before the caller
    listens. Concurrent processes choose from different shares of the range, and one process does not repeat a port
    soon, so that two callers do not get the same port.
    """
    share = FREE_PORT_RANGE[os.getpid() % PORT_SHARES :: PORT_SHARES]
    while True:
        port = secrets.choice(share)
        if port in _recent_ports:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _recent_ports.append(port)
            return port


@asynccontextmanager
async def running_engine(
    binary: Path, data_dir: Path, ports: EnginePorts, extra_env: Mapping[str, str] | None = None
) -> AsyncIterator[Engine]:
    """Run the server on `data_dir` while the block runs. Its state survives there from run to run.

    Raises:
        UserError: when it does not start. The message names the reason or the log file.
    """
    ports = ports.with_free_ports()
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds all messages unencrypted
    except OSError as error:
        raise UserError(
            f"RESTATE_DATA_DIR={data_dir} cannot be created ({error.strerror}): set it to another folder"
        ) from error
    check_free_space(data_dir, MIN_FREE_MB, "Restate", "RESTATE_DATA_DIR")
    log = data_dir.parent / f"{data_dir.name}.log"
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    env = {**os.environ, **_engine_env(data_dir, ports), **(extra_env or {})}
    with log.open("ab") as sink:
        log_start = sink.tell()
        async with AsyncExitStack() as stack:
            try:
                process = await stack.enter_async_context(running_child([binary], env=env, stdout=sink, stderr=sink))
            except OSError as error:
                raise UserError(f"the Restate server {binary} cannot be run here ({error.strerror})") from error
            base = "http://127.0.0.1:"
            engine = Engine(f"{base}{ports.ingress}", f"{base}{ports.admin}", ports, process, data_dir, log, log_start)
            await _wait_until_healthy(engine)
            yield engine


def _engine_env(data_dir: Path, ports: EnginePorts) -> dict[str, str]:
    """Return the server's configuration as environment variables."""
    return {
        "RESTATE_BASE_DIR": str(data_dir.resolve()),
        "RESTATE_NODE_NAME": "threadwell",  # part of the data path: it must not depend on the host name
        "RESTATE_CLUSTER_NAME": "threadwell",
        # By default the server listens on all interfaces, and none of its ports has authentication.
        "RESTATE_BIND_IP": "127.0.0.1",
        "RESTATE_LISTEN_MODE": "tcp",
        "RESTATE_BIND_PORT": str(ports.node),
        "RESTATE_ADVERTISED_ADDRESS": f"http://127.0.0.1:{ports.node}",
        "RESTATE_INGRESS__BIND_PORT": str(ports.ingress),
        "RESTATE_ADMIN__BIND_PORT": str(ports.admin),
        "RESTATE_DISABLE_TELEMETRY": "true",
        "RESTATE_DEFAULT_NUM_PARTITIONS": "4",
        "RESTATE_ROCKSDB_TOTAL_MEMORY_SIZE": "256 MB",
        # Expired journals, which hold message texts, stay until the next cleanup: by default up to one hour.
        "RESTATE_WORKER__CLEANUP_INTERVAL": "1m",
        # The server's parts talk to each other over loopback. Compression there costs a sixth of its CPU per turn.
        "RESTATE_NETWORKING__DISABLE_COMPRESSION": "true",
        "RESTATE_LOG_DISABLE_ANSI_CODES": "true",
    }


async def _wait_until_healthy(engine: Engine) -> None:
    urls = [f"{engine.admin_url}/health", f"{engine.ingress_url}/restate/health"]
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
        try:
            async with asyncio.timeout(READY_SECONDS):
                while not await _is_healthy(session, urls):
                    if engine.process.returncode is not None:
                        raise UserError(describe_exit(engine))
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            raise UserError(f"Restate was not ready after {READY_SECONDS:g} s: see {engine.log}") from error


async def _is_healthy(session: aiohttp.ClientSession, urls: list[str]) -> bool:
    try:
        for url in urls:
            async with session.get(url) as response:
                if response.status != 200:
                    return False
    except (aiohttp.ClientError, TimeoutError):
        return False
    return True


def describe_exit(engine: Engine) -> str:
    """Return in one line why a server exited by itself.

    It searches many lines of the log, because another server on the same data writes into the same file.
    """
    tail = engine.log.read_bytes()[engine.log_start :].decode(errors="replace").splitlines()[-LOG_LINES:]
    output = " ".join(tail).lower()
    if "no space left" in output:
        return f"the disk is full: Restate cannot write to {engine.log.parent}; free some space and start again"
    if "address already in use" in output or "addrinuse" in output:
        return "one of Restate's ports is in use: see RESTATE_INGRESS_PORT, RESTATE_ADMIN_PORT, RESTATE_NODE_PORT"
    # Trap: the server may exit before its last lines are written.
    if "/lock:" in output or "lock file" in output or _is_locked(engine.data):
        return f"another Restate server uses {engine.data}: stop it, or set RESTATE_DATA_DIR"
    return f"Restate stopped by itself (status {engine.process.returncode}): see {engine.log}"


def _is_locked(data: Path) -> bool:
    """Return whether a process uses the data directory: RocksDB holds a record lock on a file of each database."""
    for path in data.rglob("LOCK"):
        try:
            with path.open("r+b") as file:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            continue  # the file was deleted meanwhile or is not accessible
    return False
