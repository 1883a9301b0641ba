"""The command `threadwell bench`: its options and its output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import run
from bench.contenders import CONTENDERS
from bench.figures import Figure, Findings, Goal
from bench.report import as_json, machine
from bench.rows import ROWS
from chat_service.errors import UserError
from tests.bench.test_bench import TINY
from tests.operation.threadwell_process import run_threadwell


@pytest.fixture
def report() -> dict[str, Any]:
    """An earlier run with one figure of each table."""
    findings = Findings(
        figures=[
            Figure("threadwell", "turns/s", 1, [10, 20, 30], "/s"),
            Figure("threadwell", "turns/s", 32, [40], "/s"),
            Figure("threadwell", "turns/s in one long conversation", 1000, [7], "/s"),
            Figure("threadwell", "time/turn", 10, [5], "ms"),
            Figure("threadwell", "time/turn", 2000, [6], "ms"),
            Figure("threadwell", "Slack event to Restate", 1, [12], "ms"),
        ],
        goals=[Goal("fast", 2, 1, False), Goal("small", 2, 1, True)],
        missing={"langgraph-sqlite": "not installed"},
    )
    parsed: dict[str, Any] = json.loads(as_json(findings, {"started_at": "2025-01-01T00:00", "machine": machine()}))
    return parsed


def test_earlier_run_is_printed_as_tables_of_the_readme(
    report: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bench.json"
    file.write_text(json.dumps(report))
    run.main(["--markdown", str(file)])
    lines = capsys.readouterr().out.splitlines()
    assert "| | turns/s, 1 at once | turns/s, 32 at once | turns/s at turn 1,000 | memory of all processes |" in [
        line.replace("|  |", "| |") for line in lines
    ]
    [row] = [line for line in lines if line.startswith("| this project, at the bare ingress")]
    assert row.split(" | ")[1:] == ["20 (10–30)", "40", "7", " |"]
    assert "| `threadwell`: time/turn | 5 ms | 6 ms | 1.200 |" in lines
    assert "| Slack event to Restate: threadwell | 1 | 12 ms |" in lines
    assert "| fast | 2 | ≥ 1 | met |" in lines
    assert "| small | 2 | ≤ 1 | **missed** |" in lines
    assert "Not measured: langgraph-sqlite (not installed)." in lines


def test_file_without_figures_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    file.write_text("{}")
    with pytest.raises(UserError, match="holds no figures"):
        run.main(["--markdown", str(file)])


def test_unknown_row_is_reported() -> None:
    with pytest.raises(UserError, match="there is no row nonsense: see threadwell bench --list"):
        run.main(["nonsense"])


async def test_rows_and_contenders_are_listed(tmp_path: Path) -> None:
    status, lines = await run_threadwell(tmp_path, "bench", "--list")
    assert status == 0, lines
    assert [line.split()[0] for line in lines] == [*(row.NAME for row in ROWS), *(c.name for c in CONTENDERS)]


def test_named_row_is_measured_and_written_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "QUICK", TINY)
    file = tmp_path / "model.json"
    run.main(["model", "--quick", "--json", str(file)])
    assert {figure["row"] for figure in json.loads(file.read_text())["figures"]} == {"model"}
