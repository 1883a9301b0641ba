"""A run's findings as a table for people and as JSON for machines."""

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
    """What it ran on."""
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
    """The whole run."""
    return json.dumps(
        {
            **about,
            "figures": [figure.as_json() for figure in findings.figures],
            "goals": [goal.as_json() for goal in findings.goals],
            "missing": findings.missing,
        },
        indent=1,
    )


def show(findings: Findings, about: dict[str, Any], console: Console) -> None:
    """One table of figures, one of goals, and what is missing."""
    this = about["machine"]
    load = " ".join(f"{one:.2f}" for one in this["load_average"])
    console.print(
        f"{this['processor']}, {this['cores']} cores, {this['system']}, Python {this['python']}, "
        f"Restate {this['restate']}; load at the start {load}",
        soft_wrap=True,
    )
    table = Table(title="load: the average of a minute; others: cores that were busy with anything but this run")
    for heading in ("", "at", "median", "lowest", "highest", "unit", "samples", "load", "others"):
        table.add_column(heading, justify="left" if heading in ("", "unit") else "right", no_wrap=True)
    for measure, group in groupby(sorted(findings.figures, key=lambda f: f.measure), key=lambda f: f.measure):
        table.add_section()
        table.add_row(f"[bold]{measure}[/bold]")
        for figure in group:
            table.add_row(*_cells(figure))
    console.print(table)
    if findings.goals:
        goals = Table(title="Goals, as ratios within this run")
        for heading in ("goal", "value", "bound", ""):
            goals.add_column(heading, no_wrap=True)
        for goal in findings.goals:
            goals.add_row(*_verdict(goal))
        console.print(goals)
    for row, reason in findings.missing.items():
        console.print(f"[yellow]missing[/yellow]  {row}: {reason}", soft_wrap=True)


def _cells(figure: Figure) -> tuple[str, ...]:
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


def _verdict(goal: Goal) -> tuple[str, ...]:
    sign = "≤" if goal.most else "≥"
    word = "[green]met[/green]" if goal.met else "[red]missed[/red]"
    return goal.name, number(goal.value), f"{sign} {number(goal.bound)}", word


def number(value: float) -> str:
    """Three digits that count."""
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
