"""From the model's first token to the first text in a browser window.

The model writes the machine's monotonic clock into its first token the moment it sends it; a window, which is a client
of the page's event stream, reads it there and looks at the same clock. In between lie the chat service, the live bus
and the page. Once with everything in one process, as `threadwell up` runs it, and once apart, with Redis as the bus.
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
from bench.figures import Findings, Goal, Meter, memory
from bench.load import fresh, message
from bench.missing import Missing
from bench.processes import World, answers, clean_environment, running, running_chat_service
from bench.sizes import Sizes
from chat_service.child_process import child
from chat_service.contracts import utc
from chat_service.engine.process import free_port

NAME = "window"
TITLE = "the model's first token to the first text in a browser window"
MEASURE = "first token to window"
MOST_MILLISECONDS = 50.0
PATIENCE = 60.0
STAMPED = {"OPENAI_MODEL": instant_model.STAMPED, "BURST": "each"}
AT_ONCE = 8
_STAMP = re.compile(r"(\d{6,}) ")


async def measure(world: World, sizes: Sizes, findings: Findings) -> None:
    """Both ways to run; one reply at a time, then several side by side."""
    for row, opened in (("in one process (up)", running_up), ("apart, over Redis", _apart)):
        world.say(f"{NAME}: {row}")
        name = f"threadwell {row}"
        try:
            async with opened(world, findings) as url:
                for at_once in (1, AT_ONCE):
                    meter = Meter()
                    delays = await _window(url, at_once, sizes.window_turns)
                    load = meter.read()
                    for delay in delays:
                        findings.add(name, MEASURE, at_once, delay, "ms", load)
        except Missing as missing:
            findings.missing[f"{NAME}, {row}"] = str(missing)
            continue
        if figure := findings.find(name, MEASURE, 1):
            findings.goals.append(Goal(f"{MEASURE} in ms, {row}", figure.median, MOST_MILLISECONDS, True))


@asynccontextmanager
async def running_up(world: World, findings: Findings) -> AsyncIterator[str]:
    """`threadwell up` on free ports."""
    port = free_port()
    data = world.new_folder("up") / "restate"
    ports = ("CHAT_SERVICE_PORT", "RESTATE_INGRESS_PORT", "RESTATE_ADMIN_PORT", "RESTATE_NODE_PORT")
    settings = {
        **world.settings(**STAMPED),
        **{name: str(free_port()) for name in ports},
        "WEB_PORT": str(port),
        "RESTATE_DATA_DIR": str(data),
        "RESTATE_SERVER_BINARY": str(world.engine_binary),
    }
    command = [sys.executable, "-m", "bots", "up"]
    with (data.parent / "up.log").open("ab") as sink:
        async with child(command, env={**clean_environment(), **settings}, stdout=sink, stderr=sink) as process:
            url = f"http://127.0.0.1:{port}"
            await answers(f"{url}/health", process)
            yield url
            findings.add("threadwell up", "memory with everything in it", None, memory(process.pid) / 1e6, "MB")


@asynccontextmanager
async def _apart(world: World, findings: Findings) -> AsyncIterator[str]:
    """The processes of production: engine, chat service, page, Redis."""
    program = shutil.which("redis-server")
    if program is None:
        raise Missing("Redis is not installed: apt-get install redis-server")
    async with AsyncExitStack() as stack:
        bus_port, port = free_port(), free_port()
        options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(world.folder)]
        with (world.folder / "redis.log").open("ab") as sink:
            redis = child([program, "--port", str(bus_port), *options], stdout=sink, stderr=sink)
            redis_process = await stack.enter_async_context(redis)
        bus = {"LIVE_BUS_URL": f"redis://127.0.0.1:{bus_port}"}
        backend = await stack.enter_async_context(running_chat_service(world, "apart", **STAMPED, **bus))
        named = {
            **world.settings(**STAMPED),
            **bus,
            "WEB_PORT": str(port),
            "RESTATE_INGRESS_URL": backend.engine.ingress_url,
            "RESTATE_ADMIN_URL": backend.engine.admin_url,
        }
        page = await stack.enter_async_context(
            running(world.folder, "page", [sys.executable, "-m", "bots", "bot", "web"], named)
        )
        yield f"http://127.0.0.1:{port}"
        for name, pid in {"page": page.pid, "Redis": redis_process.pid}.items():
            findings.add(name, "memory with everything in it", None, memory(pid) / 1e6, "MB")


async def _window(url: str, at_once: int, turns: int) -> list[float]:
    """Milliseconds of every reply, in a window that has all the conversations open."""
    jar = aiohttp.CookieJar(unsafe=True)  # the address is a number, which a jar would not keep cookies for
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
    async with aiohttp.ClientSession(base_url=url, cookie_jar=jar, timeout=timeout) as session:
        async with session.get("/") as response:
            await response.read()
        async with session.get("/api/events") as stream:
            first = _FirstTexts()
            reading = asyncio.create_task(first.read(stream))
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(at_once):
                        group.create_task(_talk(session, first, max(turns // at_once, 2)))
            finally:
                reading.cancel()
    return first.delays


async def _talk(session: aiohttp.ClientSession, first: _FirstTexts, turns: int) -> None:
    conversation = fresh("window")
    for number in range(turns):
        ended = first.expect(conversation)
        body = {"message": message(number), "id": fresh("m"), "at": utc(time.time()).isoformat()}
        async with session.post(f"/api/conversations/{conversation}/messages", json=body) as response:
            if response.status != 202:
                raise Missing(f"the page answered {response.status}: {await response.text()}")
        await asyncio.wait_for(ended, PATIENCE)


class _FirstTexts:
    """The window's side: when the first text of each turn came."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self._ended: dict[str, asyncio.Future[None]] = {}
        self._seen: set[tuple[str, int]] = set()

    def expect(self, conversation: str) -> asyncio.Future[None]:
        """Done when the next turn of the conversation has ended."""
        self._ended[conversation] = asyncio.get_running_loop().create_future()
        return self._ended[conversation]

    async def read(self, stream: aiohttp.ClientResponse) -> None:
        """Take in events for ever."""
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
