"""What a run finds out: figures with their spread and the load beside them, and the goals they are held to."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import psutil


@dataclass(frozen=True)
class Load:
    """What else the machine was doing: the load average of a minute, and the cores that others kept busy meanwhile."""

    average: float
    others: float


@dataclass(frozen=True)
class Figure:
    """One thing measured, once per round. Nothing is left out, and nothing is rounded before it is printed.

    Attributes:
        row: who was measured.
        measure: what, as `turns/s`.
        at: conversations at once, or turns deep; None where neither applies.
        values: one per round.
        unit: of the values.
    """

    row: str
    measure: str
    at: int | None
    values: Sequence[float]
    unit: str
    load: Load | None = None
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def as_json(self) -> dict[str, Any]:
        """With the spread spelled out."""
        return {
            **asdict(self),
            "values": list(self.values),
            "median": self.median,
            "low": min(self.values),
            "high": max(self.values),
        }


@dataclass(frozen=True)
class Goal:
    """A figure that is held to something. `most` says whether `bound` is an upper or a lower one."""

    name: str
    value: float
    bound: float
    most: bool

    @property
    def met(self) -> bool:
        return not math.isnan(self.value) and (self.value <= self.bound if self.most else self.value >= self.bound)

    def as_json(self) -> dict[str, Any]:
        """As the report has it."""
        return {"name": self.name, "value": self.value, "bound": self.bound, "at_most": self.most, "met": self.met}


@dataclass
class Findings:
    """Everything a run has found out so far."""

    figures: list[Figure] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    """Rows that could not be measured, with the reason and what to do."""
    broken: set[str] = field(default_factory=set)
    """Those of them that began and did not come to their end."""

    def add(
        self, row: str, measure: str, at: int | None, value: float, unit: str, load: Load | None = None, note: str = ""
    ) -> None:
        """One more round of a figure; of the loads, the busiest stands beside it."""
        for number, known in enumerate(self.figures):
            if (known.row, known.measure, known.at, known.note) == (row, measure, at, note):
                busiest = max(filter(None, (known.load, load)), key=lambda one: one.others, default=None)
                self.figures[number] = replace(known, values=[*known.values, value], load=busiest)
                return
        self.figures.append(Figure(row, measure, at, [value], unit, load, note))

    def ratio(self, measure: str, at: int | None, row: str, other: str) -> float | None:
        """Median to median, if both were measured."""
        one, two = self.find(row, measure, at), self.find(other, measure, at)
        return one.median / two.median if one and two and two.median else None

    def find(self, row: str, measure: str, at: int | None = None) -> Figure | None:
        """A figure, if it was measured."""
        wanted = (row, measure, at)
        return next((f for f in self.figures if (f.row, f.measure, f.at) == wanted), None)


class Meter:
    """Watches the machine from here to `read`: how busy were those who have no part in this run?"""

    def __init__(self) -> None:
        self._busy, self._ours, self._idle = _busy(), _ours(), _idle()

    def read(self) -> Load:
        """Since the meter was made. Time the kernel spends for nobody in particular counts as others' work."""
        busy, idle = _busy() - self._busy, _idle() - self._idle
        ours = _ours() - self._ours
        whole = max(busy + idle, 1e-9)
        cores = psutil.cpu_count() or 1
        return Load(average=os.getloadavg()[0], others=max(busy - ours, 0.0) / whole * cores)


def _busy() -> float:
    times = psutil.cpu_times()
    return sum(times) - _idle() - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)


def _idle() -> float:
    times = psutil.cpu_times()
    return float(times.idle + getattr(times, "iowait", 0.0))


def _ours() -> float:
    me = psutil.Process()
    total = 0.0
    for process in (me, *me.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def memory(pid: int) -> int:
    """Bytes a process and its children hold; what processes share (PostgreSQL's do) is counted once, where the
    kernel tells.

    Raises:
        psutil.NoSuchProcess: when it is gone.
    """
    root = psutil.Process(pid)
    total = 0
    for process in (root, *root.children(recursive=True)):
        held = process.memory_full_info()
        total += getattr(held, "pss", None) or held.rss
    return total
