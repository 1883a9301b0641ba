"""What `make run` does on a fresh machine: a page, and a real model that remembers."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

import psutil
import pytest

from chat_service.local_model.process import MAX_EXITS
from chat_service.local_model.weights import SIZE, find_weights
from chat_service.settings import Settings
from tests.operation.page import browser
from tests.operation.up import Up, prepared
from tests.processes import eventually

pytestmark = pytest.mark.local_model

SERVER = "chat_service.local_model.server"


async def killed_model(up: Up) -> None:
    """Kill the model's process, as soon as there is one that has not died yet."""

    async def running() -> list[psutil.Process]:
        return [one for one in psutil.Process(up.pid).children() if SERVER in _command(one)]

    (model,) = await eventually(running, bool)
    model.kill()

    async def gone() -> bool:
        return not model.is_running()

    await eventually(gone, bool)


def _command(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        return process.cmdline()
    return []


@pytest.fixture(scope="session")
async def downloads() -> Path:
    """The embedded model in the user's own cache: fetched once, by the code that `make run` fetches it with."""
    path = await find_weights(Settings(_env_file=None))
    assert path.stat().st_size == SIZE
    return path


@pytest.mark.usefixtures("downloads")
async def test_the_local_model_recalls_a_name_two_turns_later(tmp_path: Path) -> None:
    """No setting but free ports: engine and model are found as a person's start finds them."""
    async with prepared(tmp_path, None) as up:
        await up.ready()
        async with browser(up.page) as page:
            assert await page.ask("Hello, my name is Marguerite. Please remember it.")
            assert "Paris" in await page.ask("What is the capital of France?")
            assert "Marguerite" in await page.ask("What is my name?")
            up.kill(signal.SIGTERM)
            assert await up.ended() == 0
            assert up.survivors() == []

            again = up.again()
            try:
                await again.ready()
                history = await page.history()
                assert len(history["messages"]) == 6
                assert "Marguerite" in await page.ask("And what is my name?")
            finally:
                again.kill()
                await again.ended()

                async def left() -> list[str]:
                    return again.survivors()

                await eventually(left, lambda names: not names)


@pytest.mark.usefixtures("downloads")
async def test_a_model_that_dies_comes_back_and_answers(tmp_path: Path) -> None:
    """However long it takes to load again: what is asked meanwhile waits, and uses up none of the turn's tries."""
    async with prepared(tmp_path, None, MODEL_MAX_ATTEMPTS="1") as up:
        await up.ready()
        async with browser(up.page) as page:
            assert await page.ask("Hello, my name is Marguerite. Please remember it.")
            await killed_model(up)
            assert "Marguerite" in await page.ask("What is my name?")
        up.kill(signal.SIGTERM)
        assert await up.ended() == 0


@pytest.mark.usefixtures("downloads")
async def test_a_model_that_dies_again_and_again_ends_the_rest_with_a_word(tmp_path: Path) -> None:
    async with prepared(tmp_path, None) as up:
        await up.ready()
        for _ in range(MAX_EXITS):
            await killed_model(up)
        assert await up.ended() == 1
        assert up.said[-1].startswith(
            f"threadwell: the embedded model stopped by itself (status -9), {MAX_EXITS} times "
        )
        assert not any("Traceback" in line for line in up.said)
        assert up.survivors() == []


async def test_a_file_that_is_no_model_is_told(engine_binary: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(1000))
    async with prepared(tmp_path, engine_binary, LOCAL_MODEL=str(broken)) as up:
        status, said = await up.outcome()
        assert up.survivors() == []
    assert status == 1
    assert len(said) == 1, said
    assert said[0].startswith(f"threadwell: the embedded model {broken} cannot be loaded: see ")
