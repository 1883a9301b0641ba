"""`.env.example` and the settings say the same."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

from chat_service.settings import Settings
from tests.fork_server import ROOT
from tests.operation.up import clean_env

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


SLIPS = """
OPENAI_APIKEY=sk-very-secret
discord_bot_token=x
OPENAI_API_TYPE=open_ai
OPENAI_API_KEY=right
OPENAI_ORG_ID=org
COMPOSE_PROFILES=slack
web_port=8000
"""


def test_a_name_that_is_nearly_a_setting_is_told(tmp_path: Path) -> None:
    """What is somebody else's is not, nor what stands there rightly beside it."""
    (tmp_path / ".env").write_text(SLIPS.replace("OPENAI_API_KEY=right\n", ""))
    command = [sys.executable, "-m", "bots", "history", "k", "--json"]
    nowhere = clean_env(RESTATE_INGRESS_URL="http://127.0.0.1:1", RESTATE_ADMIN_URL="http://127.0.0.1:1")
    done = subprocess.run(command, cwd=tmp_path, env=nowhere, capture_output=True, text=True, timeout=60)
    told = [line for line in done.stderr.splitlines() if "not a setting" in line]
    assert told == [
        "threadwell: .env: OPENAI_APIKEY is not a setting: did you mean OPENAI_API_KEY?",
        "threadwell: .env: discord_bot_token is not a setting: did you mean DISCORD_TOKEN?",
        "threadwell: .env: OPENAI_API_TYPE is not a setting: did you mean OPENAI_API_KEY?",
    ]
    assert "very-secret" not in done.stdout + done.stderr
    (tmp_path / ".env").write_text(SLIPS)
    done = subprocess.run(command, cwd=tmp_path, env=nowhere, capture_output=True, text=True, timeout=60)
    assert [line for line in done.stderr.splitlines() if "not a setting" in line] == [told[1]]
