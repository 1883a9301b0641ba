"""One conversation to a thousand turns: how fast the last ones are, and what it leaves on the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from bench.contenders import Contender, chosen
from bench.disk import on_disk
from bench.figures import Findings, Goal, Meter, memory
from bench.load import drive, fresh, http_client
from bench.missing import Missing
from bench.processes import World
from bench.sizes import Sizes

NAME = "depth"
TITLE = "one conversation to 1,000 turns: turns per second at the end, bytes on disk per turn, memory"
CHUNK = 10
GRAPH = "langgraph-postgres"


async def measure(world: World, sizes: Sizes, findings: Findings) -> None:
    """Every contender that holds a conversation."""
    for contender in chosen(world.only):
        if contender.deepest == 0 or contender.name in findings.missing:
            continue
        try:
            await _conversation(world, contender, sizes, findings)
        except Missing as missing:
            findings.missing[contender.name] = str(missing)
    goal_at = min(sizes.depth, 1000)
    ratio = findings.ratio("turns/s in one long conversation", goal_at, "threadwell", GRAPH)
    if ratio is not None:
        findings.goals.append(Goal(f"turns/s at turn {goal_at:,}, threadwell to {GRAPH}", ratio, 15.0, False))


async def _conversation(world: World, contender: Contender, sizes: Sizes, findings: Findings) -> None:
    world.say(f"{NAME}: {contender.name}")
    name = contender.name
    async with http_client() as session, contender.open(world, session) as target:
        conversation = fresh(target.prefix)
        await drive(target.turn, [conversation], at_once=1, turns=sizes.depth_tail)
        before = on_disk(target.data) if target.data else 0
        reached = sizes.depth_tail
        for goal in _marks(min(sizes.depth, contender.deepest)):
            await drive(target.turn, [conversation], at_once=1, turns=goal - sizes.depth_tail - reached)
            for _ in range(sizes.depth_tail // CHUNK):
                meter = Meter()
                done = await drive(target.turn, [conversation], at_once=1, turns=CHUNK)
                findings.add(name, "turns/s in one long conversation", goal, done.rate, "/s", meter.read())
            reached = goal
        if target.data:
            await asyncio.sleep(sizes.rest_seconds)  # for what is still on its way to the disk
            grown = (on_disk(target.data) - before) / (reached - sizes.depth_tail)
            findings.add(name, "bytes on disk per turn of a long conversation", reached, grown, "B")
        for process, pid in target.processes.items():
            held = memory(pid) / 1e6
            findings.add(name, "memory after a long conversation", reached, held, "MB", note=process)


def _marks(depth: int) -> Iterator[int]:
    """Where it is measured: at 1,000, and at the end where that is deeper."""
    if depth > 1000:
        yield 1000
    yield depth
