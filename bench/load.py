"""Load generation: concurrent conversations with a number of turns each, and the duration of every turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count

import aiohttp

from chat_service.contracts import utc
from chat_service.errors import UserError
from chat_service.handlers import QUEUE_ADD

Turn = Callable[[str, str], Awaitable[None]]
"""Sends a message to a conversation and waits for the complete reply: (conversation, text)."""

PERSON = "benchbenchbenchbenchbench2"
"""A web person's public id that no real person has."""
_counter = count(1)


@dataclass(frozen=True)
class LoadResult:
    """The total duration and the duration of each turn, in seconds."""

    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        """The throughput in turns per second."""
        return len(self.latencies) / self.seconds


def message(number: int) -> str:
    """Return a message of 200 characters, different for each number."""
    return (f"message {number}: " + "what do you make of this, and what would you do next? " * 4)[:200]


def unique_name(name: str) -> str:
    """Return a name that was not used before in this run."""
    return f"{name}-{next(_counter)}"


async def run_load(turn: Turn, conversations: list[str], *, at_once: int, turns: int) -> LoadResult:
    """Run `turns` turns in each conversation, one after the other, in `at_once` conversations concurrently."""
    remaining = iter(conversations)
    latencies: list[float] = []

    async def run_conversations() -> None:
        for conversation in remaining:
            for number in range(turns):
                started = time.perf_counter()
                await turn(conversation, message(number))
                latencies.append(time.perf_counter() - started)

    load_started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(run_conversations())
    return LoadResult(time.perf_counter() - load_started, latencies)


@asynccontextmanager
async def http_client() -> AsyncIterator[aiohttp.ClientSession]:
    """Open an HTTP client without a limit of connections, so that it never waits for one."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    timeout = aiohttp.ClientTimeout(total=300)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield session


def http_turn(session: aiohttp.ClientSession, url: str) -> Turn:
    """Return a turn that posts to a URL, in which `{}` stands for the conversation.

    The turn raises a UserError for an unexpected answer, because errors are faster than answers.
    """

    async def turn(conversation: str, text: str) -> None:
        async with session.post(url.replace("{}", conversation), json={"message": text}) as response:
            answer = await response.read()
            if response.status != 200 or b"quick brown fox" not in answer:
                raise UserError(f"{url} answered {response.status}: {answer[:300].decode(errors='replace')}")

    return turn


def queue_turn(session: aiohttp.ClientSession, ingress: str) -> Turn:
    """Return a turn that adds a message to the queue, as the bots do, and attaches to its invocation."""

    async def turn(conversation: str, text: str) -> None:
        body = {"message": text, "id": unique_name("m"), "at": utc(time.time()).isoformat()}
        url = f"{ingress}/restate/call/{QUEUE_ADD.service}/{conversation}/{QUEUE_ADD.name}"
        async with session.post(url, json=body) as response:
            accepted = await response.json()
        async with session.get(f"{ingress}/restate/invocation/{accepted['invocation']}/attach") as response:
            reply = await response.json()
        if reply.get("status") != "answered":
            raise UserError(f"{conversation} got no answer: {reply}")

    return turn
