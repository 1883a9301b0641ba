"""Upgrades: a new version of the code is registered while a turn of the old version is running."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
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
from tests.fork_server import ROOT, python_process
from tests.processes import Stack, eventually

BEFORE = "        result = await answer_turn("
AFTER = "        await now(ctx)\n" + BEFORE
"""One more journal entry before the model step: the new code cannot replay a journal of the old code."""


@pytest.fixture
async def upgrade_stack(killable_stack: Stack) -> AsyncIterator[Stack]:
    """A stack whose code is replaced by the test. Afterwards the current code is registered again."""
    yield killable_stack
    await killable_stack.close_service()
    killable_stack.source = ROOT
    await killable_stack.start_service()


@pytest.fixture(scope="module")
def next_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code that writes another journal."""
    root = tmp_path_factory.mktemp("next version")
    for package in ("bots", "chat_service"):
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    module = root / "chat_service/turn/run.py"
    text = module.read_text()
    assert text.count(BEFORE) == 1, "the code has changed: adapt BEFORE and AFTER"
    module.write_text(text.replace(BEFORE, AFTER))
    return root


async def register(stack: Stack) -> str:
    """`threadwell register`, as a deployment runs it after an upgrade."""
    env = {**os.environ, **stack.environment(), "PYTHONPATH": str(stack.source)}
    async with python_process("bots", "register", env=env, cwd=stack.data) as process:
        assert process.stdout is not None
        output = await process.stdout.read()
        assert await process.wait() == 0
        return output.decode()


async def start_second_turn(stack: Stack, ingress: IngressClient, key: str) -> str:
    await send_message(ingress, key, "my name is Ada")
    number = await stack.model.count_requests()
    await stack.model.script(ScriptedResponse(kind="gate"))
    sent = await ingress.send(handlers.CHAT_MESSAGE, key, Inbound(message="what is my name?", id="q"))
    await stack.model.wait_for_request(number)
    return sent.invocationId


async def test_running_turn_is_answered_by_the_new_version(upgrade_stack: Stack, key: str, next_version: Path) -> None:
    """Restate retries the turn at the old version without end, until it is restarted."""
    async with upgrade_stack.ingress() as ingress:
        invocation = await start_second_turn(upgrade_stack, ingress, key)
        await upgrade_stack.kill_service()
        upgrade_stack.source = next_version
        await upgrade_stack.start_service()

        async def retries() -> int:
            rows = await upgrade_stack.query(f"SELECT retry_count AS n FROM sys_invocation WHERE id = '{invocation}'")
            return int(rows[0]["n"] or 0)

        await eventually(retries, lambda n: n >= 3)
        assert "1 turns restarted" in await register(upgrade_stack)

        async def read_turn() -> Reply:
            return await ingress.call(handlers.CHAT_GET_TURN, key, TurnRequest(id="q"))

        reply = await eventually(read_turn, lambda reply: reply.status != "running")
        assert (reply.status, reply.reply, reply.turn) == ("answered", "Your name is Ada.", 2)
        assert await read_all_texts(ingress, key) == [
            "my name is Ada",
            "echo: my name is Ada",
            "what is my name?",
            "Your name is Ada.",
        ]
        assert (await send_message(ingress, key, "goodbye")).status == "answered"


async def test_waiting_message_is_answered_by_the_new_version(
    upgrade_stack: Stack, key: str, next_version: Path
) -> None:
    """The waiting message may overtake the running turn, which then fails with "try again"."""
    key = new_web_key()
    async with upgrade_stack.ingress() as ingress:
        number = await upgrade_stack.model.count_requests()
        await upgrade_stack.model.script(ScriptedResponse(kind="gate"))
        await queue_message(ingress, key, "first", "m0")
        await upgrade_stack.model.wait_for_question("first", number)
        await queue_message(ingress, key, "second", "m1")
        await upgrade_stack.kill_service()
        upgrade_stack.source = next_version
        await upgrade_stack.start_service()
        await register(upgrade_stack)
        assert (await wait_for_turn(ingress, key, "m1")).reply == "echo: second"
        first = await wait_for_turn(ingress, key, "m0")
        assert first.status == "answered" or (first.status == "failed" and "try again" in (first.error or ""))
        page = await read_history(ingress, key)
        assert page.running is None and page.waiting == []


async def test_old_version_that_still_runs_finishes_its_turn(
    upgrade_stack: Stack, model: ModelControl, key: str, next_version: Path
) -> None:
    """Both versions run, as in a rolling release. The old turn ends in the old version."""
    async with upgrade_stack.ingress() as ingress:
        invocation = await start_second_turn(upgrade_stack, ingress, key)
        number = await model.count_requests() - 1
        newer = upgrade_stack.with_source(next_version)
        try:
            await newer.start_service()
            assert "restarted" not in await register(newer)
            await model.release(number, "finished by the old version")
            await model.finish(number)
            assert (await ingress.attach(invocation, Reply)).reply == "finished by the old version"
            assert (await send_message(ingress, key, "hello")).reply == "echo: hello"
        finally:
            await newer.close_service()


async def test_previous_version_can_be_started_again(upgrade_stack: Stack, key: str, next_version: Path) -> None:
    """Restate calls the version that was registered last. Registering an old address again makes it the last."""
    async with upgrade_stack.ingress() as ingress:
        await send_message(ingress, key, "my name is Ada")
        await upgrade_stack.kill_service()
        upgrade_stack.source = next_version
        await upgrade_stack.start_service()
        assert (await send_message(ingress, key, "hello")).status == "answered"
        await upgrade_stack.kill_service()
        upgrade_stack.source = ROOT
        await upgrade_stack.start_service()
        async with asyncio.timeout(30):
            assert (await send_message(ingress, key, "what is my name?")).reply == "Your name is Ada."
