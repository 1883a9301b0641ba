"""Latency from the model's first token to the first text in a client of the page's event stream.

The model sends the machine's monotonic clock as its first token. The client reads it from the event stream and compares
it with the same clock. In between are the chat service, the live bus and the web server. Measured once with everything
in one process (`threadwell up`), and once in separate processes with Redis as the live bus.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp

from bench import instant_model
from bench.figures import Findings, Goal, UnavailableError
from bench.load import message, unique_name
from bench.measure import LoadMeter, process_memory
from bench.processes import BenchRun, clean_environment, running, running_chat_service, wait_until_ready
from bench.sizes import Sizes
from chat_service.child_process import running_child
from chat_service.contracts import utc
from chat_service.engine.process import free_port

NAME = "window"
TITLE = "the model's first token to the first text in a browser window"
MEASURE = "first token to window"
MAX_MILLISECONDS = 50.0
REPLY_SECONDS = 60.0
STAMPED = {"OPENAI_MODEL": instant_model.STAMPED, "BURST": "each"}
AT_ONCE = 8
_STAMP = re.compile(r"(\d{6,}) ")


async def measure(bench_run: BenchRun, sizes: Sizes, findings: Findings) -> None:
    """Measure both deployments, with one reply at a time and then with several concurrently."""
    deployments = (("in one process (up)", running_up), ("apart, over Redis", _running_apart))
    for row, running_deployment in deployments:
        bench_run.report_progress(f"{NAME}: {row}")
        name = f"threadwell {row}"
        try:
            async with running_deployment(bench_run, findings) as url:
                for at_once in (1, AT_ONCE):
                    meter = LoadMeter()
                    delays = await _measure_delays(url, at_once, sizes.window_turns)
                    load = meter.read()
                    for delay in delays:
                        findings.add(name, MEASURE, at_once, delay, "ms", load)
        except UnavailableError as missing:
            findings.missing[f"{NAME}, {row}"] = str(missing)
            continue
        if figure := findings.find(name, MEASURE, 1):
            findings.goals.append(Goal(f"{MEASURE} in ms, {row}", figure.median, MAX_MILLISECONDS, True))


@asynccontextmanager
async def running_up(bench_run: BenchRun, findings: Findings) -> AsyncIterator[str]:
    """Run `threadwell up` on free ports. Yield the page's URL."""
    port = free_port()
    data = bench_run.new_folder("up") / "restate"
    ports = ("CHAT_SERVICE_PORT", "RESTATE_INGRESS_PORT", "RESTATE_ADMIN_PORT", "RESTATE_NODE_PORT")
    settings = {
        **bench_run.settings(**STAMPED),
        **{name: str(free_port()) for name in ports},
        "WEB_PORT": str(port),
        "RESTATE_DATA_DIR": str(data),
        "RESTATE_SERVER_BINARY": str(bench_run.engine_binary),
    }
    command = [sys.executable, "-m", "bots", "up"]
    with (data.parent / "up.log").open("ab") as sink:
        async with running_child(command, env={**clean_environment(), **settings}, stdout=sink, stderr=sink) as process:
            url = f"http://127.0.0.1:{port}"
            await wait_until_ready(f"{url}/health", process)
            yield url
            findings.add("threadwell up", "memory with everything in it", None, process_memory(process.pid) / 1e6, "MB")


@asynccontextmanager
async def _running_apart(bench_run: BenchRun, findings: Findings) -> AsyncIterator[str]:
    """Run Restate, the chat service, the web server and Redis as in production. Yield the page's URL."""
    program = shutil.which("redis-server")
    if program is None:
        raise UnavailableError("Redis is not installed: apt-get install redis-server")
    async with AsyncExitStack() as stack:
        bus_port, port = free_port(), free_port()
        options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(bench_run.folder)]
        with (bench_run.folder / "redis.log").open("ab") as sink:
            redis = running_child([program, "--port", str(bus_port), *options], stdout=sink, stderr=sink)
            redis_process = await stack.enter_async_context(redis)
        bus = {"LIVE_BUS_URL": f"redis://127.0.0.1:{bus_port}"}
        backend = await stack.enter_async_context(running_chat_service(bench_run, "apart", **STAMPED, **bus))
        env = {
            **bench_run.settings(**STAMPED),
            **bus,
            "WEB_PORT": str(port),
            "RESTATE_INGRESS_URL": backend.engine.ingress_url,
            "RESTATE_ADMIN_URL": backend.engine.admin_url,
        }
        page = await stack.enter_async_context(
            running(bench_run.folder, "page", [sys.executable, "-m", "bots", "bot", "web"], env)
        )
        yield f"http://127.0.0.1:{port}"
        for name, pid in {"page": page.pid, "Redis": redis_process.pid}.items():
            findings.add(name, "memory with everything in it", None, process_memory(pid) / 1e6, "MB")


async def _measure_delays(url: str, at_once: int, turns: int) -> list[float]:
    """Return the delay of every reply in milliseconds, for a client that receives all conversations."""
    jar = aiohttp.CookieJar(unsafe=True)  # unsafe: also keep cookies of a host that is an IP address
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
    async with aiohttp.ClientSession(base_url=url, cookie_jar=jar, timeout=timeout) as session:
        async with session.get("/") as response:
            await response.read()
        async with session.get("/api/events") as stream:
            reader = _EventReader()
            reading = asyncio.create_task(reader.read(stream))
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(at_once):
                        group.create_task(_run_turns(session, reader, max(turns // at_once, 1)))
            finally:
                reading.cancel()
    return reader.delays


async def _run_turns(session: aiohttp.ClientSession, reader: _EventReader, turns: int) -> None:
    conversation = unique_name("window")
    for number in range(turns):
        ended = reader.expect_end(conversation)
        body = {"message": message(number), "id": unique_name("m"), "at": utc(time.time()).isoformat()}
        async with session.post(f"/api/conversations/{conversation}/messages", json=body) as response:
            if response.status != 202:
                raise UnavailableError(f"the page answered {response.status}: {await response.text()}")
        await asyncio.wait_for(ended, REPLY_SECONDS)


class _EventReader:
    """Reads the event stream and records the delay of the first text of each turn."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self._ended: dict[str, asyncio.Future[None]] = {}
        self._seen: set[tuple[str, int]] = set()

    def expect_end(self, conversation: str) -> asyncio.Future[None]:
        """Return a future that is done when the next turn of the conversation has ended."""
        self._ended[conversation] = asyncio.get_running_loop().create_future()
        return self._ended[conversation]

    async def read(self, stream: aiohttp.ClientResponse) -> None:
        """Read events without end."""
        async for line in stream.content:
            now = time.monotonic_ns()
            if not line.startswith(b"data: "):
                continue
            event = json.loads(line[6:])
            conversation, turn = event.get("conversation", ""), event.get("turn", 0)
            if event["kind"] == "delta" and event.get("offset", 0) == 0 and (conversation, turn) not in self._seen:
                self._seen.add((conversation, turn))
                if stamp := _STAMP.match(event["text"]):
                    self.delays.append((now - int(stamp[1])) / 1e6)
            elif event["kind"] == "done" and (waiting := self._ended.get(conversation)) and not waiting.done():
                waiting.set_result(None)
