"""One conversation of a thousand turns: the speed of its last turns and its size on disk.

All contenders run at the same time, and all but one are idle. Each conversation is brought near its depth. Then the
contenders alternate with ten turns each, so that other load on the machine affects all alike. Ten turns are one
complete cycle of this project's pages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

from bench.contenders import Contender, Target, select_contenders
from bench.figures import Findings, Goal, UnavailableError
from bench.load import http_client, run_load, unique_name
from bench.measure import LoadMeter, folder_size, process_memory
from bench.processes import BenchRun
from bench.sizes import Sizes

NAME = "depth"
TITLE = "one conversation to 1,000 turns: turns per second at the end, bytes on disk per turn, memory"
ROUND_TURNS = 10
MEASURE = "turns/s in one long conversation"
REFERENCE = "langgraph-postgres"


@dataclass
class LongConversation:
    """The long conversation of a contender.

    Attributes:
        turns: turns that it has so far.
        initial_disk: bytes on disk after the first turns.
    """

    contender: Contender
    target: Target
    conversation: str
    turns: int = 0
    initial_disk: int = 0

    async def run_turns(self, count: int) -> float:
        """Run more turns. Return the turns per second."""
        result = await run_load(self.target.turn, [self.conversation], at_once=1, turns=count)
        self.turns += count
        return result.rate

    def disk_usage(self) -> int:
        """Return the size of the contender's data in bytes."""
        return folder_size(self.target.data) if self.target.data else 0


async def measure(bench_run: BenchRun, sizes: Sizes, findings: Findings) -> None:
    """Measure every contender that stores conversations."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(http_client())
        conversations: list[LongConversation] = []
        for contender in select_contenders(bench_run.only):
            if contender.max_depth == 0 or contender.name in findings.missing:
                continue
            try:
                target = await stack.enter_async_context(contender.open(bench_run, session))
            except UnavailableError as missing:
                findings.missing[contender.name] = str(missing)
                continue
            conversations.append(LongConversation(contender, target, unique_name(target.prefix)))
        for depth in _depths(sizes.depth):
            reaching = [c for c in conversations if c.contender.max_depth >= depth]
            await _grow(reaching, depth, bench_run, sizes)
            await _measure_speed(reaching, depth, sizes, findings)
            await asyncio.sleep(sizes.rest_seconds)  # for pending writes to the disk
            _measure_storage(reaching, depth, findings)
    at = min(sizes.depth, 1000)
    ratio = findings.ratio(MEASURE, at, "threadwell", REFERENCE)
    if ratio is not None:
        findings.goals.append(Goal(f"turns/s at turn {at:,}, threadwell to {REFERENCE}", ratio, 15.0, False))


def _depths(depth: int) -> Iterator[int]:
    """Yield the depths of measurement: 1,000 turns, and the final depth if it is larger."""
    if depth > 1000:
        yield 1000
    yield depth


async def _grow(conversations: list[LongConversation], depth: int, bench_run: BenchRun, sizes: Sizes) -> None:
    """Bring each conversation near the depth."""
    for conversation in conversations:
        bench_run.report_progress(f"{NAME}: {conversation.contender.name}, to turn {depth:,}")
        if conversation.turns == 0:
            await conversation.run_turns(ROUND_TURNS)  # leaves the costs of a first conversation out of the figures
            conversation.initial_disk = conversation.disk_usage()
        await conversation.run_turns(depth - sizes.depth_tail - conversation.turns)


async def _measure_speed(conversations: list[LongConversation], depth: int, sizes: Sizes, findings: Findings) -> None:
    """Run the last turns in rounds, each of which begins with another contender."""
    for number in range(sizes.depth_tail // ROUND_TURNS):
        first = number % max(len(conversations), 1)
        for conversation in (*conversations[first:], *conversations[:first]):
            meter = LoadMeter()
            rate = await conversation.run_turns(ROUND_TURNS)
            findings.add(conversation.contender.name, MEASURE, depth, rate, "/s", meter.read())


def _measure_storage(conversations: list[LongConversation], depth: int, findings: Findings) -> None:
    for conversation in conversations:
        name, target = conversation.contender.name, conversation.target
        if target.data:
            growth = (conversation.disk_usage() - conversation.initial_disk) / (depth - ROUND_TURNS)
            findings.add(name, "bytes on disk per turn of a long conversation", depth, growth, "B")
        for process, pid in target.processes.items():
            megabytes = process_memory(pid) / 1e6
            findings.add(name, "memory after a long conversation", depth, megabytes, "MB", note=process)
