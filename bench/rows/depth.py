"""One conversation to a thousand turns: how fast the last ones are, and what it leaves on the disk.

All contenders are up at once, and idle but for one: each is brought near its depth, and then they take turns, ten
turns each, so that whatever else the machine does falls on all alike. Ten turns are one whole cycle of our pages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

from bench.contenders import Contender, Target, chosen
from bench.disk import on_disk
from bench.figures import Findings, Goal, Meter, memory
from bench.load import drive, fresh, http_client
from bench.missing import Missing
from bench.processes import World
from bench.sizes import Sizes

NAME = "depth"
TITLE = "one conversation to 1,000 turns: turns per second at the end, bytes on disk per turn, memory"
CHUNK = 10
MEASURE = "turns/s in one long conversation"
GRAPH = "langgraph-postgres"


@dataclass
class Long:
    """A contender's long conversation, and how far it is."""

    contender: Contender
    target: Target
    conversation: str
    reached: int = 0
    disk: int = 0

    async def talk(self, turns: int) -> float:
        """Go on for so many turns; gives turns per second."""
        done = await drive(self.target.turn, [self.conversation], at_once=1, turns=turns)
        self.reached += turns
        return done.rate


async def measure(world: World, sizes: Sizes, findings: Findings) -> None:
    """Every contender that holds a conversation."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(http_client())
        runners: list[Long] = []
        for contender in chosen(world.only):
            if contender.deepest == 0 or contender.name in findings.missing:
                continue
            try:
                target = await stack.enter_async_context(contender.open(world, session))
            except Missing as missing:
                findings.missing[contender.name] = str(missing)
                continue
            runners.append(Long(contender, target, fresh(target.prefix)))
        for mark in _marks(sizes.depth):
            await _to(mark, world, runners, sizes, findings)
    at = min(sizes.depth, 1000)
    ratio = findings.ratio(MEASURE, at, "threadwell", GRAPH)
    if ratio is not None:
        findings.goals.append(Goal(f"turns/s at turn {at:,}, threadwell to {GRAPH}", ratio, 15.0, False))


def _marks(depth: int) -> Iterator[int]:
    """Where it is measured: at 1,000, and at the end where that is deeper."""
    if depth > 1000:
        yield 1000
    yield depth


async def _to(mark: int, world: World, runners: list[Long], sizes: Sizes, findings: Findings) -> None:
    still = [one for one in runners if one.contender.deepest >= mark]
    for one in still:
        world.say(f"{NAME}: {one.contender.name}, to turn {mark:,}")
        if one.reached == 0:
            await one.talk(CHUNK)  # what a first conversation costs is not the conversation's
            one.disk = _disk(one)
        await one.talk(mark - sizes.depth_tail - one.reached)
    for number in range(sizes.depth_tail // CHUNK):
        first = number % len(still)
        for one in (*still[first:], *still[:first]):
            meter = Meter()
            rate = await one.talk(CHUNK)
            findings.add(one.contender.name, MEASURE, mark, rate, "/s", meter.read())
    await asyncio.sleep(sizes.rest_seconds)  # for what is still on its way to the disk
    for one in still:
        if one.target.data:
            grown = (_disk(one) - one.disk) / (mark - CHUNK)
            findings.add(one.contender.name, "bytes on disk per turn of a long conversation", mark, grown, "B")
        for process, pid in one.target.processes.items():
            held = memory(pid) / 1e6
            findings.add(one.contender.name, "memory after a long conversation", mark, held, "MB", note=process)


def _disk(one: Long) -> int:
    return on_disk(one.target.data) if one.target.data else 0
