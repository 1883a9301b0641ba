"""A new version of the code, with a turn of the old one in flight: taken up or told as failed, never silent."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

from chat_service import handlers
from chat_service.contracts import Inbound, Reply, TurnRequest
from chat_service.ingress import IngressClient
from tests.conversation.client import (
    new_web_key,
    queue_message,
    read_all_texts,
    read_history,
    send_message,
    wait_for_turn,
)
from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import ScriptedResponse
from tests.fork_server import ROOT
from tests.processes import Stack, eventually

BEFORE = "    answer = await answer_guarded("
AFTER = "    await now(ctx)\n" + BEFORE
"""One more journal entry in every turn, before the model's: replaying an old journal with it would fail."""


@pytest.fixture
def next_version(tmp_path: Path) -> Path:
    """A copy of the code with another journal."""
    root = tmp_path / "next version"
    for package in ("bots", "chat_service"):
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    turns = root / "chat_service/turn/run.py"
    text = turns.read_text()
    assert text.count(BEFORE) == 1, "the test no longer changes what it means to change"
    turns.write_text(text.replace(BEFORE, AFTER))
    return root


async def register(stack: Stack) -> str:
    """`threadwell register`, as a deployment runs it after an upgrade."""
    env = {**os.environ, **stack.environment(), "PYTHONPATH": str(stack.source)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bots", "register", env=env, cwd=stack.data, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def in_mid_reply(stack: Stack, ingress: IngressClient, key: str) -> str:
    await send_message(ingress, key, "my name is Ada")
    number = await stack.model.count_requests()
    await stack.model.script(ScriptedResponse(kind="gate"))
    sent = await ingress.send(handlers.CHAT_MESSAGE, key, Inbound(message="what is my name?", id="q"))
    await stack.model.wait_for_request(number)
    return sent.invocationId


async def test_running_turn_is_answered_by_the_new_version(own_stack: Stack, next_version: Path) -> None:
    async with own_stack.ingress() as ingress:
        await in_mid_reply(own_stack, ingress, "k")
        await own_stack.kill_service()
        own_stack.source = next_version
        await own_stack.start_service()
        assert "1 turns restarted" in await register(own_stack)

        async def asked() -> Reply:
            return await ingress.call(handlers.CHAT_GET_TURN, "k", TurnRequest(id="q"))

        reply = await eventually(asked, lambda reply: reply.status != "running")
        assert (reply.status, reply.reply, reply.turn) == ("answered", "Your name is Ada.", 2)
        assert await read_all_texts(ingress, "k") == [
            "my name is Ada",
            "echo: my name is Ada",
            "what is my name?",
            "Your name is Ada.",
        ]
        assert (await send_message(ingress, "k", "goodbye")).status == "answered"


async def test_waiting_message_is_answered_by_the_new_version(own_stack: Stack, next_version: Path) -> None:
    """The one in flight may be overtaken by what waits behind it; then it is told, with "try again"."""
    key = new_web_key()
    async with own_stack.ingress() as ingress:
        number = await own_stack.model.count_requests()
        await own_stack.model.script(ScriptedResponse(kind="gate"))
        await queue_message(ingress, key, "first", "m0")
        await own_stack.model.wait_for_question("first", number)
        await queue_message(ingress, key, "second", "m1")
        await own_stack.kill_service()
        own_stack.source = next_version
        await own_stack.start_service()
        await register(own_stack)
        assert (await wait_for_turn(ingress, key, "m1")).reply == "echo: second"
        first = await wait_for_turn(ingress, key, "m0")
        assert first.status == "answered" or (first.status == "failed" and "try again" in (first.error or ""))
        page = await read_history(ingress, key)
        assert page.running is None and page.waiting == []


async def test_old_version_that_still_runs_finishes_its_turn(
    own_stack: Stack, model: ModelControl, next_version: Path
) -> None:
    """Both side by side, as in a rolling release: the old turn ends where it began."""
    async with own_stack.ingress() as ingress:
        invocation = await in_mid_reply(own_stack, ingress, "k")
        number = await model.count_requests() - 1
        newer = own_stack.with_source(next_version)
        try:
            await newer.start_service()
            assert "taken up" not in await register(newer)
            await model.release(number, "I finish what I began")
            await model.finish(number)
            assert (await ingress.attach(invocation, Reply)).reply == "I finish what I began"
            assert (await send_message(ingress, "k", "hello")).reply == "echo: hello"
        finally:
            await newer.close_service()


async def test_running_turn_is_answered_only_after_registration(own_stack: Stack, next_version: Path) -> None:
    """What the rescue is for: the engine alone tries the old address for ever."""
    async with own_stack.ingress() as ingress:
        invocation = await in_mid_reply(own_stack, ingress, "k")
        await own_stack.kill_service()
        own_stack.source = next_version
        await own_stack.start_service()

        async def retries() -> int:
            rows = await own_stack.query(f"SELECT retry_count AS n FROM sys_invocation WHERE id = '{invocation}'")
            return int(rows[0]["n"] or 0)

        await eventually(retries, lambda n: n >= 3)
        await register(own_stack)
        assert (await wait_for_turn(ingress, "k", "q")).status == "answered"


async def test_previous_version_can_be_started_again(own_stack: Stack, next_version: Path) -> None:
    """The engine sends to what was registered last; registering the old address again must make it the last."""
    async with own_stack.ingress() as ingress:
        await send_message(ingress, "k", "my name is Ada")
        await own_stack.kill_service()
        own_stack.source = next_version
        await own_stack.start_service()
        assert (await send_message(ingress, "k", "hello")).status == "answered"
        await own_stack.kill_service()
        own_stack.source = ROOT
        await own_stack.start_service()
        async with asyncio.timeout(30):
            assert (await send_message(ingress, "k", "what is my name?")).reply == "Your name is Ada."
