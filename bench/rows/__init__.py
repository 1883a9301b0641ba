"""The rows of the benchmark, in the order of measurement.

A row is a module with `NAME`, `TITLE` and `measure(bench_run, sizes, findings)`, listed in `ROWS`.
"""

from __future__ import annotations

from typing import Protocol

from bench.figures import Findings
from bench.processes import BenchRun
from bench.rows import browser, cache, depth, flat, idle, slack, throughput, window
from bench.sizes import Sizes


class Row(Protocol):
    """A module that measures something."""

    NAME: str
    TITLE: str

    async def measure(self, bench_run: BenchRun, sizes: Sizes, findings: Findings) -> None:
        """Measure, and add figures, goals or missing rows to the findings."""
        ...


ROWS: tuple[Row, ...] = (throughput, depth, flat, window, browser, slack, cache, idle)
CONTENDER_ROWS: tuple[Row, ...] = (throughput, depth)
"""Rows that measure every contender, see `bench.contenders`."""
