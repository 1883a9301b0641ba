"""Conversations that talk: so many at once, so many turns each, every turn timed."""

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

Turn = Callable[[str, str], Awaitable[None]]
"""Says something in a conversation and waits for the whole answer: (conversation, text)."""

PERSON = "benchbenchbenchbenchbench2"
"""A web person's public id; nobody's."""
_numbers = count(1)


@dataclass(frozen=True)
class Drive:
    """How it went: the whole time, and every turn's own, in seconds."""

    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Turns per second."""
        return len(self.latencies) / self.seconds


def message(number: int) -> str:
    """200 characters, no two alike."""
    return (f"message {number}: " + "what do you make of this, and what would you do next? " * 4)[:200]


def fresh(name: str) -> str:
    """A conversation nobody has used."""
    return f"{name}-{next(_numbers)}"


async def drive(turn: Turn, conversations: list[str], *, at_once: int, turns: int) -> Drive:
    """Let the conversations talk, `at_once` at any moment; within one, a turn begins when the last has ended."""
    waiting = iter(conversations)
    latencies: list[float] = []

    async def talk() -> None:
        for conversation in waiting:
            for number in range(turns):
                before = time.perf_counter()
                await turn(conversation, message(number))
                latencies.append(time.perf_counter() - before)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(talk())
    return Drive(time.perf_counter() - started, latencies)


@asynccontextmanager
async def http_client() -> AsyncIterator[aiohttp.ClientSession]:
    """One for the whole run: it never waits for a connection of its own."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    timeout = aiohttp.ClientTimeout(total=300)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield session


def posting(session: aiohttp.ClientSession, url: str) -> Turn:
    """Turns by `POST`; `{}` in the URL stands for the conversation.

    Raises:
        UserError: for an answer that is none; a benchmark of errors would be a fast one.
    """

    async def turn(conversation: str, text: str) -> None:
        async with session.post(url.replace("{}", conversation), json={"message": text}) as response:
            said = await response.read()
            if response.status != 200 or b"quick brown fox" not in said:
                raise UserError(f"{url} answered {response.status}: {said[:300].decode(errors='replace')}")

    return turn


def inbox_turn(session: aiohttp.ClientSession, ingress: str) -> Turn:
    """A turn as the adapters send it, with an id and a time, and waited for by its invocation."""

    async def turn(conversation: str, text: str) -> None:
        body = {"message": text, "id": fresh("m"), "at": utc(time.time()).isoformat()}
        async with session.post(f"{ingress}/restate/call/Inbox/{conversation}/accept", json=body) as response:
            accepted = await response.json()
        async with session.get(f"{ingress}/restate/invocation/{accepted['invocation']}/attach") as response:
            reply = await response.json()
        if reply.get("status") != "answered":
            raise UserError(f"{conversation} got no answer: {reply}")

    return turn
