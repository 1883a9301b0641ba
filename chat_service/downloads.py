"""Downloads that are told before they start, watched while they come, and whole or not there at all.

What is fetched lies in the cache and is never fetched again; each caller checks the bytes before it puts them there.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import IO, Protocol

from platformdirs import user_cache_path
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

from chat_service.child_process import child
from chat_service.errors import UserError
from chat_service.settings import Settings

MEGABYTE = 1_000_000
POLL_SECONDS = 0.1
STALL_SECONDS = 90.0
"""Well above what pip and npm take to find out by themselves that nobody answers; npm waits 5 minutes for the rest."""
DISK_FULL = "the disk is full: free some space and start again, or set THREADWELL_CACHE_DIR to a larger one"
NO_NETWORK = (
    "ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH",
    "getaddrinfo", "resolution", "Failed to establish", "Connection refused", "unreachable", "timed out",
    "ProxyError", "Cannot connect to proxy", "No matching distribution",
)  # fmt: skip
BROKEN = ("EINTEGRITY", "TAR_BAD_ARCHIVE", "Z_DATA_ERROR", "Z_BUF_ERROR", "IncompleteRead", "BadZipFile",
          "ECONNABORTED", "Connection broken", "has an invalid wheel", "DO NOT MATCH THE HASHES")  # fmt: skip


class FetchFailed(Exception):
    """A source that did not give the right bytes. The message is a part of a sentence: why."""


class Advance(Protocol):
    """Moves a progress bar by so many bytes."""

    def __call__(self, amount: int) -> None: ...


def cache_dir(settings: Settings) -> Path:
    """Where downloads lie. It may be deleted at any time."""
    return settings.threadwell_cache_dir or user_cache_path("threadwell")


@asynccontextmanager
async def fetching(cache: Path) -> AsyncIterator[Path]:
    """A folder to download into, beside the place where the result is to lie, and gone at the end.

    One start at a time: a second one on the same cache waits, and finds what it wanted. The lock is the kernel's, so
    it goes with a start that was killed, whose leftovers the next one clears away.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise  # the disk's own line is the better one
        raise UserError(
            f"THREADWELL_CACHE_DIR={cache} cannot be made ({error.strerror}): name another folder"
        ) from error
    with (cache / "lock").open("wb") as lock:
        await _lock(lock)
        for left_behind in cache.glob("fetching-*"):
            shutil.rmtree(left_behind, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix="fetching-", ignore_cleanup_errors=True) as box:
            yield Path(box)


async def _lock(lock: IO[bytes]) -> None:
    told = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if not told:
                say("Another start is downloading already: waiting for it …")
                told = True
            await asyncio.sleep(POLL_SECONDS)


async def run_tool(
    command: Sequence[str | Path], box: Path, expected: int, extra_env: Mapping[str, str] | None = None
) -> None:
    """Run pip or npm in `box`, with a bar fed by what it has written there, `expected` bytes in all.

    Raises:
        FetchFailed: when it did not get what it was sent for.
        UserError: when the disk is full.
    """
    scratch = box / "scratch"  # not /tmp, which may be too small, or another file system
    scratch.mkdir(exist_ok=True)
    env = {**os.environ, "TMPDIR": str(scratch), "npm_config_cache": str(scratch), **(extra_env or {})}
    pipe, merged = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
    try:
        async with child(command, env=env, cwd=box, stdout=pipe, stderr=merged, stop_seconds=2) as process:
            with progress(expected) as advance:
                watching = asyncio.create_task(_watch(box, advance))
                talking = asyncio.create_task(process.communicate())
                await asyncio.wait({watching, talking}, return_when=asyncio.FIRST_COMPLETED)
                watching.cancel()
                if not talking.done():
                    talking.cancel()
                    raise FetchFailed(f"nothing came for {STALL_SECONDS:g} s")
                output, _ = talking.result()
    except OSError as error:
        raise FetchFailed(f"{command[0]} cannot be run here ({error.strerror})") from error
    shutil.rmtree(scratch, ignore_errors=True)
    if process.returncode != 0:
        raise _reason(output.decode(errors="replace"), process.returncode)


def _reason(said: str, status: int | None) -> Exception:
    if "ENOSPC" in said or "No space left" in said:
        return UserError(DISK_FULL)
    if any(sign in said for sign in BROKEN):
        return FetchFailed("the download is broken")
    if any(sign in said for sign in NO_NETWORK):
        return FetchFailed("the network or the package registry cannot be reached")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("ERROR", "npm error", "npm ERR!")) and " code " not in line]
    return FetchFailed(next(iter(telling or lines[-1:]), f"status {status}")[:200])


async def _watch(box: Path, advance: Advance) -> None:
    """Tools that tell nobody how far they are: what lies on the disk tells it for them. Ends when nothing comes."""
    seen, since = _bytes_in(box), time.monotonic()
    while time.monotonic() - since < STALL_SECONDS:
        await asyncio.sleep(POLL_SECONDS)
        now = max(seen, _bytes_in(box))
        if now > seen:
            since = time.monotonic()
        advance(now - seen)
        seen = now


def _bytes_in(folder: Path) -> int:
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # gone again
                total += os.lstat(os.path.join(root, name)).st_size  # noqa: PTH118  many files, ten times a second
    return total


def need_space(folder: Path, megabytes: int, what: str, setting: str = "THREADWELL_CACHE_DIR") -> None:
    """Raises a UserError when there is less room than is needed; `setting` moves it elsewhere."""
    free = shutil.disk_usage(folder).free // MEGABYTE
    if free < megabytes:
        raise UserError(
            f"the disk is full: {what} needs {megabytes} MB in {folder}, {free} MB are free; "
            f"free some space or set {setting}"
        )


@contextmanager
def disk_may_fill() -> Iterator[None]:
    """Turns the operating system's word for a full disk into ours."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(DISK_FULL) from error
        raise


@contextmanager
def progress(total: int) -> Iterator[Advance]:
    """A bar of bytes on a terminal; nothing but the plain lines around it elsewhere."""
    console = Console()
    columns = (BarColumn(bar_width=40), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not (total and console.is_terminal)) as bar:
        task = bar.add_task("", total=total)
        yield lambda amount: bar.update(task, advance=amount)


def say(line: str) -> None:
    """A word to the person who waits."""
    print(line, flush=True)  # noqa: T201
