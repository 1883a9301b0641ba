"""`.env.example` and the settings say the same."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

from chat_service.settings import Settings
from tests.operation.up import clean_env
from tests.processes import ROOT

EXAMPLE = ROOT / ".env.example"


@pytest.fixture(autouse=True)
def no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_every_setting_stands_in_the_example_and_no_other() -> None:
    assert set(dotenv_values(EXAMPLE)) == {name.upper() for name in Settings.model_fields}


def test_the_example_as_it_stands_changes_no_default() -> None:
    assert Settings(_env_file=EXAMPLE) == Settings(_env_file=None)


def test_every_setting_has_its_line_of_explanation_right_above() -> None:
    lines = EXAMPLE.read_text().splitlines()
    for above, line in itertools.pairwise(lines):
        if "=" in line and not line.startswith("#"):
            assert above.startswith("# ") and "---" not in above, line


@pytest.mark.parametrize(
    ("line", "telling"),
    [
        ("WEB_PORT=eighty", "WEB_PORT: Input should be a valid integer"),
        ("WEB_PORT=80000", "WEB_PORT: Input should be less than or equal to 65535"),
        ("LOG_LEVEL=loud", "LOG_LEVEL: Input should be 'debug'"),
        ("BURST=sometimes", "BURST: Input should be 'each' or 'together'"),
        ("WEB_TRUSTED_PROXIES=nowhere", "WEB_TRUSTED_PROXIES: "),
        ("RETENTION_DAYS=99999999", "RETENTION_DAYS: Input should be less than or equal to 36500"),
        ("MODEL_TEMPERATURE=9", "MODEL_TEMPERATURE: Input should be less than or equal to 2"),
    ],
)
def test_a_wrong_value_is_told_in_one_line(tmp_path: Path, line: str, telling: str) -> None:
    (tmp_path / ".env").write_text(f"{line}\n")
    command = [sys.executable, "-m", "bots", "up"]
    done = subprocess.run(command, cwd=tmp_path, env=clean_env(), capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert done.stdout == ""
    assert [said.startswith(f"threadwell: {telling}") for said in done.stderr.splitlines()] == [True], done.stderr
