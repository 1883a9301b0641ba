"""The Restate server as a child process, bound to loopback."""

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

from chat_service.child_process import child
from chat_service.downloads import need_space
from chat_service.errors import UserError

READY_SECONDS = 60.0
POLL_SECONDS = 0.05
LOG_LINES = 300
BELOW_OUTGOING = range(15_000, 32_000)
SHARES = 17
_given: deque[int] = deque(maxlen=200)
DATA_MB = 64
"""With less room than this Restate still starts, and fails at somebody's message."""
LOG_BYTES = 10_000_000
"""A longer log is put aside at a start, and takes the place of the one put aside before."""


@dataclass(frozen=True, slots=True)
class EnginePorts:
    """The engine's ports; 0 picks a free one."""

    ingress: int = 8080
    admin: int = 9070
    node: int = 5122

    def settled(self) -> EnginePorts:
        """With free ports in place of zeros."""
        return EnginePorts(self.ingress or free_port(), self.admin or free_port(), self.node or free_port())


@dataclass(frozen=True, slots=True)
class Engine:
    """A running Restate server."""

    ingress_url: str
    admin_url: str
    ports: EnginePorts
    process: asyncio.subprocess.Process
    data: Path
    log: Path
    log_begins: int

    @property
    def pid(self) -> int:
        return self.process.pid


def free_port() -> int:
    """A port that was free a moment ago, from below those that systems give to outgoing connections (Linux: 32768 and
    up): one of them may take any of those before whoever asked listens. Two who ask at the same time do not get the
    same: processes that stand side by side look in shares of their own, and one does not give a port again soon."""
    share = BELOW_OUTGOING[os.getpid() % SHARES :: SHARES]
    while True:
        port = secrets.choice(share)
        if port in _given:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _given.append(port)
            return port


@asynccontextmanager
async def running_engine(
    binary: Path, data_dir: Path, ports: EnginePorts, extra_env: Mapping[str, str] | None = None
) -> AsyncIterator[Engine]:
    """Run the server on `data_dir` while the block runs. State survives there from run to run.

    Raises:
        UserError: when it does not come up; the message names the reason, or its log.
    """
    ports = ports.settled()
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # all that is said lies there, readable
    except OSError as error:
        raise UserError(
            f"RESTATE_DATA_DIR={data_dir} cannot be made ({error.strerror}): name another folder"
        ) from error
    need_space(data_dir, DATA_MB, "Restate", "RESTATE_DATA_DIR")
    log = data_dir.parent / f"{data_dir.name}.log"
    env = {
        **os.environ,
        "RESTATE_BASE_DIR": str(data_dir.resolve()),
        "RESTATE_NODE_NAME": "threadwell",  # data lies under the node's name: it must not follow the host's
        "RESTATE_CLUSTER_NAME": "threadwell",
        # With no address it listens on every interface, and no port of it asks who is there.
        "RESTATE_BIND_IP": "127.0.0.1",
        "RESTATE_LISTEN_MODE": "tcp",
        "RESTATE_BIND_PORT": str(ports.node),
        "RESTATE_ADVERTISED_ADDRESS": f"http://127.0.0.1:{ports.node}",
        "RESTATE_INGRESS__BIND_PORT": str(ports.ingress),
        "RESTATE_ADMIN__BIND_PORT": str(ports.admin),
        "RESTATE_DISABLE_TELEMETRY": "true",
        "RESTATE_DEFAULT_NUM_PARTITIONS": "4",
        "RESTATE_ROCKSDB_TOTAL_MEMORY_SIZE": "256 MB",
        # What is kept no longer lies on until the next round of this: an hour by default, texts included.
        "RESTATE_WORKER__CLEANUP_INTERVAL": "1m",
        "RESTATE_LOG_DISABLE_ANSI_CODES": "true",
        **(extra_env or {}),
    }
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as sink:
        begins = sink.tell()
        async with AsyncExitStack() as stack:
            try:
                process = await stack.enter_async_context(child([binary], env=env, stdout=sink, stderr=sink))
            except OSError as error:
                raise UserError(f"the Restate server {binary} cannot be run here ({error.strerror})") from error
            base = "http://127.0.0.1:"
            engine = Engine(f"{base}{ports.ingress}", f"{base}{ports.admin}", ports, process, data_dir, log, begins)
            await _ready(engine)
            yield engine


async def _ready(engine: Engine) -> None:
    urls = [f"{engine.admin_url}/health", f"{engine.ingress_url}/restate/health"]
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
        try:
            async with asyncio.timeout(READY_SECONDS):
                while not await _healthy(session, urls):
                    if engine.process.returncode is not None:
                        raise UserError(cause_of_death(engine))
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            raise UserError(f"Restate was not ready after {READY_SECONDS:g} s: see {engine.log}") from error


async def _healthy(session: aiohttp.ClientSession, urls: list[str]) -> bool:
    try:
        for url in urls:
            async with session.get(url) as response:
                if response.status != 200:
                    return False
    except (aiohttp.ClientError, TimeoutError):
        return False
    return True


def cause_of_death(engine: Engine) -> str:
    """Why a server went away by itself, in one line; its log also holds earlier runs, which are not asked. Another
    server on the same data writes into the same log, so the last few lines may not be ours."""
    tail = engine.log.read_bytes()[engine.log_begins :].decode(errors="replace").splitlines()[-LOG_LINES:]
    said = " ".join(tail).lower()
    if "no space left" in said:
        return f"the disk is full: Restate cannot write to {engine.log.parent}; free some space and start again"
    if "address already in use" in said or "addrinuse" in said:
        return "one of Restate's ports is taken: see RESTATE_INGRESS_PORT, RESTATE_ADMIN_PORT, RESTATE_NODE_PORT"
    # Trap: it may end with its last lines unwritten.
    if "/lock:" in said or "lock file" in said or _is_held(engine.data):
        return f"another Restate server uses {engine.data}: stop it, or set RESTATE_DATA_DIR"
    return f"Restate stopped by itself (status {engine.process.returncode}): see {engine.log}"


def _is_held(data: Path) -> bool:
    """Whether a process has the data in its hands: RocksDB keeps a record lock on a file of each database."""
    for path in data.rglob("LOCK"):
        try:
            with path.open("r+b") as file:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            continue  # gone meanwhile, or somebody else's: no reason that can be told from here
    return False
