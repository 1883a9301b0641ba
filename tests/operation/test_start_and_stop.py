"""`threadwell up` is started, stopped and killed as people and machines do it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import sys
from pathlib import Path

import psutil
import pytest

from bots.cli.bot import check_bot_exists
from bots.cli.ports import check_ports
from chat_service import handlers
from chat_service.contracts import Inbound, Reply
from chat_service.engine.process import free_port
from chat_service.errors import UserError
from chat_service.ingress import IngressClient
from chat_service.settings import Settings
from tests.conversation.client import read_all_texts, send_message
from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import ScriptedResponse
from tests.fork_server import ROOT
from tests.operation.threadwell_process import ThreadwellProcess, free_ports, model_env, threadwell_process

REPLY = "Your name is Ada."


@pytest.fixture(autouse=True)
async def clear_model_script(model: ModelControl) -> None:
    await model.clear_script()


async def start_reply(model: ModelControl, ingress: IngressClient, key: str) -> tuple[str, int]:
    """Ask two questions, and return while the second is being answered: its invocation and the model's request."""
    await send_message(ingress, key, "my name is Ada", id="m1")
    number = await model.count_requests()
    await model.script(ScriptedResponse(kind="gate"))
    sent = await ingress.send(handlers.CHAT_MESSAGE, key, Inbound(message="what is my name?", id="m2"))
    request = await model.wait_for_question("what is my name?", number)
    await model.release(request.number, "Your na")
    await model.wait_for_request(request.number, "written")
    return sent.invocationId, request.number


async def expect_one_reply(ingress: IngressClient, key: str) -> None:
    """Check that both questions are answered once."""
    assert await read_all_texts(ingress, key) == ["my name is Ada", "echo: my name is Ada", "what is my name?", REPLY]


async def stop_in_mid_reply(threadwell: ThreadwellProcess, model: ModelControl, how: str) -> None:
    """Stop the process while a reply is being written. The reply is completed and no process remains."""
    assert len(threadwell.children) == 1, "the Restate server is a child"
    async with threadwell.ingress() as ingress:
        invocation, number = await start_reply(model, ingress, how)
        reply = asyncio.create_task(ingress.attach(invocation, Reply))
        if how == "Ctrl-C":
            threadwell.interrupt()
        else:
            threadwell.send_signal(signal.Signals[how])
        await threadwell.wait_for_line("stopping")
        await model.release(number, "me is Ada.")
        await model.finish(number)
        assert (await reply).reply == REPLY
    assert await threadwell.wait_exit() == 0
    assert threadwell.running_children() == []
    assert not any("Traceback" in line or "ERROR" in line for line in threadwell.lines), threadwell.lines


