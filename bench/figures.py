"""The results of a run: figures with their spread, goals, and rows that could not be measured."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bench.measure import Load


class UnavailableError(Exception):
    """Raised when a row cannot be measured on this machine. The message says why and what to install."""


@dataclass(frozen=True)
class Figure:
    """One measured quantity with one value for each round. No value is left out or rounded before it is printed.

    Attributes:
        row: what was measured, for example a contender.
        measure: the quantity, for example `turns/s`.
        at: the number of concurrent conversations or the depth in turns; None where neither applies.
        values: one value for each round.
        unit: the unit of the values.
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
        """Return the figure as JSON data, including its spread."""
        return {
            **asdict(self),
            "values": list(self.values),
            "median": self.median,
            "low": min(self.values),
            "high": max(self.values),
        }


@dataclass(frozen=True)
class Goal:
    """A value with a bound, which is an upper or a lower one."""

    name: str
    value: float
    bound: float
    is_upper_bound: bool

    @property
    def is_met(self) -> bool:
        if math.isnan(self.value):
            return False
        return self.value <= self.bound if self.is_upper_bound else self.value >= self.bound

    def as_json(self) -> dict[str, Any]:
        """Return the goal as JSON data."""
        return {
            "name": self.name,
            "value": self.value,
            "bound": self.bound,
            "at_most": self.is_upper_bound,
            "met": self.is_met,
        }


@dataclass
class Findings:
    """The results of a run so far.

    Attributes:
        missing: rows that could not be measured, each with the reason and what to do.
        broken: those of them that started and failed.
    """

    figures: list[Figure] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def add(
        self, row: str, measure: str, at: int | None, value: float, unit: str, load: Load | None = None, note: str = ""
    ) -> None:
        """Add the value of one more round to a figure. The figure keeps the highest load of its rounds."""
        for index, figure in enumerate(self.figures):
            if (figure.row, figure.measure, figure.at, figure.note) == (row, measure, at, note):
                loads = filter(None, (figure.load, load))
                busiest = max(loads, key=lambda candidate: candidate.others, default=None)
                self.figures[index] = replace(figure, values=[*figure.values, value], load=busiest)
                return
        self.figures.append(Figure(row, measure, at, [value], unit, load, note))

    def ratio(self, measure: str, at: int | None, row: str, other: str) -> float | None:
        """Return the ratio of two rows' medians, or None if one of them was not measured."""
        figure, reference = self.find(row, measure, at), self.find(other, measure, at)
        return figure.median / reference.median if figure and reference and reference.median else None

    def find(self, row: str, measure: str, at: int | None = None) -> Figure | None:
        """Return a figure, or None if it was not measured."""
        return next((f for f in self.figures if (f.row, f.measure, f.at) == (row, measure, at)), None)
