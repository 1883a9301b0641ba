"""The tables of `docs/benchmark.md`, generated from the JSON of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bench.contenders import CONTENDERS
from bench.figures import Goal
from bench.report import number

Report = dict[str, Any]
THROUGHPUT, LONG = "turns/s", "turns/s in one long conversation"
DISK = "bytes on disk per turn of a long conversation"
MEMORY = "memory after the throughput rounds"
TURN_TIME = "time/turn"
TURN_COSTS = (
    TURN_TIME,
    "journal entries of the turn itself",
    "journal entries/turn",
    "journal bytes/turn",
    "wire bytes read/turn",
    "wire bytes written/turn",
)


def as_markdown(report: Report) -> str:
    """Return all tables, preceded by the machine and followed by the rows that could not be measured."""
    parts = [_machine(report), _contenders(report), _turn_costs(report), _other_figures(report), _goals(report)]
    parts += [f"Not measured: {row} ({reason})." for row, reason in report["missing"].items()]
    return "\n\n".join(part for part in parts if part)


def _machine(report: Report) -> str:
    machine = report["machine"]
    load = " ".join(f"{average:.2f}" for average in machine["load_average"])
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}, Restate "
        f"{machine['restate']}, {report['started_at'][:10]}; load at the start {load}; other programs kept up to "
        f"{_max_other_cores(report):.2f} cores busy. Medians, with lowest and highest values in brackets."
    )


def _max_other_cores(report: Report) -> float:
    return max((f["load"]["others"] for f in report["figures"] if f["load"]), default=0.0)


def _contenders(report: Report) -> str:
    figures = [f for f in report["figures"] if f["measure"] in (THROUGHPUT, LONG, DISK, MEMORY)]
    columns = sorted({(f["measure"], f["at"]) for f in figures if f["measure"] != MEMORY}, key=_column_order)
    titles = [_column_title(*column) for column in columns]
    rows: list[list[str]] = []
    for contender in CONTENDERS:
        spreads = {(f["measure"], f["at"]): _spread(f) for f in figures if f["row"] == contender.name}
        memory = sum(f["median"] for f in figures if (f["row"], f["measure"]) == (contender.name, MEMORY))
        if spreads:
            cells = [spreads.get(column, "") for column in columns]
            rows.append([f"{contender.title} (`{contender.name}`)", *cells, f"{number(memory)} MB" if memory else ""])
    return _table(["", *titles, "memory of all processes"], rows)


def _column_order(column: tuple[str, int | None]) -> tuple[int, int]:
    return (THROUGHPUT, LONG, DISK).index(column[0]), column[1] or 0


def _column_title(measure: str, at: int | None) -> str:
    if measure == THROUGHPUT:
        return f"turns/s, {at:,} at once"
    return f"turns/s at turn {at:,}" if measure == LONG else f"bytes on disk a turn, of {at:,}"


def _turn_costs(report: Report) -> str:
    """Compare early and late turns of a conversation."""
    depths = sorted({f["at"] for f in report["figures"] if f["measure"] == TURN_TIME})
    rows: list[list[str]] = []
    for row in ("threadwell", "threadwell-queue"):
        for measure in TURN_COSTS:
            by_depth = {f["at"]: f for f in report["figures"] if (f["row"], f["measure"]) == (row, measure)}
            if by_depth:
                ratio = by_depth[depths[-1]]["median"] / by_depth[depths[0]]["median"]
                cells = [_spread(by_depth[depth]) for depth in depths]
                rows.append([f"`{row}`: {measure}", *cells, f"{ratio:.3f}"])
    return _table(["", *(f"turn {depth:,}" for depth in depths), "last to first"], rows) if rows else ""


def _other_figures(report: Report) -> str:
    in_other_tables = (THROUGHPUT, LONG, DISK, MEMORY, *TURN_COSTS)
    left_out = ("turn, median", "turn, 95th percentile", "journal bytes of the turn itself")
    figures = [f for f in report["figures"] if f["measure"] not in (*in_other_tables, *left_out)]
    rows = [
        [
            f"{f['measure']}: {f['row']}" + (f", {f['note']}" if f["note"] else ""),
            "" if f["at"] is None else f"{f['at']:,}",
            _spread(f),
        ]
        for f in sorted(figures, key=lambda f: f["measure"])
    ]
    return _table(["", "at", ""], rows) if rows else ""


def _goals(report: Report) -> str:
    goals = [Goal(g["name"], g["value"], g["bound"], g["at_most"]) for g in report["goals"]]
    rows = [
        [
            g.name,
            number(g.value),
            f"{'≤' if g.is_upper_bound else '≥'} {number(g.bound)}",
            "met" if g.is_met else "**missed**",
        ]
        for g in goals
    ]
    return _table(["goal", "value", "bound", ""], rows) if rows else ""


def _spread(figure: dict[str, Any]) -> str:
    median, low, high = (number(figure[name]) for name in ("median", "low", "high"))
    unit = "" if figure["unit"] in ("", "/s") else f" {figure['unit']}"
    return f"{median}{unit}" if low == high else f"{median}{unit} ({low}–{high})"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""

    def lines() -> Iterator[str]:
        yield "| " + " | ".join(headings) + " |"
        yield "|---" + "|--:" * (len(headings) - 1) + "|"
        for row in rows:
            yield "| " + " | ".join(row) + " |"

    return "\n".join(lines())
