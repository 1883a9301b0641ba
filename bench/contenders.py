"""Who takes part in the table: the floor, this project, and its peers, each opened for a while and closed again.

A row more is one function here and one line in `CONTENDERS`.
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

from bench.load import PERSON, Turn, inbox_turn, posting
from bench.missing import Missing
from bench.peers.postgres import running_postgres
from bench.peers.window import Said, ask
from bench.processes import World, running, running_backend, running_chat_service
from chat_service.engine.process import free_port
from chat_service.models.protocol import Endpoint
from chat_service.models.registry import open_models
from chat_service.settings import Settings


@dataclass(frozen=True)
class Target:
    """Something that answers.

    Attributes:
        turn: how to talk to it.
        processes: pids by name, for their memory; the model and the client are the same for all and left out.
        data: where it keeps what was said; None when it keeps nothing.
        prefix: what the names of its conversations begin with.
    """

    turn: Turn
    processes: dict[str, int] = field(default_factory=dict)
    data: Path | None = None
    prefix: str = "bench"


Open = Callable[[World, aiohttp.ClientSession], AbstractAsyncContextManager[Target]]


GROWING = 1000


@dataclass(frozen=True)
class Contender:
    """A row of the table.

    `deepest` is how many turns its one long conversation may have: none for what holds no conversation, a bound for
    what grows so with every turn that more would fill the disk (a copy of everything that was said, each time).
    """

    name: str
    title: str
    open: Open
    deepest: int = 1_000_000


def _restate(layout: str, service: str) -> Open:
    @asynccontextmanager
    async def opened(world: World, session: aiohttp.ClientSession) -> AsyncIterator[Target]:
        command = [sys.executable, "-m", "bench.peers.layouts", layout, "--port", str(free_port())]
        async with running_backend(world, layout, command, {}) as backend:
            turn = posting(session, f"{backend.engine.ingress_url}/restate/call/{service}/{{}}/message")
            yield Target(turn, backend.processes, backend.data)

    return opened


@asynccontextmanager
async def _model_alone(world: World, session: aiohttp.ClientSession) -> AsyncIterator[Target]:
    """Called from the client itself: no backend at all."""
    settings = Settings(_env_file=None)
    said: defaultdict[str, list[Said]] = defaultdict(list)
    async with open_models(settings, Endpoint(f"{world.model_url}/v1", None, "instant")) as models:

        async def turn(conversation: str, text: str) -> None:
            messages = said[conversation]
            messages.append(Said(role="user", content=text))
            messages.append(Said(role="assistant", content=await ask(models.primary, messages)))

        yield Target(turn)


@asynccontextmanager
async def _threadwell(world: World, session: aiohttp.ClientSession) -> AsyncIterator[Target]:
    async with running_chat_service(world) as backend:
        turn = posting(session, f"{backend.engine.ingress_url}/restate/call/Chat/{{}}/message")
        yield Target(turn, backend.processes, backend.data)


@asynccontextmanager
async def _threadwell_by_inbox(world: World, session: aiohttp.ClientSession) -> AsyncIterator[Target]:
    # Without the pause in which quick lines become one question: it would be all that is measured.
    async with running_chat_service(world, BURST="each") as backend:
        turn = inbox_turn(session, backend.engine.ingress_url)
        yield Target(turn, backend.processes, backend.data, f"web:{PERSON}:bench")


@asynccontextmanager
async def _langgraph_sqlite(world: World, session: aiohttp.ClientSession) -> AsyncIterator[Target]:
    _need_langgraph()
    data = world.new_folder("langgraph-sqlite")
    async with _graph(world, session, data, {}, "--sqlite", str(data / "checkpoints.db")) as target:
        yield target


@asynccontextmanager
async def _langgraph_postgres(world: World, session: aiohttp.ClientSession) -> AsyncIterator[Target]:
    _need_langgraph()
    folder = world.new_folder("langgraph-postgres")
    async with (
        running_postgres(folder) as (address, pid),
        _graph(world, session, folder / "postgres", {"PostgreSQL": pid}, "--postgres", address) as target,
    ):
        yield target


@asynccontextmanager
async def _graph(
    world: World, session: aiohttp.ClientSession, data: Path, beside: dict[str, int], *where: str
) -> AsyncIterator[Target]:
    command = [sys.executable, "-m", "bench.peers.graph", "--port", str(free_port()), *where]
    async with running(world.folder, "langgraph", command, world.settings()) as process:
        yield Target(posting(session, f"{process.line.split()[-1]}/{{}}"), {"langgraph": process.pid, **beside}, data)


@asynccontextmanager
async def _plain(world: World, session: aiohttp.ClientSession) -> AsyncIterator[Target]:
    command = [sys.executable, "-m", "bench.peers.plain", "--port", str(free_port())]
    async with running(world.folder, "plain", command, world.settings()) as process:
        yield Target(posting(session, f"{process.line.split()[-1]}/{{}}"), {"plain": process.pid})


def _need_langgraph() -> None:
    for module in ("langgraph", "langgraph.checkpoint.sqlite", "langgraph.checkpoint.postgres", "psycopg_pool"):
        if importlib.util.find_spec(module.split(".")[0]) is None or importlib.util.find_spec(module) is None:
            raise Missing(f"{module} is not installed: pip install --group bench, or make bench")


CONTENDERS: tuple[Contender, ...] = (
    Contender("floor", "an empty Restate service: no model, no state", _restate("empty", "Empty"), 0),
    Contender("model", "the model call alone, with no backend", _model_alone, 0),
    Contender("least", "the least durable turn: one read, one step, one write", _restate("least", "Least")),
    Contender("threadwell", "this project, at the bare ingress", _threadwell),
    Contender("threadwell-inbox", "this project, as its bots send: Inbox, directories, titles", _threadwell_by_inbox),
    Contender("one-list", "Restate's chat example: the history in one list", _restate("example", "Example"), GROWING),
    Contender("langgraph-postgres", "LangGraph with its PostgreSQL checkpointer", _langgraph_postgres, GROWING),
    Contender("langgraph-sqlite", "LangGraph with its SQLite checkpointer", _langgraph_sqlite, GROWING),
    Contender("plain", "aiohttp and a dict: no durability at all", _plain),
)


def chosen(only: frozenset[str]) -> tuple[Contender, ...]:
    """Those named; all, when none is."""
    return tuple(one for one in CONTENDERS if not only or one.name in only)
