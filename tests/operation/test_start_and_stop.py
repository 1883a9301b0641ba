"""`threadwell up`, started, stopped and killed as people and machines do it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from chat_service import handlers
from chat_service.contracts import Inbound, Reply
from chat_service.ingress import IngressClient
from tests.conversation.talk import send_message, read_all_texts
from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import ScriptedResponse
from tests.fork_server import ROOT
from tests.operation.up import Up, answering, prepared
from tests.processes import eventually

GATE = ScriptedResponse(kind="gate")


@pytest.fixture(autouse=True)
async def no_leftover_script(model: ModelControl) -> None:
    await model.clear_script()


async def in_mid_reply(model: ModelControl, ingress: IngressClient) -> tuple[str, int]:
    """A second question that is being answered: its invocation and the number of the model's request."""
    await send_message(ingress, "k", "my name is Ada", id="m1")
    number = await model.count_requests()
    await model.script(GATE)
    sent = await ingress.send(handlers.CHAT_MESSAGE, "k", Inbound(message="what is my name?", id="m2"))
    seen = await model.wait_for_question("what is my name?", number)
    await model.release(seen.number, "Your na")
    await model.wait_for_request(seen.number, "written")
    return sent.invocationId, seen.number


def no_survivors(up: Up) -> Callable[[], Awaitable[list[str]]]:
    async def look() -> list[str]:
        return up.survivors()

    return look


