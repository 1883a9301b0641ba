"""Turns per second with different numbers of concurrent conversations.

Each round runs one contender after the other, alone with the model, and begins with another one. The work is the same
for all: messages of 200 characters, the same number of conversations and turns.
"""

from __future__ import annotations

import statistics

from bench.contenders import Contender, Target, select_contenders
from bench.figures import Findings, Goal, UnavailableError
from bench.load import http_client, run_load, unique_name
from bench.measure import LoadMeter, process_memory
from bench.processes import BenchRun
from bench.sizes import Sizes

NAME = "throughput"
TITLE = "turns per second with 1, 8, 32 and 128 conversations at once, and memory"
WARM_TURNS = 2
SMALLEST, REFERENCE = "least", "langgraph-postgres"
GOAL_AT_ONCE = 32


async def measure(bench_run: BenchRun, sizes: Sizes, findings: Findings) -> None:
    """Measure all rounds of all contenders."""
    contenders = select_contenders(bench_run.only)
    for number in range(sizes.rounds):
        first = number % max(len(contenders), 1)
        for contender in (*contenders[first:], *contenders[:first]):
            if contender.name in findings.missing:
                continue
            try:
                await _measure_contender(bench_run, contender, sizes, findings)
            except UnavailableError as missing:
                findings.missing[contender.name] = str(missing)
    findings.goals += [
        Goal(f"turns/s at {GOAL_AT_ONCE} conversations, threadwell to {other}", ratio, bound, False)
        for other, bound in ((SMALLEST, 0.8), (REFERENCE, 5.0))
        if (ratio := findings.ratio("turns/s", GOAL_AT_ONCE, "threadwell", other)) is not None
    ]


async def _measure_contender(bench_run: BenchRun, contender: Contender, sizes: Sizes, findings: Findings) -> None:
    bench_run.report_progress(f"{NAME}: {contender.name}")
    async with http_client() as session, contender.open(bench_run, session) as target:
        warm = [unique_name(target.prefix) for _ in range(8)]
        await run_load(target.turn, warm, at_once=8, turns=WARM_TURNS)
        for at_once in sizes.at_once:
            await _measure_concurrency(contender.name, target, at_once, sizes, findings)
        for name, pid in target.processes.items():
            megabytes = process_memory(pid) / 1e6
            findings.add(contender.name, "memory after the throughput rounds", None, megabytes, "MB", note=name)


async def _measure_concurrency(name: str, target: Target, at_once: int, sizes: Sizes, findings: Findings) -> None:
    conversations = [unique_name(target.prefix) for _ in range(max(at_once, sizes.alone))]
    meter = LoadMeter()
    result = await run_load(target.turn, conversations, at_once=at_once, turns=sizes.turns_of(at_once))
    load = meter.read()
    quantiles = statistics.quantiles(result.latencies, n=20)
    findings.add(name, "turns/s", at_once, result.rate, "/s", load)
    findings.add(name, "turn, median", at_once, statistics.median(result.latencies) * 1000, "ms", load)
    findings.add(name, "turn, 95th percentile", at_once, quantiles[-1] * 1000, "ms", load)
