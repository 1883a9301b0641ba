"""Replaced names do not come back, and modules and functions stay short."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.fork_server import ROOT

MAX_MODULE_LINES, MAX_FUNCTION_LINES = 300, 60
WORDS = re.compile(
    r"\b(Heard|Overheard|overheard|Ears|Hearing|Outlet|Lanes|CatchUp|catching_up|reading_up|judging|obey|home_of"
    r"|Gatekeeper|Hub|Pulse|slips|Spoken|_Voice|Halts?|Inbox|inbox|Spot|Unclear|Throttled|Verdict|Handover"
    r"|Housekeeping|Answer anew|Take back|As the system)\b"
)
IDENTIFIERS = {"allowance", "desk", "heard", "homes", "judge", "keeping", "look", "said", "soon", "speak", "told"}


def find_files(*folders: str, suffixes: tuple[str, ...]) -> Iterator[Path]:
    paths = (path for folder in folders for path in [ROOT / folder, *sorted((ROOT / folder).rglob("*"))])
    return (path for path in paths if path.suffix in suffixes and not {"vendor", Path(__file__).name} & set(path.parts))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_replaced_words_are_not_used() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        for path in find_files("bots", "chat_service", "tests", "docs", "README.md", suffixes=(".py", ".js", ".md"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for match in WORDS.finditer(line)
    ]
    for path in find_files("bots", "chat_service", "tests", suffixes=(".py",)):
        for node in ast.walk(parse(path)):
            names = {getattr(node, field, None) for field in ("id", "arg", "name", "attr")} & IDENTIFIERS
            found += [f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}: {name}" for name in names]
    assert not found, "\n".join(found)


def test_modules_and_functions_are_short() -> None:
    too_long = []
    for path in find_files("bots", "chat_service", suffixes=(".py",)):
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_MODULE_LINES:
            too_long.append(f"{path.relative_to(ROOT)}: {lines} lines")
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    too_long.append(f"{path.relative_to(ROOT)}: {node.name} has {lines} lines")
    assert not too_long, "\n".join(too_long)
