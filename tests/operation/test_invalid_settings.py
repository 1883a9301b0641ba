"""A setting that cannot be used ends the start with status 1 and one line that says what to do, without a traceback."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chat_service.endpoint import bound_config
from chat_service.errors import UserError
from chat_service.live import open_bus
from chat_service.models.availability import check_model_configured
from chat_service.models.registry import open_models
from chat_service.personas import read_personas
from chat_service.settings import Settings
from tests.fakes.model import ModelControl
from tests.operation.threadwell_process import model_env, threadwell_process

CREATES_NO_MODEL = """
def create(settings, endpoint):
    return settings
"""
RAISES = """
def create(settings, endpoint):
    raise RuntimeError("no licence\\nat all")
"""


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"RESTATE_IDENTITY_KEY": "foo"}, "RESTATE_IDENTITY_KEY=foo is not a public key ("),
        (
            {"RESTATE_IDENTITY_KEY": "publickeyv1_foo"},
            "RESTATE_IDENTITY_KEY=publickeyv1_foo is not a public key (",
        ),
        ({"OPENAI_BASE_URL": "http:///v1"}, "OPENAI_BASE_URL: Value error, a URL needs a host after http:// or"),
    ],
)
async def test_serve_with_an_invalid_setting_prints_one_line(
    env: dict[str, str], expected: str, model: ModelControl, tmp_path: Path
) -> None:
    async with threadwell_process(tmp_path, None, "serve", **{**model_env(model), **env}) as serve:
        status, lines = await serve.run()
    assert status == 1
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"threadwell: {expected}")


async def test_invalid_live_bus_url_is_reported() -> None:
    with pytest.raises(UserError, match=r"LIVE_BUS_URL is not a Redis URL \("):
        async with open_bus(Settings(_env_file=None, live_bus_url="redis://localhost:63x9")):
            pass


async def test_host_of_another_machine_is_reported() -> None:
    with pytest.raises(UserError, match=r"cannot listen on 192\.0\.2\.1, port "):
        async with bound_config("192.0.2.1", 0, "CHAT_SERVICE_PORT"):
            pass


async def test_serve_on_a_used_port_prints_one_line(model: ModelControl, tmp_path: Path) -> None:
    async with threadwell_process(tmp_path, None, "serve", **model_env(model)) as first:
        await first.start()
        await first.wait_for_line("chat service at")
        async with threadwell_process(tmp_path, None, "serve", **model_env(model)) as second:
            second.ports = first.ports
            status, lines = await second.run()
    assert status == 1
    assert len(lines) == 1
    assert lines[0].startswith(f"threadwell: port {first.ports['CHAT_SERVICE_PORT']} is taken")


async def test_up_without_a_model_ends_before_anything_starts(engine_binary: Path, tmp_path: Path) -> None:
    async with threadwell_process(tmp_path, engine_binary, LOCAL_MODEL="off") as threadwell:
        status, lines = await threadwell.run()
    assert status == 1
    assert len(lines) == 1, lines
    assert lines[0].startswith("threadwell: no model is configured: set OPENAI_API_KEY, or OPENAI_BASE_URL")
    assert not (tmp_path / ".threadwell").exists()


def test_model_name_alone_configures_no_model() -> None:
    settings = Settings(_env_file=None, openai_model="gpt-5", openai_api_key=None, openai_base_url=None)
    with pytest.raises(UserError, match=r"OPENAI_MODEL alone.*set OPENAI_API_KEY, or OPENAI_BASE_URL"):
        check_model_configured(settings)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (CREATES_NO_MODEL, "created a Settings without stream, check, close: see ChatModel in"),
        (RAISES, "failed to create a model (RuntimeError: no licence at all): fix it"),
        ("raise RuntimeError('no licence')", "cannot be imported: no licence"),
        ("def", "cannot be imported: invalid syntax ("),
    ],
)
async def test_backend_that_creates_no_model_is_reported(
    code: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"backend_{abs(hash(code))}"  # its own name: Python imports a module once
    (tmp_path / f"{module}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    backend = f"{module}:create"
    with pytest.raises(UserError, match=re.escape(f"MODEL_BACKEND={backend!r} {expected}")):
        async with open_models(Settings(_env_file=None, model_backend=backend)):
            pass


def test_invalid_persona_is_reported(tmp_path: Path) -> None:
    personas = tmp_path / "personas.toml"
    personas.write_text('[poet]\nprompt = "Rhyme."\n[sober]\ntemperature = "none"\n')
    with pytest.raises(UserError) as raised:
        read_personas(personas)
    reason = "sober.temperature: Input should be a valid number, unable to parse string as a number"
    assert str(raised.value) == f"PERSONAS_FILE={personas}: {reason} (one TOML table per persona)"


async def test_unreachable_restate_is_reported_while_the_start_waits_for_it(
    model: ModelControl, tmp_path: Path
) -> None:
    env = {"RESTATE_INGRESS_URL": "http://127.0.0.1:1", "RESTATE_ADMIN_URL": "http://127.0.0.1:1"}
    async with threadwell_process(tmp_path, None, **env, **model_env(model)) as threadwell:
        await threadwell.start()
        await threadwell.wait_for_line("waiting up to 30 s for Restate at http://127.0.0.1:1")
        assert threadwell.process and threadwell.process.returncode is None
        threadwell.interrupt()
        assert await threadwell.wait_exit() == 0


@pytest.mark.parametrize(
    ("binary", "expected"),
    [("not-a-program", "cannot be run here (Exec format error)"), ("/bin/true", "stopped by itself (status 0)")],
)
async def test_program_that_is_no_restate_server_is_reported(
    binary: str, expected: str, model: ModelControl, tmp_path: Path
) -> None:
    not_a_program = tmp_path / "not-a-program"
    not_a_program.write_bytes(b"\x7fELF no program")
    not_a_program.chmod(0o755)
    async with threadwell_process(tmp_path, tmp_path / binary, **model_env(model)) as threadwell:
        status, lines = await threadwell.run()
    assert status == 1
    assert len(lines) == 1, lines
    assert expected in lines[0]


async def test_log_file_that_cannot_be_written_is_reported(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    log = tmp_path / "data" / "restate.log"
    log.mkdir(parents=True)
    env = {"RESTATE_DATA_DIR": str(log.with_suffix("")), **model_env(model)}
    async with threadwell_process(tmp_path, engine_binary, **env) as threadwell:
        status, lines = await threadwell.run()
    assert status == 1
    assert lines[-1] == f"threadwell: {log} cannot be written (Is a directory): choose another path or fix it"
    assert not any("Traceback" in line for line in lines)


@pytest.mark.parametrize("setting", ["RESTATE_DATA_DIR", "THREADWELL_CACHE_DIR"])
async def test_folder_that_cannot_be_created_is_reported(setting: str, engine_binary: Path, tmp_path: Path) -> None:
    """Also if both Restate and the embedded model, which start concurrently, fail because of it."""
    (tmp_path / "file").touch()
    (tmp_path / "own.gguf").touch()
    folder = tmp_path / "file" / "data"
    env = {setting: str(folder)}
    if setting == "RESTATE_DATA_DIR":
        env |= {setting: str(folder / "restate"), "LOCAL_MODEL": str(tmp_path / "own.gguf")}
    async with threadwell_process(tmp_path, engine_binary, **env) as threadwell:
        status, lines = await threadwell.run()
    expected = f"threadwell: {setting}={env[setting]} cannot be created (Not a directory): set it to another folder"
    assert (status, lines[-1]) == (1, expected)
    assert not any("Traceback" in line for line in lines)
