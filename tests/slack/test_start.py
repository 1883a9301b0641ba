"""Starting: what is wrong with the tokens is one line, and who waits for Slack can be stopped."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chat_service.engine.process import free_port
from tests.operation.up import clean_env
from tests.slack.conftest import Room


@asynccontextmanager
async def started(room: Room, folder: Path, **changed: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`threadwell bot slack`, with these settings instead of the right ones."""
    given = {**room.world.stack.environment(**room.slack.env()), "SLACK_DELIVERY_PORT": "0", **changed}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bots", "bot", "slack"),
        cwd=folder,
        env=clean_env(**given),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("name", ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"])
async def test_a_wrong_token_is_one_line_and_the_end(room: Room, tmp_path: Path, name: str) -> None:
    async with started(room, tmp_path, **{name: "xapp-wrong"}) as process:
        said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert "Traceback" not in said.decode()
    assert [line for line in said.decode().splitlines() if line.startswith("threadwell: ") and name in line]


async def test_whoever_waits_for_slack_can_be_stopped(room: Room, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/api/"
    async with started(room, tmp_path, SLACK_API_URL=nobody) as process:
        assert process.stdout is not None
        said = (await asyncio.wait_for(process.stdout.readuntil(b"waiting for Slack"), 60)).decode()
        process.terminate()
        said += (await asyncio.wait_for(process.stdout.read(), 60)).decode()
        assert await asyncio.wait_for(process.wait(), 60) == 0
    assert "Traceback" not in said
