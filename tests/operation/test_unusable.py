"""Settings that read well and cannot be used: one line each at the start, which says what to do, and no traceback."""

from __future__ import annotations

import asyncio
import signal
import stat
from pathlib import Path

import pytest

from chat_service.engine.process import free_port
from tests.conversation.talk import send_message
from tests.fakes.model import ModelControl
from tests.operation.up import answering, prepared

BACKEND = """
def explodes(settings, endpoint):
    raise RuntimeError("no licence\\nat all")
"""


@pytest.mark.parametrize("key", ["foo", "publickeyv1_foo"])
async def test_an_identity_key_that_is_none_is_one_line(key: str, model: ModelControl, tmp_path: Path) -> None:
    async with prepared(tmp_path, None, RESTATE_IDENTITY_KEY=key, **answering(model)) as up:
        up.command = (*up.command[:-1], "serve")
        status, said = await up.outcome()
    assert status == 1
    assert len(said) == 1, said
    assert said[0].startswith(f"threadwell: RESTATE_IDENTITY_KEY={key} is not a public key (")


THING = """
def explodes(settings, endpoint):
    return settings
"""


@pytest.mark.parametrize(
    ("code", "telling"),
    [
        (
            THING,
            "created a Settings without stream, check, close: see ChatModel in chat_service/models/protocol.py",
        ),
        (BACKEND, "failed to create a model (RuntimeError: no licence at all): fix it"),
        ("raise RuntimeError('no licence')", "cannot be imported: no licence"),
        ("def", "cannot be imported: invalid syntax (backend.py, line 1)"),
    ],
)
async def test_a_backend_that_makes_no_model_is_one_line(code: str, telling: str, tmp_path: Path) -> None:
    (tmp_path / "backend.py").write_text(code)
    async with prepared(tmp_path, None, MODEL_BACKEND="backend:explodes") as up:
        up.command = (*up.command[:-1], "serve")
        status, said = await up.outcome()
    assert (status, said) == (1, [f"threadwell: MODEL_BACKEND='backend:explodes' {telling}"])


DEAD = "the model is not available yet: the model's endpoint cannot be reached (http://127.0.0.1:1/v1)"


async def test_a_model_that_does_not_answer_is_told_at_the_start(engine_binary: Path, tmp_path: Path) -> None:
    """And not first to a person who asks something. The rest comes up all the same."""
    async with prepared(tmp_path, engine_binary, OPENAI_BASE_URL="http://127.0.0.1:1/v1") as up:
        await up.ready()
        assert (await up.until("the model is not available")).strip() == DEAD
        up.interrupt()
        assert await up.ended() == 0


async def test_the_chat_service_alone_tells_of_a_model_that_does_not_answer(tmp_path: Path) -> None:
    async with prepared(tmp_path, None, OPENAI_BASE_URL="http://127.0.0.1:1/v1") as up:
        up.command = (*up.command[:-1], "serve")
        await up.start()
        assert (await up.until("the model is not available")).strip().endswith(DEAD)
        up.kill(signal.SIGTERM)
        assert await up.ended() == 0


async def test_a_persona_that_cannot_be_used_is_named(model: ModelControl, tmp_path: Path) -> None:
    personas = tmp_path / "personas.toml"
    personas.write_text('[poet]\nprompt = "Rhyme."\n[sober]\ntemperature = "none"\n')
    async with prepared(tmp_path, None, PERSONAS_FILE=str(personas), **answering(model)) as up:
        up.command = (*up.command[:-1], "serve")
        status, said = await up.outcome()
    telling = "sober.temperature: Input should be a valid number, unable to parse string as a number"
    assert (status, said) == (1, [f"threadwell: PERSONAS_FILE={personas}: {telling} (one TOML table per persona)"])


async def test_a_start_says_what_it_waits_for(model: ModelControl, tmp_path: Path) -> None:
    """A Restate of one's own that is away: long before it is given up."""
    away = {"RESTATE_INGRESS_URL": "http://127.0.0.1:1", "RESTATE_ADMIN_URL": "http://127.0.0.1:1"}
    async with prepared(tmp_path, None, **away, **answering(model)) as up:
        await up.start()
        await up.until("waiting up to 30 s for Restate at http://127.0.0.1:1")
        assert up.process and up.process.returncode is None
        up.interrupt()
        assert await up.ended() == 0


