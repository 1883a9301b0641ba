"""Output of the findings of a run: tables on the terminal, or JSON."""

from __future__ import annotations

import json
import math
import os
import platform
import sys
from itertools import groupby
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Findings, Goal
from chat_service.engine.binary import VERSION
from chat_service.version import code_version


def machine() -> dict[str, Any]:
    """Describe the machine and the versions."""
    return {
        "cores": psutil.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "processor": _processor(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "restate": VERSION,
        "threadwell": code_version(),
        "load_average": os.getloadavg(),
    }


def as_json(findings: Findings, about: dict[str, Any]) -> str:
    """Return the whole run as a JSON document."""
    return json.dumps(
        {
            **about,
            "figures": [figure.as_json() for figure in findings.figures],
            "goals": [goal.as_json() for goal in findings.goals],
            "missing": findings.missing,
        },
        indent=1,
    )


def print_tables(findings: Findings, about: dict[str, Any], console: Console) -> None:
    """Print a table of figures, a table of goals and the rows that could not be measured."""
    machine = about["machine"]
    load = " ".join(f"{average:.2f}" for average in machine["load_average"])
    console.print(
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}, "
        f"Restate {machine['restate']}; load at the start {load}",
        soft_wrap=True,
    )
    table = Table(title="load: average over one minute; others: cores that other programs kept busy")
    for heading in ("", "at", "median", "lowest", "highest", "unit", "samples", "load", "others"):
        table.add_column(heading, justify="left" if heading in ("", "unit") else "right", no_wrap=True)
    for measure, group in groupby(sorted(findings.figures, key=lambda f: f.measure), key=lambda f: f.measure):
        table.add_section()
        table.add_row(f"[bold]{measure}[/bold]")
        for figure in group:
            table.add_row(*_figure_cells(figure))
    console.print(table)
    if findings.goals:
        goals = Table(title="Goals, as ratios within this run")
        for heading in ("goal", "value", "bound", ""):
            goals.add_column(heading, no_wrap=True)
        for goal in findings.goals:
            goals.add_row(*_goal_cells(goal))
        console.print(goals)
    for row, reason in findings.missing.items():
        console.print(f"[yellow]missing[/yellow]  {row}: {reason}", soft_wrap=True)


def _figure_cells(figure: Figure) -> tuple[str, ...]:
    load = figure.load
    return (
        f"  {figure.row}" + (f" ({figure.note})" if figure.note else ""),
        "" if figure.at is None else f"{figure.at:,}",
        number(figure.median),
        number(min(figure.values)),
        number(max(figure.values)),
        figure.unit,
        str(len(figure.values)),
        f"{load.average:.2f}" if load else "",
        f"{load.others:.2f}" if load else "",
    )


def _goal_cells(goal: Goal) -> tuple[str, ...]:
    sign = "≤" if goal.is_upper_bound else "≥"
    result = "[green]met[/green]" if goal.is_met else "[red]missed[/red]"
    return goal.name, number(goal.value), f"{sign} {number(goal.bound)}", result


def number(value: float) -> str:
    """Format a number with three significant digits."""
    if math.isnan(value):
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _processor() -> str:
    if sys.platform == "linux":
        with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:  # noqa: PTH123
            for line in cpuinfo:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
