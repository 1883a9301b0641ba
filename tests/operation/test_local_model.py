"""`threadwell up` with the embedded model, as `make run` starts it on a new machine."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

import psutil
import pytest

from chat_service.local_model.process import MAX_EXITS
from chat_service.local_model.weights import SIZE, find_weights
from chat_service.settings import Settings
from tests.operation.page_client import open_page
from tests.operation.threadwell_process import ThreadwellProcess, threadwell_process
from tests.processes import eventually

pytestmark = pytest.mark.local_model

SERVER = "chat_service.local_model.server"


async def kill_model(threadwell: ThreadwellProcess) -> None:
    """Wait until the model's process runs, and kill it."""

    async def find_running() -> list[psutil.Process]:
        return [child for child in psutil.Process(threadwell.pid).children() if SERVER in _read_command(child)]

    (model,) = await eventually(find_running, bool)
    model.kill()

    async def has_ended() -> bool:
        return not model.is_running()

    await eventually(has_ended, bool)


def _read_command(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        return process.cmdline()
    return []


@pytest.fixture(scope="session")
async def downloaded_weights() -> Path:
    """The embedded model in the user's cache, downloaded by the code that `make run` downloads it with."""
    path = await find_weights(Settings(_env_file=None))
    assert path.stat().st_size == SIZE
    return path


@pytest.mark.usefixtures("downloaded_weights")
async def test_model_remembers_a_name_after_its_death_and_after_a_restart(tmp_path: Path) -> None:
    """Engine and model are found without settings. A message that arrives while the model restarts waits for it,
    however long that takes, without using up an attempt of the turn."""
    async with threadwell_process(tmp_path, None, MODEL_MAX_ATTEMPTS="1") as threadwell:
        await threadwell.start_until_ready()
        async with open_page(threadwell.page_url) as page:
            assert await page.ask("Hello, my name is Marguerite. Please remember it.")
            await kill_model(threadwell)
            assert "Marguerite" in await page.ask("What is my name?")
            threadwell.send_signal(signal.SIGTERM)
            assert await threadwell.wait_exit() == 0
            assert threadwell.running_children() == []
            async with threadwell.restarted() as again:
                assert len((await page.read_history())["messages"]) == 4
                assert "Marguerite" in await page.ask("And what is my name?")
                for _ in range(MAX_EXITS):
                    await kill_model(again)
                assert await again.wait_exit() == 1
                assert again.lines[-1].startswith(
                    f"threadwell: the embedded model stopped by itself (status -9), {MAX_EXITS} times "
                )
                assert not any("Traceback" in line for line in again.lines)
                assert again.running_children() == []


async def test_invalid_model_file_is_one_line(engine_binary: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(1000))
    async with threadwell_process(tmp_path, engine_binary, LOCAL_MODEL=str(broken)) as threadwell:
        status, lines = await threadwell.run()
        assert threadwell.running_children() == []
    assert status == 1
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"threadwell: the embedded model {broken} cannot be loaded: see ")
