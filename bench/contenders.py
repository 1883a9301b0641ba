"""The systems that are compared: this project, its peers, and lower bounds.

A new contender is one function in this module and one line in `CONTENDERS`.
"""

from __future__ import annotations

import importlib.util
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bench.figures import UnavailableError
from bench.load import PERSON, Turn, http_turn, queue_turn
from bench.peers.model_call import ChatMessage, complete
from bench.peers.postgres import running_postgres
from bench.processes import BenchRun, running, running_backend, running_chat_service
from chat_service.engine.process import free_port
from chat_service.models.protocol import Endpoint
from chat_service.models.registry import open_models
from chat_service.settings import Settings


@dataclass(frozen=True)
class Target:
    """A running contender.

    Attributes:
        turn: sends a message and waits for the reply.
        processes: pids by name, for their memory. Model and client, which all contenders share, are left out.
        data: the folder with its stored conversations; None when it stores nothing.
        prefix: the prefix of its conversations' keys.
    """

    turn: Turn
    processes: dict[str, int] = field(default_factory=dict)
    data: Path | None = None
    prefix: str = "bench"


OpenContender = Callable[[BenchRun, aiohttp.ClientSession], AbstractAsyncContextManager[Target]]


QUADRATIC_DEPTH = 1000
"""Turns of the long conversation for a contender that stores a copy of the whole history with every turn: more turns
would fill the disk."""


@dataclass(frozen=True)
class Contender:
    """A row of the tables.

    Attributes:
        max_depth: turns that its one long conversation may have; 0 for a contender without conversations.
    """

    name: str
    title: str
    open: OpenContender
    max_depth: int = 1_000_000


def _restate_layout(layout: str, service: str) -> OpenContender:
    @asynccontextmanager
    async def opened(bench_run: BenchRun, session: aiohttp.ClientSession) -> AsyncIterator[Target]:
        command = [sys.executable, "-m", "bench.peers.layouts", layout, "--port", str(free_port())]
        async with running_backend(bench_run, layout, command, {}) as backend:
            turn = http_turn(session, f"{backend.engine.ingress_url}/restate/call/{service}/{{}}/message")
            yield Target(turn, backend.processes, backend.data)

    return opened


@asynccontextmanager
async def _model_alone(bench_run: BenchRun, session: aiohttp.ClientSession) -> AsyncIterator[Target]:
    """The client calls the model itself, without a backend."""
    settings = Settings(_env_file=None)
    conversations: defaultdict[str, list[ChatMessage]] = defaultdict(list)
    async with open_models(settings, Endpoint(f"{bench_run.model_url}/v1", None, "instant")) as models:

        async def turn(conversation: str, text: str) -> None:
            messages = conversations[conversation]
            messages.append(ChatMessage(role="user", content=text))
            messages.append(ChatMessage(role="assistant", content=await complete(models.primary, messages)))

        yield Target(turn)


@asynccontextmanager
async def _threadwell(bench_run: BenchRun, session: aiohttp.ClientSession) -> AsyncIterator[Target]:
    async with running_chat_service(bench_run) as backend:
        turn = http_turn(session, f"{backend.engine.ingress_url}/restate/call/Chat/{{}}/message")
        yield Target(turn, backend.processes, backend.data)


@asynccontextmanager
async def _threadwell_by_queue(bench_run: BenchRun, session: aiohttp.ClientSession) -> AsyncIterator[Target]:
    # BURST=each: the pause in which several messages become one question would dominate the measurement.
    async with running_chat_service(bench_run, BURST="each") as backend:
        turn = queue_turn(session, backend.engine.ingress_url)
        yield Target(turn, backend.processes, backend.data, f"web:{PERSON}:bench")


@asynccontextmanager
async def _langgraph_sqlite(bench_run: BenchRun, session: aiohttp.ClientSession) -> AsyncIterator[Target]:
    _require_langgraph()
    data = bench_run.new_folder("langgraph-sqlite")
    async with _graph(bench_run, session, data, {}, "--sqlite", str(data / "checkpoints.db")) as target:
        yield target


@asynccontextmanager
async def _langgraph_postgres(bench_run: BenchRun, session: aiohttp.ClientSession) -> AsyncIterator[Target]:
    _require_langgraph()
    folder = bench_run.new_folder("langgraph-postgres")
    async with (
        running_postgres(folder) as (address, pid),
        _graph(bench_run, session, folder / "postgres", {"PostgreSQL": pid}, "--postgres", address) as target,
    ):
        yield target


@asynccontextmanager
async def _graph(
    bench_run: BenchRun, session: aiohttp.ClientSession, data: Path, database: dict[str, int], *options: str
) -> AsyncIterator[Target]:
    command = [sys.executable, "-m", "bench.peers.graph", "--port", str(free_port()), *options]
    async with running(bench_run.folder, "langgraph", command, bench_run.settings()) as process:
        yield Target(
            http_turn(session, f"{process.line.split()[-1]}/{{}}"), {"langgraph": process.pid, **database}, data
        )


@asynccontextmanager
async def _plain(bench_run: BenchRun, session: aiohttp.ClientSession) -> AsyncIterator[Target]:
    command = [sys.executable, "-m", "bench.peers.plain", "--port", str(free_port())]
    async with running(bench_run.folder, "plain", command, bench_run.settings()) as process:
        yield Target(http_turn(session, f"{process.line.split()[-1]}/{{}}"), {"plain": process.pid})


def _require_langgraph() -> None:
    for module in ("langgraph", "langgraph.checkpoint.sqlite", "langgraph.checkpoint.postgres", "psycopg_pool"):
        if importlib.util.find_spec(module.split(".")[0]) is None or importlib.util.find_spec(module) is None:
            raise UnavailableError(f"{module} is not installed: pip install --group bench, or make bench")


CONTENDERS: tuple[Contender, ...] = (
    Contender(
        "floor", "lower bound: an empty Restate service, no model, no state", _restate_layout("empty", "Empty"), 0
    ),
    Contender("model", "lower bound: the model call without a backend", _model_alone, 0),
    Contender("least", "the smallest durable turn: one read, one step, one write", _restate_layout("least", "Least")),
    Contender("threadwell", "this project, at the bare ingress", _threadwell),
    Contender("threadwell-queue", "this project, as its bots send: queue, directories, titles", _threadwell_by_queue),
    Contender(
        "one-list",
        "Restate's chat example: the history in one list",
        _restate_layout("example", "Example"),
        QUADRATIC_DEPTH,
    ),
    Contender("langgraph-postgres", "LangGraph with its PostgreSQL checkpointer", _langgraph_postgres, QUADRATIC_DEPTH),
    Contender("langgraph-sqlite", "LangGraph with its SQLite checkpointer", _langgraph_sqlite, QUADRATIC_DEPTH),
    Contender("plain", "upper bound: aiohttp and a dict, no durability", _plain),
)


def select_contenders(only: frozenset[str]) -> tuple[Contender, ...]:
    """Return the named contenders, or all if none is named."""
    return tuple(contender for contender in CONTENDERS if not only or contender.name in only)
