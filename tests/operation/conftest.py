"""Fixtures for tests of commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat_service.settings import Settings


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run the test in an empty folder, without settings in the environment except the folder of downloads."""
    for name in set(Settings.model_fields) - {"threadwell_cache_dir"}:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
