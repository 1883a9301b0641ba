"""`threadwell bench`: measure this project and its peers on this machine, with a model that answers at once."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import report
from bench.contenders import CONTENDERS
from bench.figures import Findings
from bench.markdown import as_markdown
from bench.processes import BenchRun, running_model
from bench.rows import CONTENDER_ROWS, ROWS, Row
from bench.sizes import DEEP, NORMAL, QUICK, Sizes
from chat_service.contracts import utc
from chat_service.engine.binary import find_engine
from chat_service.errors import UserError
from chat_service.settings import Settings

log = logging.getLogger(__name__)

PRINTED_WIDTH = 130
"""Characters of the table where stdout is no terminal."""


def main(args: list[str]) -> None:
    """Run the command with these arguments.

    Raises:
        UserError: when a row does not exist or a part of the project does not start.
    """
    options = _parser().parse_args(args)
    if options.list:
        for name, title in names().items():
            print(f"{name:16} {title}")
        return
    if options.markdown:
        print(as_markdown(_read_report(Path(options.markdown))))
        return
    unknown = set(options.rows) - set(names())
    if unknown:
        raise UserError(f"there is no row {', '.join(sorted(unknown))}: see threadwell bench --list")
    sizes = QUICK if options.quick else DEEP if options.deep else NORMAL
    target = Path(options.json).resolve() if options.json not in (None, "-") else None
    console = Console(stderr=options.json == "-", highlight=False)
    if not console.is_terminal:
        console = Console(stderr=options.json == "-", highlight=False, width=PRINTED_WIDTH)
    findings, about = asyncio.run(run(set(options.rows), sizes, console))
    text = report.as_json(findings, about)
    report.print_tables(findings, about, console)
    if options.json == "-":
        print(text)
    elif target:
        target.write_text(text + "\n", encoding="utf-8")
    if findings.broken or (findings.missing and options.strict):
        sys.exit(1)


def names() -> dict[str, str]:
    """Return the titles of all rows and contenders by name."""
    return {row.NAME: row.TITLE for row in ROWS} | {contender.name: contender.title for contender in CONTENDERS}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="threadwell bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="measure only these rows or contenders (see --list)")
    parser.add_argument("--list", action="store_true", help="list the names")
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE", help="write JSON to FILE, or to stdout")
    parser.add_argument(
        "--markdown",
        metavar="FILE",
        help="measure nothing: print the tables of docs/benchmark.md from the JSON in FILE",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="small sizes, which only show that it works")
    size.add_argument(
        "--deep", action="store_true", help="10,000 turns in one conversation, 100,000 idle conversations"
    )
    parser.add_argument("--strict", action="store_true", help="fail if a row cannot be measured here")
    return parser


def _read_report(file: Path) -> dict[str, Any]:
    """Read the JSON of an earlier run.

    Raises:
        UserError: when the file contains none.
    """
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return {part: content[part] for part in ("started_at", "machine", "figures", "goals", "missing")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} holds no figures ({error}): create it with threadwell bench --json {file}") from error


async def run(wanted: set[str], sizes: Sizes, console: Console) -> tuple[Findings, dict[str, Any]]:
    """Measure the named rows, or all. Return the findings and a description of the run.

    A row that fails is recorded in the findings.

    Raises:
        UserError: when there is no Restate server.
    """
    about = {"started_at": utc(time.time()).isoformat(), "machine": report.machine(), "sizes": vars(sizes)}
    findings = Findings()
    binary = await find_engine(Settings(_env_file=None))
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="threadwell-bench-")))
        # Children must not read a `.env` in the current folder: it could change the figures.
        stack.callback(os.chdir, Path.cwd())
        os.chdir(folder)
        url, pid = await stack.enter_async_context(running_model(folder))
        only = frozenset(contender.name for contender in CONTENDERS if contender.name in wanted)
        bench_run = BenchRun(folder, binary, url, pid, only, lambda line: console.print(f"[dim]{line} …[/dim]"))
        for row in _select_rows(wanted):
            try:
                await row.measure(bench_run, sizes, findings)
            except Exception as error:  # one failed row must not discard the results of a quarter of an hour
                log.exception("the row %s failed", row.NAME)
                findings.missing[row.NAME] = f"failed: {error or type(error).__name__}"
                findings.broken.add(row.NAME)
    return findings, about


def _select_rows(wanted: set[str]) -> list[Row]:
    """Return the named rows: all if nothing is named, and those of the contenders if only contenders are named."""
    named = [row for row in ROWS if row.NAME in wanted]
    if named or not wanted:
        return named or list(ROWS)
    return list(CONTENDER_ROWS)
