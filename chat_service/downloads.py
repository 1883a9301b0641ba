"""Downloads into the cache: announced before they start, with a progress bar, and complete or absent afterwards.

A file in the cache is never downloaded again. Each caller verifies the bytes before it moves them into the cache.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import IO

from platformdirs import user_cache_path
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

from chat_service.child_process import running_child
from chat_service.errors import UserError
from chat_service.settings import Settings

MEGABYTE = 1_000_000
POLL_SECONDS = 0.1
STALL_SECONDS = 90.0
"""Well above the time in which pip and npm notice a silent server themselves. During a download npm waits 5 minutes."""
DISK_FULL = "the disk is full: free some space and start again, or set THREADWELL_CACHE_DIR to a larger one"
NETWORK_ERRORS = (
    "ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH",
    "getaddrinfo", "resolution", "Failed to establish", "Connection refused", "unreachable", "timed out",
    "ProxyError", "Cannot connect to proxy", "No matching distribution",
)  # fmt: skip
"""Texts in the output of pip and npm that mean: no connection to the registry."""
CORRUPT_DOWNLOAD_ERRORS = (
    "EINTEGRITY", "TAR_BAD_ARCHIVE", "Z_DATA_ERROR", "Z_BUF_ERROR", "IncompleteRead", "BadZipFile", "ECONNABORTED",
    "Connection broken", "has an invalid wheel", "DO NOT MATCH THE HASHES",
)  # fmt: skip
"""Texts in the output of pip and npm that mean: the received bytes are wrong or incomplete."""

Advance = Callable[[int], None]
"""Advances a progress bar by a number of bytes."""


class DownloadError(Exception):
    """Raised when a source did not deliver the expected bytes. The message is the reason, as part of a sentence."""


def cache_dir(settings: Settings) -> Path:
    """Return the folder of all downloads. It may be deleted at any time."""
    return settings.threadwell_cache_dir or user_cache_path("threadwell")


@asynccontextmanager
async def download_folder(cache: Path) -> AsyncIterator[Path]:
    """Create a temporary folder inside `cache` for one download and delete it at the end.

    A second process that uses the same cache waits, and then finds the finished download. The lock is a kernel lock:
    it ends with a process that is killed, and the next process deletes what that one left.

    Raises:
        UserError: when the folder cannot be created.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise  # `report_full_disk` has the better message
        raise UserError(
            f"THREADWELL_CACHE_DIR={cache} cannot be created ({error.strerror}): set it to another folder"
        ) from error
    with (cache / "lock").open("wb") as lock:
        await _lock(lock)
        for abandoned in cache.glob("fetching-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix="fetching-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)


async def _lock(lock: IO[bytes]) -> None:
    is_announced = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if not is_announced:
                print_line("Another process is already downloading: waiting for it …")
                is_announced = True
            await asyncio.sleep(POLL_SECONDS)


async def run_tool(
    command: Sequence[str | Path], folder: Path, expected_bytes: int, extra_env: Mapping[str, str] | None = None
) -> None:
    """Run pip or npm in `folder`, with a progress bar that shows the bytes written there out of `expected_bytes`.

    Raises:
        DownloadError: when the tool fails or writes nothing for `STALL_SECONDS`.
        UserError: when the disk is full.
    """
    scratch = folder / "scratch"  # not /tmp, which may be too small or another file system
    scratch.mkdir(exist_ok=True)
    env = {**os.environ, "TMPDIR": str(scratch), "npm_config_cache": str(scratch), **(extra_env or {})}
    pipe, merged = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
    try:
        async with running_child(command, env=env, cwd=folder, stdout=pipe, stderr=merged, stop_seconds=2) as process:
            with progress_bar(expected_bytes) as advance:
                watching = asyncio.create_task(_track_growth(folder, advance))
                reading = asyncio.create_task(process.communicate())
                await asyncio.wait({watching, reading}, return_when=asyncio.FIRST_COMPLETED)
                watching.cancel()
                if not reading.done():
                    reading.cancel()
                    raise DownloadError(f"nothing arrived for {STALL_SECONDS:g} s")
                output, _ = reading.result()
    except OSError as error:
        raise DownloadError(f"{command[0]} cannot be run here ({error.strerror})") from error
    shutil.rmtree(scratch, ignore_errors=True)
    if process.returncode != 0:
        raise _tool_error(output.decode(errors="replace"), process.returncode)


def _tool_error(output: str, status: int | None) -> Exception:
    """Return the error for the output of a failed pip or npm."""
    if "ENOSPC" in output or "No space left" in output:
        return UserError(DISK_FULL)
    if any(text in output for text in CORRUPT_DOWNLOAD_ERRORS):
        return DownloadError("the download is corrupt")
    if any(text in output for text in NETWORK_ERRORS):
        return DownloadError("the network or the package registry cannot be reached")
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR", "npm error", "npm ERR!")) and " code " not in line]
    return DownloadError(next(iter(errors or lines[-1:]), f"status {status}")[:200])


async def _track_growth(folder: Path, advance: Advance) -> None:
    """Report the growth of `folder` until it stops for `STALL_SECONDS`: pip and npm print no progress of their own."""
    size, last_growth = _folder_bytes(folder), time.monotonic()
    while time.monotonic() - last_growth < STALL_SECONDS:
        await asyncio.sleep(POLL_SECONDS)
        new_size = max(size, _folder_bytes(folder))
        if new_size > size:
            last_growth = time.monotonic()
        advance(new_size - size)
        size = new_size


def _folder_bytes(folder: Path) -> int:
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # deleted meanwhile
                total += os.lstat(os.path.join(root, name)).st_size  # noqa: PTH118  many files, ten times a second
    return total


def check_free_space(folder: Path, megabytes: int, what: str, setting: str = "THREADWELL_CACHE_DIR") -> None:
    """Check that `folder` has enough free space for `what`. `setting` is the variable that moves it elsewhere.

    Raises:
        UserError: when there is less.
    """
    free = shutil.disk_usage(folder).free // MEGABYTE
    if free < megabytes:
        raise UserError(
            f"the disk is full: {what} needs {megabytes} MB in {folder}, {free} MB are free; "
            f"free some space or set {setting}"
        )


@contextmanager
def report_full_disk() -> Iterator[None]:
    """Turn the OSError of a full disk into a UserError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(DISK_FULL) from error
        raise


@contextmanager
def progress_bar(total_bytes: int) -> Iterator[Advance]:
    """Show a progress bar on a terminal; elsewhere show nothing."""
    console = Console()
    columns = (BarColumn(bar_width=40), DownloadColumn(), TransferSpeedColumn())
    hidden = not (total_bytes and console.is_terminal)
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task("", total=total_bytes)
        yield lambda amount: bar.update(task, advance=amount)


def print_line(line: str) -> None:
    """Print a line for the person who waits for the download."""
    print(line, flush=True)  # noqa: T201
