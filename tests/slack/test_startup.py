"""Starting the bot: a wrong token is one line, and a bot that waits for Slack can be stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chat_service.engine.process import free_port
from tests.fork_server import ForkedProcess, python_process
from tests.operation.threadwell_process import clean_env
from tests.processes import eventually
from tests.slack.stack import Workspace

LOG = "bot.log"


@asynccontextmanager
async def started_bot(workspace: Workspace, folder: Path, **changed: str) -> AsyncIterator[ForkedProcess]:
    """Run `threadwell bot slack` in a folder with some changed settings. Its stderr is the file `LOG`."""
    settings = workspace.stack.stack.environment(**workspace.slack.env())
    env = clean_env(**{**settings, "SLACK_DELIVERY_PORT": "0", **changed})
    with (folder / LOG).open("wb") as log:
        async with python_process("bots", "bot", "slack", env=env, cwd=folder, stderr=log.fileno()) as process:
            yield process


@pytest.mark.parametrize("name", ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"])
async def test_wrong_token_ends_the_bot_with_one_line(workspace: Workspace, tmp_path: Path, name: str) -> None:
    async with started_bot(workspace, tmp_path, **{name: "xapp-wrong"}) as process:
        assert await asyncio.wait_for(process.wait(), 60) == 1
    lines = (tmp_path / LOG).read_text().splitlines()
    assert [line for line in lines if line.startswith("threadwell: ") and name in line]
    assert not any("Traceback" in line for line in lines)


async def test_bot_waiting_for_slack_can_be_stopped(workspace: Workspace, tmp_path: Path) -> None:
    unused = f"http://127.0.0.1:{free_port()}/api/"

    async def read_log() -> str:
        return (tmp_path / LOG).read_text()

    async with started_bot(workspace, tmp_path, SLACK_API_URL=unused) as process:
        await eventually(read_log, lambda log: "waiting for Slack" in log)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 60) == 0
    assert "Traceback" not in await read_log()
