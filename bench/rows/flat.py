"""Whether a turn costs the same however long the conversation is.

One conversation is brought to its depth; then rounds of ten turns there alternate with ten turns of young ones, which
take turns in going first, so that whatever else the machine does falls on all alike. Time is the client's. Entries
and bytes are counted twice over: in the engine's own journals, and on the wire between the engine and the handlers.

Ten turns are one whole cycle of the window (see `state.STAY`): every round, from turn 10 on, pays for one summary and
one page. So "turn 10" is the base of the goals; turn 30 stands beside it.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bench.figures import Figure, Findings, Goal, Meter
from bench.load import PERSON, Turn, drive, fresh, http_client, inbox_turn, message, posting
from bench.processes import World, running_chat_service
from bench.sizes import Sizes
from bench.tables import Tables, Written
from bench.wire import Wire, counting_wire
from chat_service.engine.process import free_port
from chat_service.errors import UserError

NAME = "flat"
TITLE = "a turn early and late in a conversation: time, journal entries, bytes"
CYCLE = 10
YOUNG = (10, 30)
SLOWER, MORE = 1.25, 1.10
"""The goals: time and amount of a late turn, as a ratio to an early one."""


@dataclass
class Cost:
    """Rounds of ten turns at one depth, each value per turn.

    `own` is the median of the turns' own invocations; the rest is the mean over everything the round set going.
    """

    milliseconds: list[float] = field(default_factory=list)
    entries: list[float] = field(default_factory=list)
    own_entries: list[float] = field(default_factory=list)
    journal_bytes: list[float] = field(default_factory=list)
    own_bytes: list[float] = field(default_factory=list)
    wire_read: list[float] = field(default_factory=list)
    wire_written: list[float] = field(default_factory=list)

    def figures(self, row: str, depth: int, meter: Meter) -> Iterable[Figure]:
        """As the report has them."""
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


async def measure(world: World, sizes: Sizes, findings: Findings) -> None:
    """Both ways in: the bare ingress, and the one of the platforms (Inbox, directories, titles)."""
    port = free_port()
    async with counting_wire("127.0.0.1", port) as (wire, url), http_client() as session:
        # Without the pause in which quick lines become one question: it would be all that is measured.
        named = {"CHAT_SERVICE_PORT": str(port), "CHAT_SERVICE_URL": url, "BURST": "each"}
        async with running_chat_service(world, "flat", **named) as backend:
            ingress, tables = backend.engine.ingress_url, Tables(session, backend.engine.admin_url)
            bare = posting(session, f"{ingress}/restate/call/Chat/{{}}/message")
            await _compare(world, "threadwell", bare, "flat", sizes, tables, wire, findings)
            chats = inbox_turn(session, ingress)
            await _compare(world, "threadwell-inbox", chats, f"web:{PERSON}:flat", sizes, tables, wire, findings)


async def _compare(
    world: World, row: str, turn: Turn, name: str, sizes: Sizes, tables: Tables, wire: Wire, findings: Findings
) -> None:
    meter = Meter()
    world.say(f"{NAME}: {row}, to turn {sizes.flat_depth:,}")
    old = fresh(name)
    await drive(turn, [old], at_once=1, turns=sizes.flat_depth)
    costs = {depth: Cost() for depth in (*YOUNG, sizes.flat_depth)}
    for number in range(sizes.flat_rounds):
        order = list(costs)
        for depth in order[number % len(order) :] + order[: number % len(order)]:
            conversation = old
            if depth != sizes.flat_depth:
                conversation = fresh(name)
                await drive(turn, [conversation], at_once=1, turns=depth)
            await _round(costs[depth], turn, conversation, tables, wire)
    for depth, cost in costs.items():
        findings.figures += cost.figures(row, depth, meter)
    findings.goals += _goals(row, findings, sizes.flat_depth)


async def _round(cost: Cost, turn: Turn, conversation: str, tables: Tables, wire: Wire) -> None:
    async with _counted(cost, tables, wire):
        started = time.perf_counter()
        for number in range(CYCLE):
            await turn(conversation, message(number))
        cost.milliseconds.append((time.perf_counter() - started) / CYCLE * 1000)


@asynccontextmanager
async def _counted(cost: Cost, tables: Tables, wire: Wire) -> AsyncIterator[None]:
    await tables.settled()
    before = await tables.invocations()
    read, written = wire.read, wire.written
    yield
    await tables.settled()
    read, written = wire.read - read, wire.written - written
    journals = await tables.written(await tables.invocations() - before)
    if _incomplete(journals):
        raise UserError("the machine is too busy: journals were purged before they could be counted; try again later")
    own = [one for one in journals if (one.service, one.handler) == ("Chat", "message")]
    cost.wire_read.append(read / CYCLE)
    cost.wire_written.append(written / CYCLE)
    cost.entries.append(sum(one.entries for one in journals) / CYCLE)
    cost.journal_bytes.append(sum(one.bytes for one in journals) / CYCLE)
    cost.own_entries.append(statistics.median(one.entries for one in own))
    cost.own_bytes.append(statistics.median(one.bytes for one in own))


def _incomplete(journals: list[Written]) -> bool:
    """Whether the retention of a brief one has run out meanwhile: every page that was confirmed was once kept."""
    seen = Counter((one.service, one.handler) for one in journals)
    return seen["Chat", "message"] != CYCLE or seen["Transcript", "append"] < seen["Chat", "page_stored"]


def _goals(row: str, findings: Findings, depth: int) -> Iterable[Goal]:
    for young in YOUNG:
        for measure, bound in (
            ("time/turn", SLOWER),
            ("journal entries of the turn itself", MORE),
            ("journal entries/turn", MORE),
            ("journal bytes/turn", MORE),
            ("wire bytes read/turn", MORE),
            ("wire bytes written/turn", MORE),
        ):
            early, late = findings.find(row, measure, young), findings.find(row, measure, depth)
            if early and late:
                yield Goal(f"{row}: {measure}, turn {depth} to turn {young}", late.median / early.median, bound, True)
