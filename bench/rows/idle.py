"""Whether conversations that lie idle cost disk and nothing else: no memory in our processes, no timer, no work.

What the chat service holds more after a hundred thousand turns is not all the conversations': its HTTP/2 layer
remembers the last 65,536 streams of each connection (h2's `MAX_CLOSED_STREAMS`), 8 MB that a young process has yet to
fill.
"""

from __future__ import annotations

import asyncio
import statistics

import psutil

from bench.disk import on_disk
from bench.figures import Findings, Goal, Meter, memory
from bench.load import drive, fresh, http_client, posting
from bench.processes import Backend, World, running_chat_service
from bench.sizes import Sizes
from bench.tables import Tables

NAME = "idle"
TITLE = "5,000 conversations that lie idle (100,000 with --deep): memory, timers, work, disk"
ROW = "threadwell"
AT_ONCE = 64
TIMED_TURNS, TIMED_ROUNDS = 20, 7
MORE_MEMORY, SLOWER = 1.10, 1.25


async def measure(world: World, sizes: Sizes, findings: Findings) -> None:
    """The same looks before and after; turns are timed in rounds, side by side with an engine that has none idle."""
    world.say(f"{NAME}: {sizes.idle:,} conversations")
    async with running_chat_service(world, "idle") as backend, http_client() as session:
        tables = Tables(session, backend.engine.admin_url)
        turn = posting(session, f"{backend.engine.ingress_url}/restate/call/Chat/{{}}/message")
        await drive(turn, [fresh("warm") for _ in range(sizes.warm)], at_once=AT_ONCE, turns=1)
        for count in (0, sizes.idle):
            disk = on_disk(backend.data)
            await drive(turn, [fresh("idle") for _ in range(count)], at_once=AT_ONCE, turns=1)
            await tables.settled()
            await _rest(backend, count, sizes.rest_seconds, findings)
            if count:
                grown = (on_disk(backend.data) - disk) / count
                findings.add(ROW, "bytes on disk per idle conversation", count, grown, "B")
            waiting = await tables.query("select count(*) as n from sys_invocation where status != 'completed'")
            findings.add(ROW, "invocations and timers that wait", count, waiting[0]["n"], "")
        async with running_chat_service(world, "no-idle") as young:
            other = posting(session, f"{young.engine.ingress_url}/restate/call/Chat/{{}}/message")
            await drive(other, [fresh("warm") for _ in range(AT_ONCE)], at_once=8, turns=1)
            for _ in range(TIMED_ROUNDS):
                for count, talk in ((0, other), (sizes.idle, turn)):
                    meter = Meter()
                    done = await drive(talk, [fresh("awake")], at_once=1, turns=TIMED_TURNS)
                    milliseconds = statistics.median(done.latencies) * 1000
                    findings.add(ROW, "turn beside idle conversations", count, milliseconds, "ms", meter.read())
    findings.goals += _goals(findings, sizes.idle)


async def _rest(backend: Backend, count: int, seconds: float, findings: Findings) -> None:
    """Memory, and what the processes do when nobody wants anything."""
    processes = {name: psutil.Process(pid) for name, pid in backend.processes.items()}
    await asyncio.sleep(seconds)
    before = {name: sum(process.cpu_times()[:2]) for name, process in processes.items()}
    await asyncio.sleep(seconds)
    for name, process in processes.items():
        busy = (sum(process.cpu_times()[:2]) - before[name]) / seconds
        kind = "engine" if name == "restate-server" else "chat service"
        findings.add(f"{ROW}, {kind}", "cores busy at rest", count, busy, "")
        findings.add(f"{ROW}, {kind}", "memory beside idle conversations", count, memory(process.pid) / 1e6, "MB")


def _goals(findings: Findings, count: int) -> list[Goal]:
    def ratio(row: str, measure: str) -> float:
        after, before = findings.find(row, measure, count), findings.find(row, measure, 0)
        return after.median / before.median if after and before else float("nan")

    waiting = findings.find(ROW, "invocations and timers that wait", count)
    beside = f"beside {count:,} idle conversations to beside none"
    return [
        Goal(
            f"memory of the chat service, {beside}",
            ratio(f"{ROW}, chat service", "memory beside idle conversations"),
            MORE_MEMORY,
            True,
        ),
        Goal(f"time per turn, {beside}", ratio(ROW, "turn beside idle conversations"), SLOWER, True),
        Goal(
            f"invocations and timers of {count:,} idle conversations",
            waiting.median if waiting else float("nan"),
            0,
            True,
        ),
    ]
