"""Location of the Restate server's binary: an installed one, or a download from npm."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from chat_service.downloads import cache_dir
from chat_service.engine.npm import PACKAGE, download_engine
from chat_service.errors import UserError
from chat_service.settings import Settings

VERSION = "1.7.12"


async def find_engine(settings: Settings) -> Path:
    """Return the Restate server's binary: from the settings, on PATH, from the cache, or downloaded, in this order.

    Raises:
        UserError: when there is none and the download fails. The message says what to do.
    """
    found = find_local_engine(settings)
    if found is None:
        found = cached_engine_path(settings)
        await download_engine(VERSION, found)
    return found


def find_local_engine(settings: Settings) -> Path | None:
    """Return a binary that needs no download: from the settings, on PATH, or from the cache.

    Raises:
        UserError: when RESTATE_SERVER_BINARY is not an executable file.
    """
    if configured := settings.restate_server_binary:
        configured = configured.expanduser()
        if not (configured.is_file() and os.access(configured, os.X_OK)):
            raise UserError(f"RESTATE_SERVER_BINARY={configured} is not a program that can be run: correct or unset it")
        return _resolve_npm_script(configured) or configured
    if (on_path := shutil.which("restate-server")) and (found := _resolve_npm_script(Path(on_path))):
        return found
    cached = cached_engine_path(settings)
    return cached if cached.exists() else None


def cached_engine_path(settings: Settings) -> Path:
    """Return the path in the cache for the downloaded binary, whether it exists or not."""
    return cache_dir(settings) / f"restate-server-{VERSION}" / "restate-server"


def _resolve_npm_script(program: Path) -> Path | None:
    """Return the binary behind the script that npm puts on PATH, or `program` itself if it is a binary.

    Trap: when the script is killed, the server that it started keeps running.
    """
    real = program.resolve()
    with real.open("rb") as file:
        if file.read(2) != b"#!":
            return program
    for folder in real.parents:
        for binary in folder.glob(f"node_modules/{PACKAGE}-*/bin/restate-server"):
            return binary
    return None
