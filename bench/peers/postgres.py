"""A PostgreSQL server with its own cluster in the run's temporary folder."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.figures import UnavailableError
from bench.processes import clean_environment
from chat_service.child_process import running_child
from chat_service.engine.process import free_port

READY_SECONDS = 30.0
_RUN_AS_USER = """
import ctypes, os, signal, sys
uid, gid = int(sys.argv[1]), int(sys.argv[2])
os.setgroups([]); os.setgid(gid); os.setuid(uid)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Runs a command as another user, because PostgreSQL refuses to run as root. Trap: a change of the user clears the
parent-death signal, so it is set again."""


@asynccontextmanager
async def running_postgres(folder: Path) -> AsyncIterator[tuple[str, int]]:
    """Run a server on a new, empty cluster with its default settings (fsync on). Yield its address and pid.

    Raises:
        Missing: when PostgreSQL is not installed or does not start.
    """
    initdb, postgres = _program("initdb"), _program("postgres")
    data = folder / "postgres"
    data.mkdir()
    prefix: list[str] = []
    if os.geteuid() == 0:
        uid, gid = _unprivileged_user()
        os.chown(data, uid, gid)
        for parent in (folder, folder.parent):
            parent.chmod(0o711)  # lets the other user reach the data folder
        prefix = [sys.executable, "-c", _RUN_AS_USER, str(uid), str(gid)]
    log = folder / "postgres.log"
    with log.open("ab") as sink:
        options = ["-A", "trust", "-U", "bench", "--no-locale", "-E", "UTF8"]
        init_command = [*prefix, str(initdb), "-D", str(data), *options]
        async with running_child(init_command, env=clean_environment(), stdout=sink, stderr=sink) as init_process:
            if await init_process.wait():
                raise UnavailableError(f"initdb failed: {_last_line(log)}")
        port = free_port()
        command = [*prefix, str(postgres), "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", ""]
        async with running_child(command, env=clean_environment(), stdout=sink, stderr=sink) as server:
            await _wait_until_ready(server, port, log)
            yield f"postgresql://bench@127.0.0.1:{port}/postgres", server.pid


async def _wait_until_ready(server: asyncio.subprocess.Process, port: int, log: Path) -> None:
    """Wait for the line in the log: the server accepts connections before it can use them."""
    try:
        async with asyncio.timeout(READY_SECONDS):
            while b"ready to accept connections" not in log.read_bytes():
                if server.returncode is not None:
                    raise UnavailableError(f"PostgreSQL stopped at once: {_last_line(log)}")
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise UnavailableError(f"PostgreSQL was not ready on port {port} after {READY_SECONDS:g} s") from error


def _program(name: str) -> Path:
    """Return the path of a program of PostgreSQL: Debian's folder of the newest version, else PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda p: float(p.parts[4]), reverse=True)
    if debian:
        return debian[0]
    if found := shutil.which(name):
        return Path(found)
    raise UnavailableError("PostgreSQL is not installed: apt-get install postgresql")


def _unprivileged_user() -> tuple[int, int]:
    """Return the uid and gid of `postgres`, else of `nobody`."""
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise UnavailableError(
        "PostgreSQL refuses to run as root, and there is no other user: run the benchmark as a normal user"
    )


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "its log is empty"
