"""The cost of idle conversations: they must occupy disk only, without memory, timers or CPU time.

Not all memory that the chat service has gained after a hundred thousand turns belongs to the conversations: its HTTP/2
layer remembers the last 65,536 streams of each connection (h2's `MAX_CLOSED_STREAMS`), which takes up to 8 MB.
"""

from __future__ import annotations

import asyncio
import statistics

import psutil

from bench.figures import Findings, Goal
from bench.introspection import Introspection
from bench.load import http_client, http_turn, run_load, unique_name
from bench.measure import LoadMeter, folder_size, process_memory
from bench.processes import Backend, BenchRun, running_chat_service
from bench.sizes import Sizes

NAME = "idle"
TITLE = "5,000 idle conversations (100,000 with --deep): memory, timers, work, disk"
ROW = "threadwell"
AT_ONCE = 64
TIMED_TURNS = 20
MAX_MEMORY_RATIO, MAX_TIME_RATIO = 1.10, 1.25


async def measure(bench_run: BenchRun, sizes: Sizes, findings: Findings) -> None:
    """Measure without and with idle conversations. Turns alternate with those of a Restate server without any."""
    bench_run.report_progress(f"{NAME}: {sizes.idle:,} conversations")
    async with running_chat_service(bench_run, "idle") as backend, http_client() as session:
        introspection = Introspection(session, backend.engine.admin_url)
        turn = http_turn(session, f"{backend.engine.ingress_url}/restate/call/Chat/{{}}/message")
        await run_load(turn, [unique_name("warm") for _ in range(sizes.warm)], at_once=AT_ONCE, turns=1)
        for count in (0, sizes.idle):
            disk = folder_size(backend.data)
            await run_load(turn, [unique_name("idle") for _ in range(count)], at_once=AT_ONCE, turns=1)
            await introspection.wait_until_idle()
            await _measure_rest(backend, count, sizes.rest_seconds, findings)
            if count:
                growth = (folder_size(backend.data) - disk) / count
                findings.add(ROW, "bytes on disk per idle conversation", count, growth, "B")
            waiting = await introspection.query("select count(*) as n from sys_invocation where status != 'completed'")
            findings.add(ROW, "invocations and timers that wait", count, waiting[0]["n"], "")
        async with running_chat_service(bench_run, "no-idle") as empty:
            empty_turn = http_turn(session, f"{empty.engine.ingress_url}/restate/call/Chat/{{}}/message")
            warm = [unique_name("warm") for _ in range(min(AT_ONCE, sizes.warm))]
            await run_load(empty_turn, warm, at_once=8, turns=1)
            for _ in range(sizes.idle_rounds):
                for count, timed_turn in ((0, empty_turn), (sizes.idle, turn)):
                    meter = LoadMeter()
                    result = await run_load(timed_turn, [unique_name("timed")], at_once=1, turns=TIMED_TURNS)
                    milliseconds = statistics.median(result.latencies) * 1000
                    findings.add(ROW, "turn beside idle conversations", count, milliseconds, "ms", meter.read())
    findings.goals += _goals(findings, sizes.idle)


async def _measure_rest(backend: Backend, count: int, seconds: float, findings: Findings) -> None:
    """Measure memory and CPU time of the processes while there is no request."""
    processes = {name: psutil.Process(pid) for name, pid in backend.processes.items()}
    await asyncio.sleep(seconds)
    before = {name: sum(process.cpu_times()[:2]) for name, process in processes.items()}
    await asyncio.sleep(seconds)
    for name, process in processes.items():
        busy = (sum(process.cpu_times()[:2]) - before[name]) / seconds
        kind = "engine" if name == "restate-server" else "chat service"
        findings.add(f"{ROW}, {kind}", "cores busy at rest", count, busy, "")
        findings.add(
            f"{ROW}, {kind}", "memory beside idle conversations", count, process_memory(process.pid) / 1e6, "MB"
        )


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
            MAX_MEMORY_RATIO,
            True,
        ),
        Goal(f"time per turn, {beside}", ratio(ROW, "turn beside idle conversations"), MAX_TIME_RATIO, True),
        Goal(
            f"invocations and timers of {count:,} idle conversations",
            waiting.median if waiting else float("nan"),
            0,
            True,
        ),
    ]
