"""The cost of a turn in short and long conversations: it must not grow with the length.

One conversation is brought to its depth. Then rounds of ten turns there alternate with ten turns of short
conversations, in changing order, so that other load on the machine affects all alike. The time is the client's. Journal
entries and bytes come from Restate's tables, transferred bytes from a proxy between Restate and the handlers.

Ten turns are one complete cycle of the window, so every round from turn 10 on includes one summary and one page.
Therefore the goals compare with turn 10; turn 30 is measured too.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bench.figures import Figure, Findings, Goal
from bench.introspection import Introspection, JournalSize
from bench.load import PERSON, Turn, http_client, http_turn, message, queue_turn, run_load, unique_name
from bench.measure import LoadMeter
from bench.processes import BenchRun, running_chat_service
from bench.proxy import CountingProxy, counting_proxy
from bench.sizes import Sizes
from chat_service.engine.process import free_port
from chat_service.errors import UserError
from chat_service.handlers import CHAT_CONFIRM_PAGE, CHAT_MESSAGE, TRANSCRIPT_APPEND

NAME = "flat"
TITLE = "a turn early and late in a conversation: time, journal entries, bytes"
ROUND_TURNS = 10
MAX_TIME_RATIO, MAX_AMOUNT_RATIO = 1.25, 1.10
"""The goals: time, and entries or bytes, of a late turn in relation to an early one."""


_TURN = (CHAT_MESSAGE.service, CHAT_MESSAGE.name)
_APPEND = (TRANSCRIPT_APPEND.service, TRANSCRIPT_APPEND.name)
_CONFIRMATION = (CHAT_CONFIRM_PAGE.service, CHAT_CONFIRM_PAGE.name)


@dataclass
class Cost:
    """The cost per turn in rounds of ten turns at one depth.

    `own_…` is the median of the turns' own invocations; the other values are means over all invocations of the round.
    """

    milliseconds: list[float] = field(default_factory=list)
    entries: list[float] = field(default_factory=list)
    own_entries: list[float] = field(default_factory=list)
    journal_bytes: list[float] = field(default_factory=list)
    own_bytes: list[float] = field(default_factory=list)
    wire_read: list[float] = field(default_factory=list)
    wire_written: list[float] = field(default_factory=list)

    def figures(self, row: str, depth: int, meter: LoadMeter) -> Iterable[Figure]:
        """Return the figures of the report."""
        load = meter.read()
        for measure, values, unit in (
            ("time/turn", self.milliseconds, "ms"),
            ("journal entries/turn", self.entries, ""),
            ("journal entries of the turn itself", self.own_entries, ""),
            ("journal bytes/turn", self.journal_bytes, "B"),
            ("journal bytes of the turn itself", self.own_bytes, "B"),
            ("wire bytes read/turn", self.wire_read, "B"),
            ("wire bytes written/turn", self.wire_written, "B"),
        ):
            yield Figure(row, measure, depth, values, unit, load)


async def measure(bench_run: BenchRun, sizes: Sizes, findings: Findings) -> None:
    """Measure calls at the bare ingress and through the queue, as the bots send (queue, directories, titles)."""
    port = free_port()
    async with counting_proxy("127.0.0.1", port) as (proxy, url), http_client() as session:
        # BURST=each: the pause in which several messages become one question would dominate the measurement.
        env = {"CHAT_SERVICE_PORT": str(port), "CHAT_SERVICE_URL": url, "BURST": "each"}
        async with running_chat_service(bench_run, "flat", **env) as backend:
            ingress, introspection = backend.engine.ingress_url, Introspection(session, backend.engine.admin_url)
            bare = http_turn(session, f"{ingress}/restate/call/Chat/{{}}/message")
            await _compare(bench_run, "threadwell", bare, "flat", sizes, introspection, proxy, findings)
            chats = queue_turn(session, ingress)
            await _compare(
                bench_run, "threadwell-queue", chats, f"web:{PERSON}:flat", sizes, introspection, proxy, findings
            )


async def _compare(
    bench_run: BenchRun,
    row: str,
    turn: Turn,
    name: str,
    sizes: Sizes,
    introspection: Introspection,
    proxy: CountingProxy,
    findings: Findings,
) -> None:
    meter = LoadMeter()
    bench_run.report_progress(f"{NAME}: {row}, to turn {sizes.flat_depth:,}")
    long_conversation = unique_name(name)
    await run_load(turn, [long_conversation], at_once=1, turns=sizes.flat_depth)
    costs = {depth: Cost() for depth in (*sizes.flat_short, sizes.flat_depth)}
    for number in range(sizes.flat_rounds):
        order = list(costs)
        for depth in order[number % len(order) :] + order[: number % len(order)]:
            conversation = long_conversation
            if depth != sizes.flat_depth:
                conversation = unique_name(name)
                await run_load(turn, [conversation], at_once=1, turns=depth)
            await _run_round(costs[depth], turn, conversation, introspection, proxy)
    for depth, cost in costs.items():
        findings.figures += cost.figures(row, depth, meter)
    findings.goals += _goals(row, findings, sizes)


async def _run_round(
    cost: Cost, turn: Turn, conversation: str, introspection: Introspection, proxy: CountingProxy
) -> None:
    async with _counting(cost, introspection, proxy):
        started = time.perf_counter()
        for number in range(ROUND_TURNS):
            await turn(conversation, message(number))
        cost.milliseconds.append((time.perf_counter() - started) / ROUND_TURNS * 1000)


@asynccontextmanager
async def _counting(cost: Cost, introspection: Introspection, proxy: CountingProxy) -> AsyncIterator[None]:
    await introspection.wait_until_idle()
    before = await introspection.invocations()
    read, written = proxy.read, proxy.written
    yield
    await introspection.wait_until_idle()
    read, written = proxy.read - read, proxy.written - written
    journals = await introspection.journal_sizes(await introspection.invocations() - before)
    if _is_incomplete(journals):
        raise UserError("the machine is too busy: journals expired before they could be counted; try again later")
    own = [journal for journal in journals if (journal.service, journal.handler) == _TURN]
    cost.wire_read.append(read / ROUND_TURNS)
    cost.wire_written.append(written / ROUND_TURNS)
    cost.entries.append(sum(journal.entries for journal in journals) / ROUND_TURNS)
    cost.journal_bytes.append(sum(journal.bytes for journal in journals) / ROUND_TURNS)
    cost.own_entries.append(statistics.median(journal.entries for journal in own))
    cost.own_bytes.append(statistics.median(journal.bytes for journal in own))


def _is_incomplete(journals: list[JournalSize]) -> bool:
    """Return whether a journal has expired: each confirmation of a page belongs to an append to the transcript."""
    counts = Counter((journal.service, journal.handler) for journal in journals)
    return counts[_TURN] != ROUND_TURNS or counts[_APPEND] < counts[_CONFIRMATION]


def _goals(row: str, findings: Findings, sizes: Sizes) -> Iterable[Goal]:
    depth = sizes.flat_depth
    for short in sizes.flat_short:
        for measure, bound in (
            ("time/turn", MAX_TIME_RATIO),
            ("journal entries of the turn itself", MAX_AMOUNT_RATIO),
            ("journal entries/turn", MAX_AMOUNT_RATIO),
            ("journal bytes/turn", MAX_AMOUNT_RATIO),
            ("wire bytes read/turn", MAX_AMOUNT_RATIO),
            ("wire bytes written/turn", MAX_AMOUNT_RATIO),
        ):
            early, late = findings.find(row, measure, short), findings.find(row, measure, depth)
            if early and late:
                yield Goal(f"{row}: {measure}, turn {depth} to turn {short}", late.median / early.median, bound, True)
