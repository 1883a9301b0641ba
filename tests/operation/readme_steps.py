"""The numbered steps of a README, for tests that follow them."""

from __future__ import annotations

import re
from pathlib import Path


def read_steps(readme: Path, until: str) -> list[str]:
    """Return the steps before the heading `until`, in order."""
    return re.split(r"^\d\. ", readme.read_text().split(f"## {until}")[0], flags=re.MULTILINE)[1:]


def find_code_spans(step: str) -> list[str]:
    """Return the texts between single backticks."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", step)


def find_code_block(step: str) -> str:
    """Return the text of the first code block."""
    return step.split("```")[1].strip()


def find_settings(step: str) -> list[str]:
    """Return the lines that set a variable."""
    return [line.strip() for line in step.splitlines() if re.match(r"\s*[A-Z_]+=", line)]
