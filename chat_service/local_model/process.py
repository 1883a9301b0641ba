"""The embedded model as a child of this process."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from chat_service.children import child
from chat_service.errors import UserError
from chat_service.models.protocol import Endpoint

READY_SECONDS = 120.0
LABEL = "local"


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A running model; its endpoint wants a key that only the process which started it knows."""

    endpoint: Endpoint
    process: asyncio.subprocess.Process
    log: Path


@asynccontextmanager
async def running_model(weights: Path, log: Path) -> AsyncIterator[LocalModel]:
    """Run the model while the block runs.

    Raises:
        UserError: when it does not load; the message names its log.
    """
    key = secrets.token_urlsafe(32)
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "chat_service.local_model.server", str(weights)]
    env = {**os.environ, "LOCAL_MODEL_KEY": key}
    pipe = asyncio.subprocess.PIPE
    with log.open("wb") as sink:
        async with child(command, env=env, stdin=pipe, stdout=pipe, stderr=sink, stop_seconds=3) as process:
            try:
                async with asyncio.timeout(READY_SECONDS):
                    line = await _address(process.stdout)
            except TimeoutError as error:
                raise UserError(f"the embedded model did not load within {READY_SECONDS:g} s: see {log}") from error
            if line is None:
                raise UserError(f"the embedded model {weights} cannot be loaded: see {log}, or set LOCAL_MODEL=off")
            yield LocalModel(Endpoint(f"{line.rstrip('/')}/v1", SecretStr(key), LABEL, "LOCAL"), process, log)


async def _address(stdout: asyncio.StreamReader | None) -> str | None:
    """The line with the address; llama.cpp may print others before it."""
    while stdout and (line := (await stdout.readline()).decode()):
        if line.startswith("http"):
            return line.strip()
    return None
