"""The documents name files and tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/models.md")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_document_names_existing_files(document: str) -> None:
    text = (ROOT / document).read_text()
    paths = set(re.findall(r"`((?:bots|chat_service|tests|bench|docs)/[\w./-]+\.\w+)`", text))
    links = {link for link in re.findall(r"\]\(([\w./-]+)[)#]", text) if "://" not in link}
    missing = [path for path in paths if not (ROOT / path).is_file()]
    missing += [link for link in links if not ((ROOT / document).parent / link).exists()]
    assert missing == []


def test_architecture_names_existing_tests() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs/architecture.md").read_text())
    assert len(named) >= 15
    assert [name for path, name in named if f"def {name}(" not in (ROOT / path).read_text()] == []
