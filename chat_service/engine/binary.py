"""Finding the Restate server: a program that is here, or one from npm."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from chat_service.downloads import cache_dir
from chat_service.engine.npm import PACKAGE, fetch
from chat_service.errors import UserError
from chat_service.settings import Settings

VERSION = "1.7.12"


async def find_engine(settings: Settings) -> Path:
    """The Restate server's binary: named, on PATH, cached, or fetched, in this order.

    Raises:
        UserError: when there is none, and none can be had; the line says what to do.
    """
    found = present_engine(settings)
    if found is None:
        found = cached_engine(settings)
        await fetch(VERSION, found)
    return found


def present_engine(settings: Settings) -> Path | None:
    """The binary that needs no download: named, on PATH or cached.

    Raises:
        UserError: when a binary is named that cannot be run.
    """
    if named := settings.restate_server_binary:
        named = named.expanduser()
        if not (named.is_file() and os.access(named, os.X_OK)):
            raise UserError(f"RESTATE_SERVER_BINARY={named} is not a program that can be run: correct it or unset it")
        return _unwrapped(named) or named
    if (on_path := shutil.which("restate-server")) and (found := _unwrapped(Path(on_path))):
        return found
    cached = cached_engine(settings)
    return cached if cached.exists() else None


def cached_engine(settings: Settings) -> Path:
    """Where the fetched binary lies, or will lie."""
    return cache_dir(settings) / f"restate-server-{VERSION}" / "restate-server"


def _unwrapped(program: Path) -> Path | None:
    """The server itself: what npm puts on PATH is a script around it, which would leave it behind when killed."""
    real = program.resolve()
    with real.open("rb") as file:
        if file.read(2) != b"#!":
            return program
    for folder in real.parents:
        for binary in folder.glob(f"node_modules/{PACKAGE}-*/bin/restate-server"):
            return binary
    return None
