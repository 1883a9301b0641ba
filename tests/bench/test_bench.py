"""Every row of the benchmark runs from end to end, and the costs of a turn do not grow with the conversation."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import IO, Any

import pytest
from rich.console import Console

from bench import processes, report
from bench.rows import ROWS, window
from bench.run import run
from bench.sizes import Sizes
from chat_service.child_process import running_child
from chat_service.engine.process import running_engine
from tests.fork_server import ROOT, ForkedProcess, python_process
from tests.processes import LOCAL_LOG, SMALL_ENGINE

TINY = Sizes(
    rounds=1,
    at_once=(1, 32),
    turns=1,
    alone=2,
    depth=20,
    depth_tail=10,
    flat_depth=30,
    flat_short=(10,),
    flat_rounds=1,
    window_turns=2,
    idle=10,
    idle_rounds=1,
    warm=5,
    rest_seconds=0.1,
)
MEASURED = ("least", "threadwell", "langgraph-sqlite", "plain")
"""Contenders of the throughput row; the others are opened in the same way. The flat row measures the queue."""
IN_DEPTH_ROW = ("threadwell",)
"""The depth row opens a contender exactly as the throughput row does."""

Child = ForkedProcess | asyncio.subprocess.Process


def run_child(
    command: Sequence[str | Path],
    *,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
    stop_seconds: float = 10,
    **options: Any,
) -> AbstractAsyncContextManager[Child]:
    """Run a child like `running_child`, but fork the project's own processes, which saves 3 s of CPU for each."""
    if command[1] != "-m":
        return running_child(command, stdout=stdout, stderr=stderr, stop_seconds=stop_seconds, **options)
    assert stderr is not None and not isinstance(stderr, int)
    return python_process(
        *map(str, command[2:]),
        env={**options["env"], "PYTHONPATH": str(ROOT)},
        cwd=Path.cwd(),
        stdout=None if isinstance(stdout, int) or stdout is None else stdout.fileno(),
        stderr=stderr.fileno(),
        stop_seconds=stop_seconds,
    )


async def test_every_row_runs_from_end_to_end() -> None:
    """One test, because every row runs once, which takes most of the time."""
    others = {row.NAME for row in ROWS} - {"throughput"}
    with pytest.MonkeyPatch.context() as patch:
        for module in (processes, window):
            patch.setattr(module, "running_child", run_child)
        patch.setattr(processes, "running_engine", partial(running_engine, extra_env={**SMALL_ENGINE, **LOCAL_LOG}))
        results = await run_rows({"throughput", *MEASURED})
        rest = await run_rows({*others, *IN_DEPTH_ROW})
    for part in ("figures", "goals"):
        results[part] += rest[part]
    results["missing"] |= rest["missing"]

    assert not [reason for reason in results["missing"].values() if reason.startswith("failed")]
    for name in MEASURED:
        check_contender(results, name)
    check_figures(results)
    check_first_token(results)
    for row in ("threadwell", "threadwell-queue"):
        check_constant_cost(results, row)
    assert 50 < medians(results, "threadwell", "cached share of a prompt")[None] < 100
    assert medians(results, "threadwell", "invocations and timers that wait") == {0: 0, TINY.idle: 0}
    check_goal(results)


async def run_rows(names: set[str]) -> dict[str, Any]:
    with Path("/dev/null").open("w") as discard:
        console = Console(file=discard, width=130)
        findings, about = await run(names, TINY, console)
        report.print_tables(findings, about, console)
    parsed: dict[str, Any] = json.loads(report.as_json(findings, about))
    return parsed


def medians(results: dict[str, Any], row: str, measure: str) -> dict[int | None, float]:
    """Return a row's medians of one measure, by conversations or depth."""
    return {f["at"]: f["median"] for f in results["figures"] if (f["row"], f["measure"]) == (row, measure)}


def check_contender(results: dict[str, Any], name: str) -> None:
    """Check that a contender is measured or reported as missing."""
    if name in results["missing"]:
        assert name.startswith("langgraph")
        assert "install" in results["missing"][name]
        return
    assert set(medians(results, name, "turns/s")) == set(TINY.at_once)
    assert all(rate > 0 for rate in medians(results, name, "turns/s").values())
    if name in IN_DEPTH_ROW:
        assert set(medians(results, name, "turns/s in one long conversation")) == {TINY.depth}


def check_figures(results: dict[str, Any]) -> None:
    """Check that every row has figures with their spread."""
    measures = {figure["measure"] for figure in results["figures"]}
    assert measures >= {
        "turns/s",
        "turns/s in one long conversation",
        "bytes on disk per turn of a long conversation",
        "memory after a long conversation",
        "time/turn",
        "first token to window",
        "Slack event to Restate",
        "cached share of a prompt",
        "memory beside idle conversations",
    }
    for figure in results["figures"]:
        assert figure["low"] <= figure["median"] <= figure["high"], figure


def check_first_token(results: dict[str, Any]) -> None:
    """Check that the model's first token reaches a client of the page, and a browser if there is one."""
    rows = ["threadwell in one process (up)"]
    if "browser" not in results["missing"] or os.environ.get("CI") == "true":
        rows.append("threadwell in one process (up), Chromium")
    for row in rows:
        assert 0 < medians(results, row, "first token to window")[1] < 10_000, row


def check_constant_cost(results: dict[str, Any], row: str) -> None:
    """Check that a late turn has the journal entries of an early one, and transfers as many bytes."""
    own = medians(results, row, "journal entries of the turn itself")
    assert own[TINY.flat_depth] == own[10] > 0
    total = medians(results, row, "journal entries/turn")
    assert total[TINY.flat_depth] == pytest.approx(total[10], rel=0.1)
    assert total[10] > own[10]
    for measure in ("journal bytes of the turn itself", "wire bytes read/turn", "wire bytes written/turn"):
        transferred = medians(results, row, measure)
        assert 0 < transferred[TINY.flat_depth] < 1.1 * transferred[10], measure


def check_goal(results: dict[str, Any]) -> None:
    """Check that a goal is a ratio of two rows of the run."""
    goal = next(goal for goal in results["goals"] if goal["name"].endswith("threadwell to least"))
    threadwell, least = (medians(results, name, "turns/s")[32] for name in ("threadwell", "least"))
    assert goal["value"] == pytest.approx(threadwell / least)
    assert goal["met"] == (goal["value"] >= 0.8)
