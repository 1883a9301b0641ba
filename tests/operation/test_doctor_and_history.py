"""`threadwell doctor` and `threadwell history`, against the real stack and against nothing."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
from pathlib import Path

import pytest

from chat_service import handlers
from chat_service.contracts import Attachment, Inbound
from chat_service.contracts.messages import MAX_INLINE
from chat_service.engine.process import free_port
from chat_service.ingress import IngressClient
from tests.conversation.talk import read_history, send_message
from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import ScriptedResponse
from tests.operation.up import PORTS, clean_env
from tests.processes import Stack


async def threadwell(folder: Path, *arguments: str, **env: str) -> tuple[int, list[str]]:
    """Run a command: its status, and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bots", *arguments, cwd=folder, env=clean_env(**env),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, said.decode().splitlines()


def ports() -> dict[str, str]:
    return {name: str(free_port()) for name in PORTS}


def of(stack: Stack) -> dict[str, str]:
    """The settings by which a person would reach the stack."""
    return {
        "RESTATE_INGRESS_URL": stack.engine.ingress_url,
        "RESTATE_ADMIN_URL": stack.engine.admin_url,
        "CHAT_SERVICE_PORT": str(stack.service_port),
        "WEB_PORT": str(free_port()),
        "OPENAI_BASE_URL": stack.model.base_url,
        "OPENAI_API_KEY": "test-key",
        "OPENAI_MODEL": "scripted",
    }


async def test_the_doctor_finds_a_running_stack_well(stack: Stack, tmp_path: Path) -> None:
    status, said = await threadwell(tmp_path, "doctor", **of(stack))
    assert status == 0, said
    said = [re.sub(r" \d+\.\d+\.\d+ ", " 3 ", re.sub(r"/[0-9a-f]{12}$", "/VERSION", line)) for line in said]
    assert said[:6] == [
        "ok  Python: 3 (3.11 or newer is needed)",
        f"ok  Restate: answers at {stack.engine.ingress_url}",
        f"ok  Restate admin: answers at {stack.engine.admin_url}",
        f"ok  chat service: registered, answers at http://127.0.0.1:{stack.service_port}/VERSION",
        "ok  model: scripted at 127.0.0.1",
        "--  slack: not configured; to enable the bot, set SLACK_BOT_TOKEN and "
        "(SLACK_APP_TOKEN or SLACK_SIGNING_SECRET)",
    ]
    assert any(line.startswith("ok  CHAT_SERVICE_PORT: ") and "in use by" in line for line in said)
    assert any(line.startswith("ok  WEB_PORT: ") and line.endswith("free") for line in said)


async def test_the_doctor_tells_a_chat_service_that_is_gone(stack: Stack, tmp_path: Path) -> None:
    await stack.kill_service()
    try:
        status, said = await threadwell(tmp_path, "doctor", **of(stack))
    finally:
        url = await stack.start_service()
    assert status == 1
    assert f"no  chat service: registered, but Restate gets no answer from {url}: start it there, or run" in "\n".join(
        said
    )


async def test_the_doctor_finds_a_machine_before_its_first_start_well(tmp_path: Path) -> None:
    status, said = await threadwell(tmp_path, "doctor", **ports(), THREADWELL_CACHE_DIR=str(tmp_path / "cache"))
    assert status == 0, said
    assert any(line.startswith("ok  Restate: not running, ") for line in said)
    assert "ok  model: embedded model, downloaded at the first start (491 MB)" in said
    assert len([line for line in said if line.startswith("ok  ") and line.endswith("free")]) == 5
    assert not (tmp_path / "cache").exists(), "the doctor changes nothing"


