"""A real PostgreSQL of the run's own: a cluster in the run's folder, gone afterwards."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.missing import Missing
from bench.processes import clean_environment
from chat_service.child_process import child
from chat_service.engine.process import free_port

READY_SECONDS = 30.0
_AS_USER = """
import ctypes, os, signal, sys
uid, gid = int(sys.argv[1]), int(sys.argv[2])
os.setgroups([]); os.setgid(gid); os.setuid(uid)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""PostgreSQL refuses to run as root. Changing the user undoes what ends a child with its parent: asked for again."""


@asynccontextmanager
async def running_postgres(folder: Path) -> AsyncIterator[tuple[str, int]]:
    """A server on a new, empty cluster with its packaged defaults (fsync on); yields its address and pid.

    Raises:
        Missing: when PostgreSQL is not installed, or does not come up.
    """
    initdb, postgres = _program("initdb"), _program("postgres")
    data = folder / "postgres"
    data.mkdir()
    prefix: list[str] = []
    if os.geteuid() == 0:
        uid, gid = _somebody()
        os.chown(data, uid, gid)
        for above in (folder, folder.parent):
            above.chmod(0o711)  # else the other user cannot get to it
        prefix = [sys.executable, "-c", _AS_USER, str(uid), str(gid)]
    log = folder / "postgres.log"
    with log.open("ab") as sink:
        options = ["-A", "trust", "-U", "bench", "--no-locale", "-E", "UTF8"]
        make = [*prefix, str(initdb), "-D", str(data), *options]
        async with child(make, env=clean_environment(), stdout=sink, stderr=sink) as making:
            if await making.wait():
                raise Missing(f"initdb failed: {_last_line(log)}")
        port = free_port()
        command = [*prefix, str(postgres), "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", ""]
        async with child(command, env=clean_environment(), stdout=sink, stderr=sink) as server:
            await _ready(server, port, log)
            yield f"postgresql://bench@127.0.0.1:{port}/postgres", server.pid


async def _ready(server: asyncio.subprocess.Process, port: int, log: Path) -> None:
    """The log says it: a connection is taken before the server can do anything with it."""
    try:
        async with asyncio.timeout(READY_SECONDS):
            while b"ready to accept connections" not in log.read_bytes():
                if server.returncode is not None:
                    raise Missing(f"PostgreSQL stopped at once: {_last_line(log)}")
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise Missing(f"PostgreSQL was not ready on port {port} after {READY_SECONDS:g} s") from error


def _program(name: str) -> Path:
    """On PATH, or where Debian keeps it."""
    beside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda p: float(p.parts[4]), reverse=True)
    if beside:
        return beside[0]
    if found := shutil.which(name):
        return Path(found)
    raise Missing("PostgreSQL is not installed: apt-get install postgresql")


def _somebody() -> tuple[int, int]:
    """A user to run as: the package's own, or nobody."""
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise Missing("PostgreSQL refuses to run as root, and there is no other user: start the bench as one")


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
