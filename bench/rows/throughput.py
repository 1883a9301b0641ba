"""Turns per second, at so many conversations at once.

Each round opens every contender by itself, alone on the machine but for the model, and begins with another one. The
work is the same for all: 200 characters a message, as many conversations and as many turns each.
"""

from __future__ import annotations

import statistics

from bench.contenders import Contender, Target, chosen
from bench.figures import Findings, Goal, Meter, memory
from bench.load import drive, fresh, http_client
from bench.missing import Missing
from bench.processes import World
from bench.sizes import Sizes

NAME = "throughput"
TITLE = "turns per second with 1, 8, 32 and 128 conversations at once, and memory"
WARM_TURNS = 2
LEAST, GRAPH = "least", "langgraph-postgres"
GOAL_AT_ONCE = 32


async def measure(world: World, sizes: Sizes, findings: Findings) -> None:
    """All rounds of all contenders."""
    contenders = chosen(world.only)
    for number in range(sizes.rounds):
        first = number % max(len(contenders), 1)
        for contender in (*contenders[first:], *contenders[:first]):
            if contender.name in findings.missing:
                continue
            try:
                await _round(world, contender, sizes, findings)
            except Missing as missing:
                findings.missing[contender.name] = str(missing)
    findings.goals += [
        Goal(f"turns/s at {GOAL_AT_ONCE} conversations, threadwell to {other}", ratio, bound, False)
        for other, bound in ((LEAST, 0.8), (GRAPH, 5.0))
        if (ratio := findings.ratio("turns/s", GOAL_AT_ONCE, "threadwell", other)) is not None
    ]


async def _round(world: World, contender: Contender, sizes: Sizes, findings: Findings) -> None:
    world.say(f"{NAME}: {contender.name}")
    async with http_client() as session, contender.open(world, session) as target:
        warm = [fresh(target.prefix) for _ in range(8)]
        await drive(target.turn, warm, at_once=8, turns=WARM_TURNS)
        for at_once in sizes.at_once:
            await _cell(contender.name, target, at_once, sizes, findings)
        for name, pid in target.processes.items():
            held = memory(pid) / 1e6
            findings.add(contender.name, "memory after the throughput rounds", None, held, "MB", note=name)


async def _cell(name: str, target: Target, at_once: int, sizes: Sizes, findings: Findings) -> None:
    conversations = [fresh(target.prefix) for _ in range(max(at_once, sizes.alone))]
    meter = Meter()
    done = await drive(target.turn, conversations, at_once=at_once, turns=sizes.turns_of(at_once))
    load = meter.read()
    cuts = statistics.quantiles(done.latencies, n=20)
    findings.add(name, "turns/s", at_once, done.rate, "/s", load)
    findings.add(name, "turn, median", at_once, statistics.median(done.latencies) * 1000, "ms", load)
    findings.add(name, "turn, 95th percentile", at_once, cuts[-1] * 1000, "ms", load)
