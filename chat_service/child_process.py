"""Child processes that never outlive their parent, even if the parent is killed with `kill -9`."""

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

WRAPPER_STOP_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1
_WRAPPER = """
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
"""Runs a command and kills it when stdin closes. Used where the kernel cannot end a child with its parent (macOS)."""


@asynccontextmanager
async def running_child(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
    stdin: int | None = asyncio.subprocess.DEVNULL,
    stop_seconds: float = 10.0,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a command while the block runs. At the end send SIGTERM, and SIGKILL after `stop_seconds`.

    The child gets its own session: Ctrl-C at a terminal reaches only the parent, which stops its children in order.

    Raises:
        OSError: when the command cannot be started.
    """
    argv = [str(part) for part in command]
    on_linux = sys.platform == "linux"
    if not on_linux and stdin == asyncio.subprocess.DEVNULL:
        argv, stdin = [sys.executable, "-c", _WRAPPER, *argv], asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *argv,
        env=env,
        cwd=cwd,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        preexec_fn=_parent_death_hook() if on_linux else None,
    )
    try:
        yield process
    finally:
        await _stop(process, stop_seconds)


async def _stop(process: asyncio.subprocess.Process, seconds: float) -> None:
    """Send SIGTERM, wait up to `seconds`, then send SIGKILL."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(seconds):
            await process.wait()
    except TimeoutError:
        if process.stdin is not None:
            process.stdin.close()  # makes the wrapper kill its child; a wrapper that is killed itself could not
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WRAPPER_STOP_SECONDS):
                    await process.wait()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _parent_death_hook() -> Callable[[], None]:
    """Return a hook that the child runs between fork and exec.

    Trap: the kernel watches the thread that forked, not the process. asyncio forks from the event loop's thread, which
    is the main thread here.
    """
    parent = os.getpid()
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # loaded before the fork: few calls are safe after it

    def hook() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent died before the call above
            os._exit(1)

    return hook