@pytest.mark.parametrize("how", ["terminal", "SIGTERM", "SIGHUP"])
async def test_a_stop_lets_the_reply_finish_and_leaves_nobody(
    how: str, engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    async with prepared(tmp_path, engine_binary, **answering(model)) as up:
        await up.ready()
        assert len(up.family) == 1, "the Restate server is a child"
        async with up.ingress() as ingress:
            invocation, number = await in_mid_reply(model, ingress)
            reply = asyncio.create_task(ingress.attach(invocation, Reply))
            if how == "terminal":
                up.interrupt()
            else:
                up.kill(signal.Signals[how])
            await up.until("stopping")
            await model.release(number, "me is Ada.")
            await model.finish(number)
            assert (await reply).reply == "Your name is Ada."
        assert await up.ended() == 0
        assert up.survivors() == []
        assert not any("Traceback" in line or "ERROR" in line for line in up.said), up.said

        again = up.again()
        try:
            await again.ready()
            async with again.ingress() as ingress:
                assert await read_all_texts(ingress, "k") == [
                    "my name is Ada", "echo: my name is Ada", "what is my name?", "Your name is Ada.",
                ]  # fmt: skip
        finally:
            again.kill()
            await again.ended()


async def test_a_stop_does_not_wait_for_a_silent_model_and_the_next_start_answers(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    async with prepared(tmp_path, engine_binary, **answering(model)) as up:
        await up.ready()
        async with up.ingress() as ingress:
            invocation, _ = await in_mid_reply(model, ingress)
        up.kill(signal.SIGTERM)
        assert await up.ended() == 0
        assert up.survivors() == []
        async with prepared(tmp_path, engine_binary, **answering(model)) as again:
            again.ports = up.ports
            await again.ready()
            async with again.ingress() as ingress:
                reply = await ingress.attach(invocation, Reply, timeout=60)
                assert (reply.reply, reply.status) == ("Your name is Ada.", "answered")
                assert (await read_all_texts(ingress, "k")).count("Your name is Ada.") == 1


async def test_everything_killed_in_mid_reply_is_taken_up_by_the_next_start(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    """kill -9 of the parent alone: its children die with it, the reply comes once, the conversation goes on."""
    async with prepared(tmp_path, engine_binary, **answering(model)) as up:
        await up.ready()
        async with up.ingress() as ingress:
            invocation, _ = await in_mid_reply(model, ingress)
        up.kill(signal.SIGKILL)
        await up.ended()
        await eventually(no_survivors(up), lambda left: not left)

        again = up.again()
        try:
            await again.ready()
            async with again.ingress() as ingress:
                reply = await ingress.attach(invocation, Reply, timeout=60)
                assert (reply.reply, reply.status, reply.turn) == ("Your name is Ada.", "answered", 2)
                before = ["my name is Ada", "echo: my name is Ada", "what is my name?", "Your name is Ada."]
                assert await read_all_texts(ingress, "k") == before
                assert (await send_message(ingress, "k", "What is my name?", id="m3")).reply == "Your name is Ada."
                assert await read_all_texts(ingress, "k") == [*before, "What is my name?", "Your name is Ada."]
        finally:
            again.kill()
            await again.ended()


async def test_a_child_that_goes_away_ends_the_rest_with_a_word(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    async with prepared(tmp_path, engine_binary, **answering(model)) as up:
        await up.ready()
        up.family[0].kill()
        assert await up.ended() == 1
        assert up.said[-1].startswith("threadwell: Restate stopped by itself (status -9): see ")
        assert not any("Traceback" in line for line in up.said)


async def test_a_start_ends_with_make(engine_binary: Path, model: ModelControl, tmp_path: Path) -> None:
    """`make`, killed with kill -9, tells its children nothing; `--with-parent` notices."""
    async with prepared(tmp_path, engine_binary, **answering(model)) as up:
        makefile = tmp_path / "Makefile"
        makefile.write_text(f"run:\n\t@exec '{sys.executable}' -m bots up --with-parent $$PPID\n")
        up.command = ("make", "run")
        await up.ready()
        threadwell = psutil.Process(up.pid).children()
        assert len(threadwell) == 1
        up.kill()
        await up.ended()
        await eventually(no_survivors(up), lambda left: not left)


async def test_the_real_makefile_starts_it_with_its_parent() -> None:
    assert "bots up --with-parent $$PPID" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("engine_says", ["why", "nothing"])
async def test_a_second_start_on_the_same_data_is_refused_in_one_line(
    engine_binary: Path, model: ModelControl, tmp_path: Path, engine_says: str
) -> None:
    """Also when the engine ends before its last lines are written."""
    data = {"RESTATE_DATA_DIR": str(tmp_path / "data" / "restate"), **answering(model)}
    log = {"RESTATE_LOG_FILTER": "off"} if engine_says == "nothing" else {}
    async with (
        prepared(tmp_path / "one", engine_binary, **data) as first,
        prepared(tmp_path / "two", engine_binary, **data, **log) as second,
    ):
        await first.ready()
        status, said = await second.outcome()
        assert status == 1
        assert said == [
            f"threadwell: another Restate server uses {data['RESTATE_DATA_DIR']}: stop it, or set RESTATE_DATA_DIR"
        ]
        async with first.ingress() as ingress:
            assert (await send_message(ingress, "k", "still there?")).reply == "echo: still there?"


@pytest.mark.parametrize(
    "variable", ["WEB_PORT", "CHAT_SERVICE_PORT", "RESTATE_INGRESS_PORT", "RESTATE_ADMIN_PORT", "RESTATE_NODE_PORT"]
)
async def test_a_busy_port_is_told_with_its_owner_and_its_setting(
    variable: str, engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with prepared(tmp_path, engine_binary, **answering(model)) as up:
            up.ports[variable] = port
            status, said = await up.outcome()
    me = f"{psutil.Process().name()}, pid {os.getpid()}"
    assert status == 1
    assert said == [f"threadwell: port {port} is taken by {me}: stop it, or set {variable} to a free port"]
    assert not (tmp_path / ".threadwell").exists()


async def test_two_settings_with_one_port_are_told(engine_binary: Path, model: ModelControl, tmp_path: Path) -> None:
    async with prepared(tmp_path, engine_binary, **answering(model)) as up:
        up.ports["WEB_PORT"] = up.ports["RESTATE_INGRESS_PORT"]
        status, said = await up.outcome()
    assert status == 1
    assert len(said) == 1
    assert "WEB_PORT and RESTATE_INGRESS_PORT are both" in said[0]


async def test_ports_of_zero_are_free_ones_and_all_parts_find_each_other(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    async with prepared(tmp_path, engine_binary, **answering(model)) as up:
        up.ports = dict.fromkeys(up.ports, 0)
        await up.ready()
        url = (
            next(line for line in up.said if line.startswith("ingress"))
            .split()[1]
            .removesuffix("/Chat/session123/message")
        )
        async with IngressClient.connected(url) as ingress:
            assert (await send_message(ingress, "k", "hi")).reply == "echo: hi"


async def test_a_proxy_on_the_way_out_does_not_come_between_the_parts(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:1")
    nothing_excepted = dict.fromkeys(("no_proxy", "NO_PROXY"), "")
    async with prepared(tmp_path, engine_binary, **answering(model), **proxies, **nothing_excepted) as up:
        await up.ready()
        async with up.ingress() as ingress:
            assert (await send_message(ingress, "k", "hi")).reply == "echo: hi"


@pytest.mark.parametrize("command", ["up", "serve"])
@pytest.mark.parametrize("named", [{}, {"OPENAI_MODEL": "gpt-5"}])
async def test_no_model_is_told_at_the_start(
    command: str, named: dict[str, str], engine_binary: Path, tmp_path: Path
) -> None:
    async with prepared(tmp_path, engine_binary, LOCAL_MODEL="off", **named) as up:
        up.command = (*up.command[:-1], command)
        status, said = await up.outcome()
    assert status == 1
    assert len(said) == 1, said
    assert said[0].startswith(f"threadwell: {'OPENAI_MODEL alone' if named else 'no model is configured'}")
    assert "set OPENAI_API_KEY, or OPENAI_BASE_URL" in said[0]
    assert not (tmp_path / ".threadwell").exists(), "told before anything is started"


async def test_what_is_no_server_is_told(tmp_path: Path, model: ModelControl) -> None:
    """A program that is none, and one that leaves at once."""
    text = tmp_path / "restate-server"
    text.write_bytes(b"\x7fELF no program")
    text.chmod(0o755)
    for binary, telling in (
        (text, "cannot be run here (Exec format error)"),
        (Path("/bin/true"), "stopped by itself (status 0)"),
    ):
        async with prepared(tmp_path / f"with-{binary.name}", binary, **answering(model)) as up:
            status, said = await up.outcome()
        assert status == 1
        assert len(said) == 1, said
        assert telling in said[0]


async def test_a_bot_with_half_its_tokens_is_told_and_the_rest_runs(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    async with prepared(tmp_path, engine_binary, **answering(model), SLACK_BOT_TOKEN="xoxb-1") as up:
        await up.ready()
        up.kill(signal.SIGTERM)
        assert await up.ended() == 0
    (line,) = [line for line in up.said if line.startswith("slack ")]
    told = "not started: SLACK_BOT_TOKEN set, but not SLACK_APP_TOKEN or SLACK_SIGNING_SECRET"
    assert line.split(maxsplit=1)[1].strip() == told


async def test_bots_that_cannot_run_are_told(tmp_path: Path) -> None:
    for names, telling in ((("nobody",), "there is no bot 'nobody'"), (("../evil",), "there is no bot '../evil'")):
        async with prepared(tmp_path, None) as up:
            up.command = (*up.command[:-1], "bot", *names)
            status, said = await up.outcome()
        assert status == 1
        assert len(said) == 1, said
        assert telling in said[0]
