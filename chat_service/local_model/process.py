"""The embedded model as a child process, which is restarted when it exits."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pydantic import SecretStr

from chat_service.child_process import running_child
from chat_service.errors import UserError
from chat_service.models.protocol import Endpoint

READY_SECONDS = 120.0
MAX_EXITS = 3
EXIT_WINDOW_SECONDS = 60.0
"""A model that exits `MAX_EXITS` times within this time is not restarted again: a restart does not fix the cause."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A running model. Its endpoint requires a random API key that only this process knows.

    Attributes:
        supervisor: fails with a `UserError` when the model cannot be kept running.
    """

    endpoint: Endpoint
    supervisor: asyncio.Task[None]


@asynccontextmanager
async def running_model(weights: Path, label: str, log_file: Path) -> AsyncIterator[LocalModel]:
    """Run the model while the block runs. `label` is its name in the API.

    After an exit it is restarted at the same address. The turns that it was answering retry, and new calls wait until
    it is loaded.

    Raises:
        UserError: when it does not load. The message names its log file.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("wb") as sink:
        server = _Server(weights, label, log_file, sink)
        supervisor = asyncio.create_task(server.supervise())
        try:
            either: set[asyncio.Future[Any]] = {supervisor, server.address}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if supervisor.done():
                supervisor.result()
            endpoint = Endpoint(f"{server.address.result()}/v1", server.key, label, "LOCAL", server.loaded.wait)
            yield LocalModel(endpoint, supervisor)
        finally:
            supervisor.cancel()
            await asyncio.wait({supervisor})


class _Server:
    def __init__(self, weights: Path, label: str, log_file: Path, sink: IO[bytes]) -> None:
        self._weights, self._label, self._log, self._sink = weights, label, log_file, sink
        self.key = SecretStr(secrets.token_urlsafe(32))
        self.address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.loaded = asyncio.Event()

    async def supervise(self) -> None:
        """Start the server, and restart it when it exits.

        Raises:
            UserError: when it does not start, or exits too often.
        """
        exits: list[float] = []
        while True:
            status = await self._run_once()
            exits = [*(at for at in exits if at > time.monotonic() - EXIT_WINDOW_SECONDS), time.monotonic()]
            line = f"the embedded model stopped by itself (status {status})"
            if len(exits) >= MAX_EXITS:
                times = f"{MAX_EXITS} times within {EXIT_WINDOW_SECONDS:g} s"
                raise UserError(f"{line}, {times}: see {self._log}; start again")
            log.warning("%s: restarting it; running turns retry", line)

    async def _run_once(self) -> int:
        command = [sys.executable, "-m", "chat_service.local_model.server", str(self._weights)]
        if self.address.done():
            command.append(self.address.result().rpartition(":")[2])
        env = {**os.environ, "LOCAL_MODEL_KEY": self.key.get_secret_value(), "LOCAL_MODEL_LABEL": self._label}
        pipe = asyncio.subprocess.PIPE
        async with running_child(
            command, env=env, stdin=pipe, stdout=pipe, stderr=self._sink, stop_seconds=3
        ) as process:
            try:
                async with asyncio.timeout(READY_SECONDS):
                    address = await _read_address(process.stdout)
            except TimeoutError as error:
                line = f"the embedded model did not load within {READY_SECONDS:g} s: see {self._log}"
                raise UserError(line) from error
            if address is not None:
                if not self.address.done():
                    self.address.set_result(address.rstrip("/"))
                self.loaded.set()
            elif not self.address.done():
                line = f"the embedded model {self._weights} cannot be loaded: see {self._log}, or set LOCAL_MODEL=off"
                raise UserError(line)
            try:
                return await process.wait()
            finally:
                self.loaded.clear()


async def _read_address(stdout: asyncio.StreamReader | None) -> str | None:
    """Return the line with the address. llama.cpp may print other lines before it."""
    while stdout and (line := (await stdout.readline()).decode()):
        if line.startswith("http"):
            return line.strip()
    return None
