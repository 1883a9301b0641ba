"""The bench runs from end to end, says what it could not measure, and finds turns that cost the same early and late."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench import report
from bench.contenders import CONTENDERS
from bench.rows import ROWS
from bench.run import run
from bench.sizes import Sizes
from tests.fork_server import ROOT

TINY = Sizes(
    rounds=1,
    at_once=(1, 2, 32),
    turns=2,
    alone=1,
    depth=20,
    depth_tail=10,
    flat_depth=50,
    flat_rounds=1,
    window_turns=2,
    idle=10,
    warm=5,
    rest_seconds=0.1,
)
NO_CONVERSATION = ("floor", "model")
"""They hold no conversation, so there is no long one."""


@pytest.fixture(scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One run of everything, as a machine reads it."""
    console = Console(file=(tmp_path_factory.mktemp("bench") / "table.txt").open("w"), width=130)
    findings, about = await run(set(), TINY, console)
    report.print_tables(findings, about, console)
    given: dict[str, Any] = json.loads(report.as_json(findings, about))
    return given


def values(whole: dict[str, Any], row: str, measure: str) -> dict[int | None, float]:
    """A row's medians of one measure, by conversations or depth."""
    return {f["at"]: f["median"] for f in whole["figures"] if (f["row"], f["measure"]) == (row, measure)}


def test_no_row_breaks_off(whole: dict[str, Any]) -> None:
    assert not [reason for reason in whole["missing"].values() if reason.startswith("failed")]


@pytest.mark.parametrize("name", [one.name for one in CONTENDERS])
def test_every_contender_is_measured_or_reported_as_missing(whole: dict[str, Any], name: str) -> None:
    if name in whole["missing"]:
        assert name.startswith("langgraph")
        assert "install" in whole["missing"][name]
        return
    assert set(values(whole, name, "turns/s")) == set(TINY.at_once)
    assert all(rate > 0 for rate in values(whole, name, "turns/s").values())
    if name not in NO_CONVERSATION:
        assert set(values(whole, name, "turns/s in one long conversation")) == {TINY.depth}


def test_every_probe_leaves_figures_with_their_spread(whole: dict[str, Any]) -> None:
    measures = {figure["measure"] for figure in whole["figures"]}
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
    for figure in whole["figures"]:
        assert figure["low"] <= figure["median"] <= figure["high"], figure


def test_most_of_a_prompt_is_in_the_prefix_cache_of_a_model_that_reports_it(whole: dict[str, Any]) -> None:
    assert 50 < values(whole, "threadwell", "cached share of a prompt")[None] < 100


def test_the_first_token_reaches_a_window(whole: dict[str, Any]) -> None:
    seen = values(whole, "threadwell in one process (up)", "first token to window")
    # Between 0 and the pause that the model makes after it: the stamp was read in mid-reply, by the same clock.
    assert 0 < seen[1] < 10_000


@pytest.mark.browser
def test_the_first_token_reaches_a_real_browser(whole: dict[str, Any]) -> None:
    if "browser" in whole["missing"]:
        pytest.skip(whole["missing"]["browser"])
    seen = values(whole, "threadwell in one process (up), Chromium", "first token to window")
    assert 0 < seen[1] < 10_000


@pytest.mark.parametrize("row", ["threadwell", "threadwell-queue"])
def test_a_late_turn_has_the_journal_entries_of_an_early_one(whole: dict[str, Any], row: str) -> None:
    own = values(whole, row, "journal entries of the turn itself")
    assert own[TINY.flat_depth] == own[10] == own[30] > 0
    everything = values(whole, row, "journal entries/turn")
    assert everything[TINY.flat_depth] == pytest.approx(everything[10], rel=0.1)
    assert everything[10] > own[10]


@pytest.mark.parametrize("row", ["threadwell", "threadwell-queue"])
@pytest.mark.parametrize(
    "measure", ["journal bytes of the turn itself", "wire bytes read/turn", "wire bytes written/turn"]
)
def test_a_late_turn_moves_the_bytes_of_an_early_one(whole: dict[str, Any], row: str, measure: str) -> None:
    moved = values(whole, row, measure)
    assert 0 < moved[TINY.flat_depth] < 1.1 * moved[10]


def test_idle_conversations_leave_no_timer(whole: dict[str, Any]) -> None:
    assert values(whole, "threadwell", "invocations and timers that wait") == {0: 0, TINY.idle: 0}


def test_goals_are_ratios_of_this_run(whole: dict[str, Any]) -> None:
    least = next(goal for goal in whole["goals"] if goal["name"].endswith("threadwell to least"))
    ours, other = values(whole, "threadwell", "turns/s")[32], values(whole, "least", "turns/s")[32]
    assert least["value"] == pytest.approx(ours / other)
    assert least["met"] == (least["value"] >= 0.8)


async def test_the_command_runs_named_rows_and_writes_json(tmp_path: Path) -> None:
    status, _, said = await threadwell(tmp_path, "bench", "plain", "--quick", "--json", "plain.json")
    assert status == 0, said
    given = json.loads((tmp_path / "plain.json").read_text())
    assert {figure["row"] for figure in given["figures"]} == {"plain"}


async def test_an_earlier_run_is_printed_as_the_readme_shows_it(tmp_path: Path, whole: dict[str, Any]) -> None:
    (tmp_path / "bench.json").write_text(json.dumps(whole))
    status, out, said = await threadwell(tmp_path, "bench", "--markdown", "bench.json")
    assert status == 0, said
    for contender in CONTENDERS:
        assert (f"(`{contender.name}`)" in out) != (contender.name in whole["missing"])
    lines = out.splitlines()
    for goal in whole["goals"]:
        told = next(line for line in lines if line.startswith(f"| {goal['name']} |"))
        assert told.endswith("| met |") if goal["met"] else told.endswith("| **missed** |")
    columns = [line.count(" | ") for line in lines if line.startswith("| this project, at the bare ingress")]
    assert columns == [len(TINY.at_once) + 3]


async def test_a_file_without_figures_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text("{}")
    status, out, said = await threadwell(tmp_path, "bench", "--markdown", "bench.json")
    assert (status, out) == (1, "")
    assert said.startswith("threadwell: bench.json holds no figures") and said.count("\n") == 1


async def test_a_row_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    status, out, said = await threadwell(tmp_path, "bench", "nonsense")
    assert status == 1
    assert out == ""
    assert said.strip() == "threadwell: there is no row nonsense: see threadwell bench --list"


async def test_the_rows_can_be_listed(tmp_path: Path) -> None:
    status, out, _ = await threadwell(tmp_path, "bench", "--list")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == [*(p.NAME for p in ROWS), *(c.name for c in CONTENDERS)]


async def threadwell(folder: Path, *arguments: str) -> tuple[int | None, str, str]:
    """Run the command; its status, and what it said on stdout and on stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bots",
        *arguments,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, said = await process.communicate()
    return process.returncode, out.decode(), said.decode()