async def test_stop_lets_the_reply_finish_and_leaves_no_process(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    async with threadwell_process(tmp_path, engine_binary, **model_env(model)) as threadwell:
        await threadwell.start_until_ready()
        await stop_in_mid_reply(threadwell, model, "Ctrl-C")
        async with threadwell.restarted() as again:
            await stop_in_mid_reply(again, model, "SIGHUP")
        async with threadwell.restarted() as again, again.ingress() as ingress:
            for key in ("Ctrl-C", "SIGHUP"):
                await expect_one_reply(ingress, key)


async def test_interrupted_reply_is_completed_by_the_next_start(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    """After `kill -9` of the parent only, with which its children end; and after a stop that does not wait for a model
    that has stopped sending."""
    async with threadwell_process(tmp_path, engine_binary, **model_env(model)) as threadwell:
        await threadwell.start_until_ready()
        async with threadwell.ingress() as ingress:
            invocation, _ = await start_reply(model, ingress, "killed")
        threadwell.send_signal(signal.SIGKILL)
        await threadwell.wait_exit()
        await threadwell.wait_until_children_ended()

        async with threadwell.restarted() as again:
            async with again.ingress() as ingress:
                reply = await ingress.attach(invocation, Reply, timeout=60)
                assert (reply.reply, reply.status, reply.turn) == (REPLY, "answered", 2)
                await expect_one_reply(ingress, "killed")
                assert (await send_message(ingress, "killed", "What is my name?", id="m3")).reply == REPLY
                assert (await read_all_texts(ingress, "killed"))[4:] == ["What is my name?", REPLY]
                invocation, _ = await start_reply(model, ingress, "stopped")
            again.send_signal(signal.SIGTERM)
            assert await again.wait_exit() == 0
            assert again.running_children() == []

        async with threadwell.restarted() as again, again.ingress() as ingress:
            reply = await ingress.attach(invocation, Reply, timeout=60)
            assert (reply.reply, reply.status) == (REPLY, "answered")
            await expect_one_reply(ingress, "stopped")


async def test_unreachable_platform_and_missing_tokens_do_not_stop_the_rest(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    """The page answers and the bots' state is printed. The end of Restate, which is killed here, ends the process."""
    unreachable = f"http://127.0.0.1:{free_port()}/api/"
    tokens = {"DISCORD_TOKEN": "x", "DISCORD_API_URL": unreachable, "SLACK_BOT_TOKEN": "xoxb-1"}
    env = {**tokens, "DISCORD_DELIVERY_PORT": "0", **model_env(model)}
    async with threadwell_process(tmp_path, engine_binary, **env) as threadwell:
        await threadwell.start_until_ready()
        [discord] = [line for line in threadwell.lines if line.startswith("discord ")]
        assert discord.endswith("the bot connects as soon as it is")
        [slack] = [line for line in threadwell.lines if line.startswith("slack ")]
        expected = "not started: SLACK_BOT_TOKEN set, but not SLACK_APP_TOKEN or SLACK_SIGNING_SECRET"
        assert slack.split(maxsplit=1)[1].strip() == expected
        async with threadwell.ingress() as ingress:
            assert (await send_message(ingress, "k", "hi")).reply == "echo: hi"
        threadwell.children[0].kill()
        assert await threadwell.wait_exit() == 1
        assert threadwell.lines[-1].startswith("threadwell: Restate stopped by itself (status -9): see ")
        assert not any("Traceback" in line for line in threadwell.lines)


async def test_process_ends_when_make_is_killed(engine_binary: Path, model: ModelControl, tmp_path: Path) -> None:
    """A killed `make` sends its children no signal; `--with-parent` finds out."""
    async with threadwell_process(tmp_path, engine_binary, **model_env(model)) as threadwell:
        makefile = tmp_path / "Makefile"
        makefile.write_text(f"run:\n\t@exec '{sys.executable}' -m bots up --with-parent $$PPID\n")
        threadwell.command = ("make", "run")
        await threadwell.start_until_ready()
        assert len(psutil.Process(threadwell.pid).children()) == 1
        threadwell.send_signal(signal.SIGKILL)
        await threadwell.wait_exit()
        await threadwell.wait_until_children_ended()
    assert "bots up --with-parent $$PPID" in (ROOT / "Makefile").read_text()


async def test_second_start_on_the_same_data_is_rejected(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    """Also when Restate ends before its last log lines are written."""
    env = {"RESTATE_DATA_DIR": str(tmp_path / "data" / "restate"), **model_env(model)}
    async with threadwell_process(tmp_path / "first", engine_binary, **env) as first:
        await first.start_until_ready()
        for log in ({}, {"RESTATE_LOG_FILTER": "off"}):
            async with threadwell_process(tmp_path / "second", engine_binary, **env, **log) as second:
                status, lines = await second.run()
            data = env["RESTATE_DATA_DIR"]
            expected = f"threadwell: another Restate server uses {data}: stop it, or set RESTATE_DATA_DIR"
            assert (status, lines) == (1, [expected])
        async with first.ingress() as ingress:
            assert (await send_message(ingress, "k", "still there?")).reply == "echo: still there?"


@pytest.mark.usefixtures("no_settings")
@pytest.mark.parametrize(
    "variable", ["WEB_PORT", "CHAT_SERVICE_PORT", "RESTATE_INGRESS_PORT", "RESTATE_ADMIN_PORT", "RESTATE_NODE_PORT"]
)
def test_used_port_is_reported_with_its_owner_and_its_setting(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        used.listen()
        port = used.getsockname()[1]
        for name, value in {**free_ports(), variable: str(port)}.items():
            monkeypatch.setenv(name, value)
        owner = f"{psutil.Process().name()}, pid {os.getpid()}"
        with pytest.raises(UserError) as raised:
            check_ports(Settings())
    assert str(raised.value) == f"port {port} is taken by {owner}: stop it, or set {variable} to a free port"


async def test_two_settings_with_the_same_port_are_reported_before_anything_starts(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    async with threadwell_process(tmp_path, engine_binary, **model_env(model)) as threadwell:
        threadwell.ports["WEB_PORT"] = threadwell.ports["RESTATE_INGRESS_PORT"]
        status, lines = await threadwell.run()
    assert status == 1
    assert len(lines) == 1
    assert "WEB_PORT and RESTATE_INGRESS_PORT are both" in lines[0]
    assert not (tmp_path / ".threadwell").exists()


async def test_parts_find_each_other_on_free_ports_and_past_a_proxy(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    """All ports are 0, and an HTTP proxy without exceptions is set. The data are readable by their owner only."""
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:1")
    no_exceptions = dict.fromkeys(("no_proxy", "NO_PROXY"), "")
    async with threadwell_process(
        tmp_path, engine_binary, **model_env(model), **proxies, **no_exceptions
    ) as threadwell:
        threadwell.ports = dict.fromkeys(threadwell.ports, "0")
        await threadwell.start_until_ready()
        [line] = [line for line in threadwell.lines if line.startswith("ingress")]
        url = line.split()[1].removesuffix("/Chat/session123/message")
        async with IngressClient.connected(url) as ingress:
            assert (await send_message(ingress, "k", "hi")).reply == "echo: hi"
        (data,) = tmp_path.rglob("restate/threadwell")
        assert stat.S_IMODE(data.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["nobody", "../evil"])
def test_unknown_bot_is_reported(name: str) -> None:
    with pytest.raises(UserError, match=f"there is no bot '{name}'"):
        check_bot_exists(name)
