"""What can be measured, in the order in which it is. A row of its own kind is a module with `NAME`, `TITLE` and
`measure(world, sizes, findings)`, entered in `PROBES`."""

from __future__ import annotations

from typing import Protocol

from bench.figures import Findings
from bench.processes import World
from bench.rows import browser, cache, depth, flat, idle, slack, throughput, window
from bench.sizes import Sizes


class Probe(Protocol):
    """A module that measures something and writes down what it found."""

    NAME: str
    TITLE: str

    async def measure(self, world: World, sizes: Sizes, findings: Findings) -> None:
        """Measure, and add to the findings: figures, goals, or what is missing and why."""
        ...


PROBES: tuple[Probe, ...] = (throughput, depth, flat, window, browser, slack, cache, idle)
TABLES: tuple[Probe, ...] = (throughput, depth)
"""Those in which every contender stands, see `bench.contenders`."""
