"""`threadwell doctor`: one line for each check, and status 1 if one fails."""

from __future__ import annotations

import re
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bots.cli.doctor import doctor
from chat_service.settings import Settings
from tests.fakes.model import ModelControl
from tests.operation.threadwell_process import free_ports, model_env, run_threadwell, stack_env
from tests.processes import Stack

RunDoctor = Callable[..., Awaitable[tuple[bool, list[str]]]]


@pytest.fixture
def run_doctor(no_settings: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunDoctor:
    """Run all checks in this process, with these variables set, and return the result and the printed lines."""

    async def run(**env: str) -> tuple[bool, list[str]]:
        for name, value in {**free_ports(), **env}.items():
            monkeypatch.setenv(name, value)
        is_ok = await doctor(Settings())
        return is_ok, capsys.readouterr().out.splitlines()

    return run


async def test_running_stack_is_ok(stack: Stack, tmp_path: Path) -> None:
    status, lines = await run_threadwell(tmp_path, "doctor", **stack_env(stack))
    assert status == 0, lines
    lines = [re.sub(r" \d+\.\d+\.\d+ ", " 3 ", re.sub(r"/[0-9a-f]{12}$", "/VERSION", line)) for line in lines]
    assert lines[:6] == [
        "ok  Python: 3 (3.11 or newer is needed)",
        f"ok  Restate: answers at {stack.engine.ingress_url}",
        f"ok  Restate admin: answers at {stack.engine.admin_url}",
        f"ok  chat service: registered, answers at http://127.0.0.1:{stack.service_port}/VERSION",
        "ok  model: scripted at 127.0.0.1",
        "--  slack: not configured; to enable the bot, set SLACK_BOT_TOKEN and "
        "(SLACK_APP_TOKEN or SLACK_SIGNING_SECRET)",
    ]
    assert any(line.startswith("ok  CHAT_SERVICE_PORT: ") and "in use by" in line for line in lines)
    assert any(line.startswith("ok  WEB_PORT: ") and line.endswith("free") for line in lines)


async def test_machine_before_the_first_start_is_ok_and_stays_unchanged(run_doctor: RunDoctor, tmp_path: Path) -> None:
    is_ok, lines = await run_doctor(THREADWELL_CACHE_DIR=str(tmp_path / "cache"))
    assert is_ok, lines
    assert any(line.startswith("ok  Restate: not running, ") for line in lines)
    assert "ok  model: embedded model, downloaded at the first start (491 MB)" in lines
    assert len([line for line in lines if line.startswith("ok  ") and line.endswith("free")]) == 5
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"RESTATE_SERVER_BINARY": "/nowhere"}, r"no  Restate: RESTATE_SERVER_BINARY=/nowhere is not a program"),
        ({"RESTATE_INGRESS_URL": "http://127.0.0.1:1"}, r"no  Restate: http://127.0.0.1:1 does not answer: start it"),
        ({"LOCAL_MODEL": "off"}, r"no  model: no model is configured: set OPENAI_API_KEY"),
        ({"LOCAL_MODEL": "/nowhere.gguf"}, r"no  model: LOCAL_MODEL=/nowhere.gguf: there is no such file"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, r"no  model: .*127.0.0.1.*"),
        ({"MODEL_BACKEND": "nowhere:x"}, r"no  model: MODEL_BACKEND='nowhere:x' cannot be imported"),
        ({"SLACK_BOT_TOKEN": "xoxb-1"}, r"no  slack: SLACK_BOT_TOKEN set, but not SLACK_APP_TOKEN or SLACK_SIGNING"),
        ({"SLACK_APP_TOKEN": "xapp-1"}, r"no  slack: SLACK_APP_TOKEN set, but not SLACK_BOT_TOKEN: set that too"),
        ({"DISCORD_TOKEN": "x", "DISCORD_API_URL": "http://127.0.0.1:1"}, r"--  discord: DISCORD_TOKEN set"),
    ],
)
async def test_each_problem_is_one_failed_check(run_doctor: RunDoctor, env: dict[str, str], expected: str) -> None:
    is_ok, lines = await run_doctor(**env)
    assert any(re.match(expected, line) for line in lines), lines
    assert is_ok == expected.startswith("--")
    assert len([line for line in lines if line.startswith("no  ")]) == (0 if is_ok else 1)


@pytest.mark.parametrize(
    ("env", "expected"),
    [({"OPENAI_API_KEY": "nonsense"}, "OPENAI_API_KEY"), ({"OPENAI_MODEL": "gpt-9"}, "'gpt-9'")],
)
async def test_wrong_key_or_model_is_reported(
    run_doctor: RunDoctor, model: ModelControl, env: dict[str, str], expected: str
) -> None:
    is_ok, lines = await run_doctor(**{**model_env(model), **env})
    assert not is_ok
    assert any(line.startswith("no  model: ") and expected in line for line in lines), lines


async def test_tokens_in_the_env_file_are_found_and_not_printed(run_doctor: RunDoctor, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DISCORD_TOKEN=very-secret\nDISCORD_API_URL=http://127.0.0.1:1\n")
    is_ok, lines = await run_doctor()
    assert is_ok
    assert "--  discord: DISCORD_TOKEN set" in lines
    assert "very-secret" not in "".join(lines)


async def test_owner_of_a_used_port_is_named(run_doctor: RunDoctor) -> None:
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        used.listen()
        port = str(used.getsockname()[1])
        is_ok, lines = await run_doctor(WEB_PORT=port)
    assert not is_ok
    assert any(line.startswith(f"no  WEB_PORT: port {port} is taken by ") for line in lines), lines
