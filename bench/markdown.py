"""A run as the README shows it, made from its JSON: nothing is typed by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bench.contenders import CONTENDERS
from bench.figures import Goal
from bench.report import number

Report = dict[str, Any]
RATE, LONG = "turns/s", "turns/s in one long conversation"
DISK = "bytes on disk per turn of a long conversation"
HELD = "memory after the throughput rounds"
EARLY = "time/turn"
FLAT = (
    EARLY,
    "journal entries of the turn itself",
    "journal entries/turn",
    "journal bytes/turn",
    "wire bytes read/turn",
    "wire bytes written/turn",
)


def as_markdown(report: Report) -> str:
    """All tables, with what they were measured on above and what could not be measured below."""
    parts = [_about(report), _contenders(report), _early_and_late(report), _others(report), _goals(report)]
    parts += [f"Not measured: {row} ({why})." for row, why in report["missing"].items()]
    return "\n\n".join(part for part in parts if part)


def _about(report: Report) -> str:
    this = report["machine"]
    load = " ".join(f"{one:.2f}" for one in this["load_average"])
    return (
        f"{this['processor']}, {this['cores']} cores, {this['system']}, Python {this['python']}, Restate "
        f"{this['restate']}, {report['started_at'][:10]}; load at the start {load}; up to "
        f"{_busiest(report):.2f} cores busy with anything else meanwhile. Medians, lowest and highest in brackets."
    )


def _busiest(report: Report) -> float:
    return max((f["load"]["others"] for f in report["figures"] if f["load"]), default=0.0)


def _contenders(report: Report) -> str:
    found = [f for f in report["figures"] if f["measure"] in (RATE, LONG, DISK, HELD)]
    columns = sorted({(f["measure"], f["at"]) for f in found if f["measure"] != HELD}, key=_order)
    titles = [_column(*column) for column in columns]
    rows: list[list[str]] = []
    for contender in CONTENDERS:
        own = {(f["measure"], f["at"]): _spread(f) for f in found if f["row"] == contender.name}
        held = sum(f["median"] for f in found if (f["row"], f["measure"]) == (contender.name, HELD))
        if own:
            cells = [own.get(column, "") for column in columns]
            rows.append([f"{contender.title} (`{contender.name}`)", *cells, f"{number(held)} MB" if held else ""])
    return _table(["", *titles, "memory, all its processes"], rows)


def _order(column: tuple[str, int | None]) -> tuple[int, int]:
    return (RATE, LONG, DISK).index(column[0]), column[1] or 0


def _column(measure: str, at: int | None) -> str:
    if measure == RATE:
        return f"turns/s, {at:,} at once"
    return f"turns/s at turn {at:,}" if measure == LONG else f"bytes on disk a turn, of {at:,}"


def _early_and_late(report: Report) -> str:
    depths = sorted({f["at"] for f in report["figures"] if f["measure"] == EARLY})
    rows: list[list[str]] = []
    for row in ("threadwell", "threadwell-inbox"):
        for measure in FLAT:
            found = {f["at"]: f for f in report["figures"] if (f["row"], f["measure"]) == (row, measure)}
            if found:
                ratio = found[depths[-1]]["median"] / found[depths[0]]["median"]
                cells = [_spread(found[depth]) for depth in depths]
                rows.append([f"`{row}`: {measure}", *cells, f"{ratio:.3f}"])
    return _table(["", *(f"turn {depth:,}" for depth in depths), "last to first"], rows) if rows else ""


def _others(report: Report) -> str:
    shown = (RATE, LONG, DISK, HELD, *FLAT, "turn, median", "turn, 95th percentile", "journal bytes of the turn itself")
    rest = [f for f in report["figures"] if f["measure"] not in shown]
    rows = [
        [
            f"{f['measure']}: {f['row']}" + (f", {f['note']}" if f["note"] else ""),
            "" if f["at"] is None else f"{f['at']:,}",
            _spread(f),
        ]
        for f in sorted(rest, key=lambda f: f["measure"])
    ]
    return _table(["", "at", ""], rows) if rows else ""


def _goals(report: Report) -> str:
    goals = [Goal(g["name"], g["value"], g["bound"], g["at_most"]) for g in report["goals"]]
    rows = [
        [g.name, number(g.value), f"{'≤' if g.most else '≥'} {number(g.bound)}", "met" if g.met else "**missed**"]
        for g in goals
    ]
    return _table(["goal", "value", "bound", ""], rows) if rows else ""


def _spread(figure: dict[str, Any]) -> str:
    middle, low, high = (number(figure[one]) for one in ("median", "low", "high"))
    unit = "" if figure["unit"] in ("", "/s") else f" {figure['unit']}"
    return f"{middle}{unit}" if low == high else f"{middle}{unit} ({low}–{high})"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""

    def lines() -> Iterator[str]:
        yield "| " + " | ".join(heads) + " |"
        yield "|---" + "|--:" * (len(heads) - 1) + "|"
        for row in rows:
            yield "| " + " | ".join(row) + " |"

    return "\n".join(lines())
