"""The numbered steps of a page for people, as a test follows them."""

from __future__ import annotations

import re
from pathlib import Path


def steps_of(page: Path, until: str) -> list[str]:
    """The steps that stand before the heading `until`, first one first."""
    return re.split(r"^\d\. ", page.read_text().split(f"## {until}")[0], flags=re.MULTILINE)[1:]


def commands(step: str) -> list[str]:
    """What a step has between backticks in its lines."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", step)


def block(step: str) -> str:
    """What stands in a step's block."""
    return step.split("```")[1].strip()


def settings_in(step: str) -> list[str]:
    """The lines of a step that set something."""
    return [line.strip() for line in step.splitlines() if re.match(r"\s*[A-Z_]+=", line)]