@pytest.mark.parametrize(
    ("env", "line"),
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
async def test_the_doctor_says_what_is_wrong(tmp_path: Path, env: dict[str, str], line: str) -> None:
    status, said = await threadwell(tmp_path, "doctor", **{**ports(), **env})
    assert any(re.match(line, one) for one in said), said
    assert status == (0 if line.startswith("--") else 1)
    assert len([one for one in said if one.startswith("no  ")]) == status


async def test_the_doctor_tests_key_and_model(model: ModelControl, tmp_path: Path) -> None:
    right = {**ports(), "OPENAI_BASE_URL": model.base_url, "OPENAI_API_KEY": "test-key", "OPENAI_MODEL": "scripted"}
    for wrong, telling in (({"OPENAI_API_KEY": "nonsense"}, "OPENAI_API_KEY"), ({"OPENAI_MODEL": "gpt-9"}, "'gpt-9'")):
        status, said = await threadwell(tmp_path, "doctor", **{**right, **wrong})
        assert status == 1
        assert any(line.startswith("no  model: ") and telling in line for line in said), said


async def test_the_doctor_sees_tokens_in_the_env_file_and_shows_none(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DISCORD_TOKEN=very-secret\nDISCORD_API_URL=http://127.0.0.1:1\n")
    status, said = await threadwell(tmp_path, "doctor", **ports())
    assert status == 0
    assert "--  discord: DISCORD_TOKEN set" in said
    assert "very-secret" not in "".join(said)


async def test_the_doctor_names_who_has_a_port(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        status, said = await threadwell(tmp_path, "doctor", **{**ports(), "WEB_PORT": port})
    assert status == 1
    assert any(line.startswith(f"no  WEB_PORT: port {port} is taken by ") for line in said), said


async def test_history_prints_a_conversation_whole_and_in_order(
    stack: Stack, ingress: IngressClient, key: str, tmp_path: Path
) -> None:
    for number in range(3):
        await send_message(ingress, key, f"line {number} [b]")
    status, said = await threadwell(tmp_path, "history", key, **of(stack))
    assert status == 0
    told = [line for line in said if "line" in line]
    assert told == [text for number in range(3) for text in (f"line {number} [b]", f"echo: line {number} [b]")]


async def test_history_for_machines_is_json_with_every_page(
    stack: Stack, ingress: IngressClient, key: str, tmp_path: Path
) -> None:
    for number in range(240):
        await ingress.call(handlers.CHAT_MESSAGE, key, Inbound(message=f"{number}", expects_reply=False))
    await send_message(ingress, key, "and?")
    status, said = await threadwell(tmp_path, "history", key, "--json", **of(stack))
    assert status == 0
    whole = json.loads("\n".join(said))
    assert [message["text"] for message in whole["messages"]][:-1] == [*map(str, range(240)), "and?"]
    assert whole["next_before"] is None


async def test_history_prints_large_messages_too(
    stack: Stack, ingress: IngressClient, key: str, tmp_path: Path
) -> None:
    """They come in pages that are shorter than what was asked for."""
    picture = Attachment(name="p.png", media_type="image/png", data="A" * MAX_INLINE)
    for number in range(40):
        one = Inbound(message=f"picture {number}", attachments=[picture], expects_reply=False)
        await ingress.call(handlers.CHAT_MESSAGE, key, one)
    assert len((await read_history(ingress, key, limit=200)).messages) < 20
    status, said = await threadwell(tmp_path, "history", key, **of(stack))
    assert status == 0
    assert [line for line in said if "picture" in line] == [f"picture {number}" for number in range(40)]


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
async def test_history_prints_the_edges_of_time(
    stack: Stack, ingress: IngressClient, key: str, tmp_path: Path, zone: str
) -> None:
    """There the year 1 begins in the year 0, or the hour has no name."""
    await send_message(ingress, key, "long ago", at="0001-01-01T00:00:00Z")
    status, said = await threadwell(tmp_path, "history", key, **of(stack), TZ=zone)
    assert status == 0, said
    assert "long ago" in said


async def test_history_shows_what_is_being_answered_and_what_failed(
    stack: Stack, ingress: IngressClient, key: str, tmp_path: Path
) -> None:
    await stack.model.script(ScriptedResponse(kind="fail", status=401))
    await send_message(ingress, key, "first")
    await stack.model.script(ScriptedResponse(kind="gate"))
    number = await stack.model.count_requests()
    await ingress.send(handlers.CHAT_MESSAGE, key, Inbound(message="second"))
    seen = await stack.model.wait_for_question("second", number)
    status, said = await threadwell(tmp_path, "history", key, **of(stack))
    await stack.model.finish(seen.number)
    assert status == 0
    assert any("failed" in line for line in said)
    assert any("OPENAI_API_KEY" in line for line in said), said
    assert any("being answered" in line for line in said)
    assert "second" in said


async def test_history_of_nothing_and_from_nowhere(stack: Stack, tmp_path: Path) -> None:
    status, said = await threadwell(tmp_path, "history", "nobody-was-here", **of(stack))
    assert (status, said) == (0, ["nobody-was-here has no messages."])
    status, said = await threadwell(tmp_path, "history", "k", RESTATE_INGRESS_URL="http://127.0.0.1:1")
    assert status == 1
    assert len(said) == 1
    assert said[0].startswith("threadwell: Restate cannot be reached at http://127.0.0.1:1")
    assert said[0].endswith("is `threadwell up` running?")


async def test_history_does_nothing_to_the_terminal(
    stack: Stack, ingress: IngressClient, key: str, tmp_path: Path
) -> None:
    """Whoever chats must not colour, name or move the operator's window, nor turn its text around."""
    author = {"id": "U1", "name": "Ada\x1b[41m"}
    await send_message(ingress, key, "\x1b[31mred \x1b]0;pwned\x07 \x9b2J \u202eabc\nsecond line", author=author)
    status, said = await threadwell(tmp_path, "history", key, **of(stack))
    assert status == 0
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", "".join(said)), said
    assert any("red" in line and "abc" in line for line in said) and "second line" in said


@pytest.mark.parametrize("form", [(), ("--json",)])
async def test_history_ends_quietly_when_whoever_reads_has_read_enough(
    stack: Stack, ingress: IngressClient, key: str, tmp_path: Path, form: tuple[str, ...]
) -> None:
    for number in range(40):
        text = f"{number} " + "word " * 2000
        await ingress.call(handlers.CHAT_MESSAGE, key, Inbound(message=text, expects_reply=False))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bots", "history", key, *form, cwd=tmp_path, env=clean_env(**of(stack)),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    await process.stdout.readline()
    process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]  # as `| head` does
    complaint = (await process.stderr.read()).decode()
    assert await asyncio.wait_for(process.wait(), 60) == 1
    assert complaint == ""


async def test_history_says_that_the_chat_service_is_away(own_stack: Stack, tmp_path: Path) -> None:
    await own_stack.kill_service()
    status, said = await threadwell(tmp_path, "history", "k", **of(own_stack))
    assert status == 1 and len(said) == 1
    assert said[0].startswith("threadwell: the chat service does not answer: start it"), said
