"""The embedded model as a child of this process, started anew when it dies."""

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

from chat_service.child_process import child
from chat_service.errors import UserError
from chat_service.models.protocol import Endpoint

READY_SECONDS = 120.0
DEATHS = 3
DEATHS_SECONDS = 60.0
"""A model that dies so often in so short a time does so for a reason that a start does not mend."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A running model; its endpoint wants a key that only the process which started it knows.

    Attributes:
        watch: ends, with a `UserError`, when the model cannot be kept running.
    """

    endpoint: Endpoint
    watch: asyncio.Task[None]


@asynccontextmanager
async def running_model(weights: Path, label: str, log_file: Path) -> AsyncIterator[LocalModel]:
    """Run the model while the block runs; `label` is what it is called. One that dies comes back at the same address;
    what it was saying is asked again by the turns that asked, and what is asked meanwhile waits until it is loaded.

    Raises:
        UserError: when it does not load; the message names its log.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("wb") as sink:
        server = _Server(weights, label, log_file, sink)
        watch = asyncio.create_task(server.keep())
        try:
            both: set[asyncio.Future[Any]] = {watch, server.up}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if watch.done():
                watch.result()
            endpoint = Endpoint(f"{server.up.result()}/v1", server.key, label, "LOCAL", server.loaded.wait)
            yield LocalModel(endpoint, watch)
        finally:
            watch.cancel()
            await asyncio.wait({watch})


class _Server:
    def __init__(self, weights: Path, label: str, log_file: Path, sink: IO[bytes]) -> None:
        self._weights, self._label, self._log, self._sink = weights, label, log_file, sink
        self.key = SecretStr(secrets.token_urlsafe(32))
        self.up: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.loaded = asyncio.Event()

    async def keep(self) -> None:
        """Start the server, and again when it dies.

        Raises:
            UserError: when it does not come up, or dies again and again.
        """
        deaths: list[float] = []
        while True:
            status = await self._run_once()
            deaths = [*(at for at in deaths if at > time.monotonic() - DEATHS_SECONDS), time.monotonic()]
            what = f"the embedded model stopped by itself (status {status})"
            if len(deaths) >= DEATHS:
                raise UserError(f"{what}, {DEATHS} times within {DEATHS_SECONDS:g} s: see {self._log}; start again")
            log.warning("%s: it is started anew, and what it was saying is asked again", what)

    async def _run_once(self) -> int:
        command = [sys.executable, "-m", "chat_service.local_model.server", str(self._weights)]
        if self.up.done():
            command.append(self.up.result().rpartition(":")[2])
        env = {**os.environ, "LOCAL_MODEL_KEY": self.key.get_secret_value(), "LOCAL_MODEL_LABEL": self._label}
        pipe = asyncio.subprocess.PIPE
        async with child(command, env=env, stdin=pipe, stdout=pipe, stderr=self._sink, stop_seconds=3) as process:
            try:
                async with asyncio.timeout(READY_SECONDS):
                    address = await _address(process.stdout)
            except TimeoutError as error:
                line = f"the embedded model did not load within {READY_SECONDS:g} s: see {self._log}"
                raise UserError(line) from error
            if address is not None:
                if not self.up.done():
                    self.up.set_result(address.rstrip("/"))
                self.loaded.set()
            elif not self.up.done():
                line = f"the embedded model {self._weights} cannot be loaded: see {self._log}, or set LOCAL_MODEL=off"
                raise UserError(line)
            try:
                return await process.wait()
            finally:
                self.loaded.clear()


async def _address(stdout: asyncio.StreamReader | None) -> str | None:
    """The line with the address; llama.cpp may print others before it."""
    while stdout and (line := (await stdout.readline()).decode()):
        if line.startswith("http"):
            return line.strip()
    return None
