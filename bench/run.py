"""`threadwell bench`: everything in one run, on one machine, with one instant model."""

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
from bench.processes import World, running_model
from bench.rows import PROBES, TABLES, Probe
from bench.sizes import DEEP, QUICK, WHOLE, Sizes
from chat_service.contracts import utc
from chat_service.engine.binary import find_engine
from chat_service.errors import UserError
from chat_service.settings import Settings

log = logging.getLogger(__name__)

PRINTED_WIDTH = 130
"""Of the table where no terminal says how wide it is."""


def main(args: list[str]) -> None:
    """Run what `args` ask for.

    Raises:
        UserError: for a row that does not exist, or when a part of the project does not come up.
    """
    given = _parser().parse_args(args)
    if given.list:
        for name, title in names().items():
            print(f"{name:16} {title}")
        return
    if given.markdown:
        print(as_markdown(_earlier(Path(given.markdown))))
        return
    unknown = set(given.rows) - set(names())
    if unknown:
        raise UserError(f"there is no row {', '.join(sorted(unknown))}: see threadwell bench --list")
    sizes = QUICK if given.quick else DEEP if given.deep else WHOLE
    target = Path(given.json).resolve() if given.json not in (None, "-") else None
    console = Console(stderr=given.json == "-", highlight=False)
    if not console.is_terminal:
        console = Console(stderr=given.json == "-", highlight=False, width=PRINTED_WIDTH)
    findings, about = asyncio.run(run(set(given.rows), sizes, console))
    text = report.as_json(findings, about)
    report.show(findings, about, console)
    if given.json == "-":
        print(text)
    elif target:
        target.write_text(text + "\n", encoding="utf-8")
    if findings.broken or (findings.missing and given.strict):
        sys.exit(1)


def names() -> dict[str, str]:
    """The rows by name, with what each is: what is measured, and who takes part in the tables."""
    return {probe.NAME: probe.TITLE for probe in PROBES} | {one.name: one.title for one in CONTENDERS}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="threadwell bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="only these (see --list); all, if none is named")
    parser.add_argument("--list", action="store_true", help="the rows by name")
    parser.add_argument(
        "--json", nargs="?", const="-", metavar="FILE", help="as JSON: to FILE, or to stdout without one"
    )
    parser.add_argument(
        "--markdown",
        metavar="FILE",
        help="measure nothing: print the tables of the JSON in FILE, as the README has them",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="small sizes: whether it runs, not how fast")
    size.add_argument("--deep", action="store_true", help="10,000 turns deep, 100,000 conversations idle")
    parser.add_argument("--strict", action="store_true", help="a row that cannot be measured here is an error")
    return parser


def _earlier(file: Path) -> dict[str, Any]:
    """The JSON of a run before.

    Raises:
        UserError: when there is none in the file.
    """
    try:
        told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return {part: told[part] for part in ("started_at", "machine", "figures", "goals", "missing")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} holds no figures ({error}): make them with threadwell bench --json {file}") from error


async def run(wanted: set[str], sizes: Sizes, console: Console) -> tuple[Findings, dict[str, Any]]:
    """Measure the rows named, all if none is; gives the findings, and what a reader must know about the run. A row that
    breaks off is told in the findings.

    Raises:
        UserError: when there is no engine to be had.
    """
    about = {"started_at": utc(time.time()).isoformat(), "machine": report.machine(), "sizes": vars(sizes)}
    findings = Findings()
    binary = await find_engine(Settings(_env_file=None))
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="threadwell-bench-")))
        # Whatever `.env` lies where the command was typed must not colour the figures of its children.
        stack.callback(os.chdir, Path.cwd())
        os.chdir(folder)
        url, pid = await stack.enter_async_context(running_model(folder))
        only = frozenset(one.name for one in CONTENDERS if one.name in wanted)
        world = World(folder, binary, url, pid, only, lambda line: console.print(f"[dim]{line} …[/dim]"))
        for probe in _probes(wanted):
            try:
                await probe.measure(world, sizes, findings)
            except Exception as error:  # what a quarter of an hour has measured is not lost to one row
                log.exception("the row %s broke off", probe.NAME)
                findings.missing[probe.NAME] = f"broke off: {error or type(error).__name__}"
                findings.broken.add(probe.NAME)
    return findings, about


def _probes(wanted: set[str]) -> list[Probe]:
    """Those named. All if none is; and if only contenders are, the tables in which they stand."""
    named = [probe for probe in PROBES if probe.NAME in wanted]
    if named or not wanted:
        return named or list(PROBES)
    return [probe for probe in PROBES if probe in TABLES]
