"""`.env.example` and the settings agree; mistakes in `.env` are reported."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

from bots.__main__ import main
from bots.cli.env_typos import find_env_typos
from chat_service.settings import Settings
from tests.fork_server import ROOT
from tests.operation.threadwell_process import run_threadwell

EXAMPLE = ROOT / ".env.example"
pytestmark = pytest.mark.usefixtures("no_settings")


def test_example_has_every_setting_and_no_other() -> None:
    assert set(dotenv_values(EXAMPLE)) == {name.upper() for name in Settings.model_fields}


def test_unchanged_example_changes_no_default() -> None:
    assert Settings(_env_file=EXAMPLE) == Settings(_env_file=None)


def test_every_setting_is_explained_in_the_line_above() -> None:
    lines = EXAMPLE.read_text().splitlines()
    for above, line in itertools.pairwise(lines):
        if "=" in line and not line.startswith("#"):
            assert above.startswith("# ") and "---" not in above, line


@pytest.mark.parametrize(
    ("line", "expected"),
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
def test_invalid_value_is_one_line(
    line: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_text(f"{line}\n")
    monkeypatch.setattr(sys, "argv", ["threadwell", "up"])
    with pytest.raises(SystemExit) as exited:
        main()
    assert exited.value.code == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert [line.startswith(f"threadwell: {expected}") for line in output.err.splitlines()] == [True], output.err


async def test_typos_are_printed_without_their_values(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_APIKEY=sk-very-secret\n")
    _, lines = await run_threadwell(tmp_path, "history", "k", "--json", RESTATE_INGRESS_URL="http://127.0.0.1:1")
    assert "threadwell: .env: OPENAI_APIKEY is not a setting: did you mean OPENAI_API_KEY?" in lines
    assert "very-secret" not in "\n".join(lines)


TYPOS = """
OPENAI_APIKEY=sk-very-secret
discord_bot_token=x
OPENAI_API_TYPE=open_ai
OPENAI_ORG_ID=org
COMPOSE_PROFILES=slack
web_port=8000
"""


def test_names_similar_to_an_unused_setting_are_typos(tmp_path: Path) -> None:
    """Names of other programs, and settings that are also there with the right spelling, are not."""
    (tmp_path / ".env").write_text(TYPOS)
    assert list(find_env_typos()) == [
        ".env: OPENAI_APIKEY is not a setting: did you mean OPENAI_API_KEY?",
        ".env: discord_bot_token is not a setting: did you mean DISCORD_TOKEN?",
        ".env: OPENAI_API_TYPE is not a setting: did you mean OPENAI_API_KEY?",
    ]
    (tmp_path / ".env").write_text(f"{TYPOS}OPENAI_API_KEY=right\n")
    assert list(find_env_typos()) == [".env: discord_bot_token is not a setting: did you mean DISCORD_TOKEN?"]
