"""Child processes that never outlive their parent, not even one that got `kill -9`."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

LEASH_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1
_LEASH = """
import os, subprocess, sys, threading
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
def watch():
    while os.read(0, 1):
        pass
    child.kill()
threading.Thread(target=watch, daemon=True).start()
import signal
signal.signal(signal.SIGTERM, lambda *_: child.terminate())
sys.exit(child.wait())
"""
"""Where the kernel cannot end a child with its parent (macOS): a go-between that does when its stdin closes."""


@asynccontextmanager
async def child(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
    stdin: int | None = asyncio.subprocess.DEVNULL,
    stop_seconds: float = 10.0,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a command while the block runs; at its end SIGTERM, and SIGKILL after `stop_seconds`.

    It gets a session of its own, so that Ctrl-C at a terminal reaches the parent alone, which stops its children in
    order.

    Raises:
        OSError: when the command cannot be started.
    """
    argv = [str(part) for part in command]
    on_linux = sys.platform == "linux"
    if not on_linux and stdin == asyncio.subprocess.DEVNULL:
        argv, stdin = [sys.executable, "-c", _LEASH, *argv], asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *argv,
        env=env,
        cwd=cwd,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        preexec_fn=_die_with_parent() if on_linux else None,
    )
    try:
        yield process
    finally:
        await stop(process, stop_seconds)


async def stop(process: asyncio.subprocess.Process, seconds: float) -> None:
    """End a child: kindly first, then for good."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(seconds):
                await process.wait()
        except TimeoutError:
            if process.stdin is not None:
                process.stdin.close()  # a leash ends what it holds; killed itself, it could not
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LEASH_SECONDS):
                        await process.wait()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _die_with_parent() -> Callable[[], None]:
    """A hook for the child, between fork and exec. Trap: the kernel watches the thread that forked, not the
    process; asyncio forks from the thread of the loop, which here is the main one."""
    parent = os.getpid()
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # loaded before the fork: little is safe after it

    def hook() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent died before the call above
            os._exit(1)

    return hook
