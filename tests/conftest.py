"""Fixtures of the whole suite: processes that are started once, and a new conversation key for each test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import hypothesis
import pytest

from chat_service.engine.binary import find_engine
from chat_service.ingress import IngressClient
from chat_service.settings import Settings
from tests.fakes.model import ModelControl
from tests.fakes.model.running import running_model
from tests.fork_server import close_fork_server
from tests.processes import Stack, new_session_key, running_stack
from tests.shared import SharedStack, running_shared_stack

# A slow machine must not fail a test, and a failure must be reproducible.
hypothesis.settings.register_profile("threadwell", deadline=None, derandomize=True, max_examples=100)
hypothesis.settings.load_profile("threadwell")


@pytest.fixture(scope="session", autouse=True)
async def fork_server() -> AsyncIterator[None]:
    """Close the fork server after the last test. The first process that a test starts also starts the server."""
    yield
    close_fork_server()


@pytest.fixture(scope="session")
async def engine_binary() -> Path:
    """The Restate server binary, found or downloaded by the same code as in `make run`."""
    return await find_engine(Settings(_env_file=None))


@pytest.fixture(scope="session")
async def model() -> AsyncIterator[ModelControl]:
    """A fake model without shared state: it answers as the test scripts it."""
    async with running_model() as control:
        yield control


@pytest.fixture(scope="session")
async def shared(engine_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SharedStack]:
    """The processes that tests share if they kill nothing."""
    async with running_shared_stack(engine_binary, tmp_path_factory.mktemp("shared")) as running:
        yield running


@pytest.fixture(scope="session")
def stack(shared: SharedStack) -> Stack:
    """The shared engine, model and chat service."""
    return shared.stack


@pytest.fixture
async def own_stack(engine_binary: Path, model: ModelControl, tmp_path: Path) -> AsyncIterator[Stack]:
    """A stack for one test that kills processes."""
    await model.clear_script()
    async with running_stack(engine_binary, tmp_path, model) as running:
        yield running


@pytest.fixture(scope="module")
async def module_stack(
    engine_binary: Path, model: ModelControl, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """A stack for the tests of one module."""
    async with running_stack(engine_binary, tmp_path_factory.mktemp("module"), model) as running:
        yield running


@pytest.fixture
async def killable_stack(module_stack: Stack, engine_binary: Path) -> AsyncIterator[Stack]:
    """A stack for a test that kills processes. After the test, missing processes are started again."""
    await module_stack.model.clear_script()
    yield module_stack
    await module_stack.restart_missing(engine_binary)


@pytest.fixture
async def ingress(stack: Stack) -> AsyncIterator[IngressClient]:
    """A client of the shared stack. Removes scripted model responses of earlier tests."""
    await stack.model.clear_script()
    async with stack.ingress() as client:
        yield client


@pytest.fixture
def key() -> str:
    """A conversation key that is not used yet."""
    return new_session_key()


def pytest_xdist_auto_num_workers() -> int:
    """Return the number of workers for `-n auto`."""
    return min((os.cpu_count() or 1) * 2, 4)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fail skipped tests in CI: every program is installed there."""
    if os.environ.get("CI") == "true":
        for item in items:
            item.add_marker(pytest.mark.must_run)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "must_run: a skip of this test is a failure (CI=true)")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    report = yield
    if report.skipped and item.get_closest_marker("must_run") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"
    return report
