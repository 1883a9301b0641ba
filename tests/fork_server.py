"""Start Python processes by forking from one that has imported the packages and the project's modules.

The imports take 1 to 3 seconds of CPU per process, which was most of the suite's time. A forked process is a real one:
it has its own pid and can be killed with `kill -9`. Importing the project's modules must leave no state that differs
from process to process. Linux only (pidfd, SOCK_SEQPACKET), like the suite.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

PRELOADED = (
    "aiohttp.web charset_normalizer discord.app_commands h2 hypercorn.asyncio openai openai.types.chat psutil "
    "pydantic_settings redis.asyncio restate restate.server rich.console rich.table slack_bolt.async_app "
    "slack_bolt.adapter.socket_mode.aiohttp slack_sdk.web.async_client tenacity typer"
)
ROOT = Path(__file__).parent.parent
OWN_PRELOADED = "bots.cli.up bots.web.app bots.slack.app bots.discord.app chat_service.serve"
"""Imported too, and dropped in a process that runs the project's code from another folder."""
MESSAGE_BYTES = 128 * 1024
_PR_SET_PDEATHSIG = 1


class ForkedProcess:
    """A process of the fork server, with the interface of `asyncio.subprocess.Process` that tests use."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.stdout: asyncio.StreamReader | None = None
        self.returncode: int | None = None
        self._exited = asyncio.Event()

    def exited(self, status: int) -> None:
        """Record the exit status; negative is the signal that ended it."""
        self.returncode = status
        self._exited.set()

    async def wait(self) -> int:
        """Wait for its end and return the exit status."""
        await self._exited.wait()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, signum: int) -> None:
        """Send a signal, if it still runs."""
        if self.returncode is None:
            os.kill(self.pid, signum)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)


class ForkServer:
    """The client side: asks the server process for new processes and learns when they end."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._processes: dict[int, ForkedProcess] = {}
        self._started: asyncio.Future[ForkedProcess] | None = None
        self._lock = asyncio.Lock()
        connection.setblocking(False)
        asyncio.get_running_loop().add_reader(connection, self._read)

    async def start(
        self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, stdout: int, stderr: int, read: int | None
    ) -> ForkedProcess:
        """Start `python -m argv[0] argv[1:]` with these file descriptors; `read` is the other end of `stdout`."""
        loop = asyncio.get_running_loop()
        request = json.dumps({"argv": list(argv), "env": dict(env), "cwd": str(cwd)}).encode()
        reader = None
        if read is not None:
            reader = asyncio.StreamReader()
            pipe = os.fdopen(read, "rb", 0)
            await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        async with self._lock:
            self._started = loop.create_future()
            socket.send_fds(self._connection, [request], [stdout, stderr])
            process = await self._started
            process.stdout = reader
        return process

    def _read(self) -> None:
        data = b""
        with contextlib.suppress(ConnectionError):
            data = self._connection.recv(MESSAGE_BYTES)
        if not data:
            asyncio.get_running_loop().remove_reader(self._connection)
            if self._started is not None and not self._started.done():
                self._started.set_exception(RuntimeError("the fork server has ended: see its output above"))
            return
        message = json.loads(data)
        pid = message["pid"]
        if message["status"] is not None:
            self._processes.pop(pid).exited(message["status"])
        elif self._started is not None:
            self._processes[pid] = ForkedProcess(pid)
            self._started.set_result(self._processes[pid])

    def close(self) -> None:
        """Close the connection: the server then kills what still runs, and ends."""
        asyncio.get_running_loop().remove_reader(self._connection)
        self._connection.close()


_server: ForkServer | None = None


async def _running_server() -> ForkServer:
    """Return the fork server of this process; start it at the first call."""
    global _server
    if _server is None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            subprocess.Popen(
                [sys.executable, "-m", "tests.fork_server", str(theirs.fileno())], pass_fds=[theirs.fileno()], cwd=ROOT
            )
        _server = ForkServer(ours)
    return _server


def close_fork_server() -> None:
    """End the fork server, and with it every process that it has started."""
    global _server
    if _server is not None:
        _server.close()
        _server = None


@asynccontextmanager
async def python_process(
    *argv: str, env: Mapping[str, str], cwd: Path, stderr: int = 2, stdout: int | None = None, stop_seconds: float = 10
) -> AsyncIterator[ForkedProcess]:
    """Run `python -m argv…` while the block runs; at the end send SIGTERM, and SIGKILL after `stop_seconds`.

    `stdout` None gives a pipe (`process.stdout`); `stderr` may be `subprocess.STDOUT`.
    """
    server = await _running_server()
    read = None
    if stdout is None:
        read, write = os.pipe()
    else:
        write = os.dup(stdout)
    try:
        error_output = write if stderr == subprocess.STDOUT else stderr
        process = await server.start(argv, env=env, cwd=cwd, stdout=write, stderr=error_output, read=read)
    finally:
        os.close(write)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(stop_seconds):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _serve(connection: socket.socket) -> list[str]:
    """Fork on request, forever; return in each forked process, with its arguments."""
    ended = select.poll()
    ended.register(connection, select.POLLIN)
    children: dict[int, int] = {}
    while True:
        for descriptor, _ in ended.poll():
            if descriptor != connection.fileno():
                pid = children.pop(descriptor)
                ended.unregister(descriptor)
                os.close(descriptor)
                _, status = os.waitpid(pid, 0)
                message = {"pid": pid, "status": os.waitstatus_to_exitcode(status)}
                with contextlib.suppress(OSError):
                    connection.send(json.dumps(message).encode())
                continue
            data, descriptors, _, _ = socket.recv_fds(connection, MESSAGE_BYTES, 2)
            if not data:
                for pid in children.values():
                    os.kill(pid, signal.SIGKILL)
                sys.exit()
            request = json.loads(data)
            server = os.getpid()
            pid = os.fork()
            if pid == 0:
                connection.close()
                _become(request, descriptors, server)
                argv: list[str] = request["argv"]
                return argv
            for received in descriptors:
                os.close(received)
            pidfd = os.pidfd_open(pid)
            children[pidfd] = pid
            ended.register(pidfd, select.POLLIN)
            connection.send(json.dumps({"pid": pid, "status": None}).encode())


def _become(request: dict[str, object], descriptors: Sequence[int], server: int) -> None:
    """Take the environment, folder and file descriptors of a request, in the forked process."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(1)
    os.setsid()
    stdout, stderr = descriptors
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    os.closerange(3, 256)
    os.environ.clear()
    env = request["env"]
    assert isinstance(env, dict)
    os.environ.update(env)
    os.chdir(str(request["cwd"]))
    source = os.environ["PYTHONPATH"]
    sys.path[:] = [source, *(folder for folder in sys.path if folder != str(ROOT))]
    if source != str(ROOT):
        for name in [name for name in sys.modules if name.split(".")[0] in ("bots", "chat_service")]:
            del sys.modules[name]
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def preload() -> None:
    """Import the packages and the project's modules."""
    for name in f"{PRELOADED} {OWN_PRELOADED}".split():
        __import__(name)


def main() -> None:
    """Import the packages, serve, and run the requested module in each forked process."""
    preload()
    connection = socket.socket(fileno=int(sys.argv[1]))
    module, *arguments = _serve(connection)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