async def test_an_ipv6_address_stands_in_brackets(model: ModelControl, tmp_path: Path) -> None:
    async with prepared(tmp_path, None, CHAT_SERVICE_HOST="::1", **answering(model)) as up:
        up.command = (*up.command[:-1], "serve")
        await up.start()
        line = await up.until("chat service at")
        assert line.startswith(f"chat service at http://[::1]:{up.ports['CHAT_SERVICE_PORT']}/")
        _, writer = await asyncio.open_connection("::1", up.ports["CHAT_SERVICE_PORT"])
        writer.close()


@pytest.mark.parametrize(
    ("setting", "value", "telling"),
    [
        (
            "OPENAI_BASE_URL",
            "http:///v1",
            "OPENAI_BASE_URL: Value error, a URL needs a host after http:// or https:// (",
        ),
        ("LIVE_BUS_URL", "redis://localhost:63x9", "LIVE_BUS_URL is not a Redis URL ("),
        ("CHAT_SERVICE_HOST", "192.0.2.1", "cannot listen on 192.0.2.1, port "),
    ],
)
async def test_an_address_that_is_none_is_one_line(
    setting: str, value: str, telling: str, model: ModelControl, tmp_path: Path
) -> None:
    async with prepared(tmp_path, None, **{**answering(model), setting: value}) as up:
        up.command = (*up.command[:-1], "serve")
        status, said = await up.outcome()
    assert status == 1
    assert len(said) == 1, said
    assert said[0].startswith(f"threadwell: {telling}")


async def test_a_log_that_cannot_be_written_is_one_line(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    log = tmp_path / "data" / "restate.log"
    log.mkdir(parents=True)
    async with prepared(tmp_path, engine_binary, RESTATE_DATA_DIR=str(log.with_suffix("")), **answering(model)) as up:
        status, said = await up.outcome()
    assert status == 1
    assert said[-1] == f"threadwell: {log} cannot be written (Is a directory): choose another path or fix it"
    assert not any("Traceback" in line for line in said)


async def test_a_folder_that_cannot_be_made_is_one_line(engine_binary: Path, tmp_path: Path) -> None:
    """Also where the engine and the embedded model, which start side by side, both fail on it."""
    (tmp_path / "file").touch()
    within = tmp_path / "file" / "data"
    (tmp_path / "own.gguf").touch()
    local = {"LOCAL_MODEL": str(tmp_path / "own.gguf")}
    async with prepared(tmp_path, engine_binary, RESTATE_DATA_DIR=str(within / "restate"), **local) as up:
        status, said = await up.outcome()
    assert (status, said[-1]) == (
        1,
        f"threadwell: RESTATE_DATA_DIR={within}/restate cannot be created (Not a directory): set it to another folder",
    )
    assert not any("Traceback" in line for line in said)
    async with prepared(tmp_path, engine_binary, THREADWELL_CACHE_DIR=str(within)) as up:
        status, said = await up.outcome()
    assert status == 1
    assert (
        said[-1]
        == f"threadwell: THREADWELL_CACHE_DIR={within} cannot be created (Not a directory): set it to another folder"
    )


async def test_a_platform_that_is_away_holds_nothing_up(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    """The page answers, the start says what it waits for, and a Restate that dies is noticed all the same."""
    nobody = f"http://127.0.0.1:{free_port()}/api/"
    tokens = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1", "SLACK_API_URL": nobody}
    slack = {**tokens, "SLACK_DELIVERY_PORT": "0"}
    async with prepared(tmp_path, engine_binary, **slack, **answering(model)) as up:
        await up.ready()
        assert any(line.startswith("slack") and line.endswith("as soon as it is") for line in up.said)
        async with up.ingress() as ingress:
            assert (await send_message(ingress, "k", "hi")).reply == "echo: hi"
        up.family[0].kill()
        assert await up.ended() == 1
        assert up.said[-1].startswith("threadwell: Restate stopped by itself")


async def test_what_is_said_is_for_its_owner_alone(engine_binary: Path, model: ModelControl, tmp_path: Path) -> None:
    async with prepared(tmp_path, engine_binary, **answering(model)) as up:
        await up.ready()
        (data,) = tmp_path.rglob("restate/threadwell")
        assert stat.S_IMODE(data.parent.stat().st_mode) == 0o700
