"""Unit tests start no processes."""

from __future__ import annotations

import subprocess

import pytest

from tests.fork_server import ForkServer


@pytest.fixture(autouse=True)
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that starts a process."""

    def refuse(*args: object, **kwargs: object) -> None:
        pytest.fail("unit tests start no processes: move this test to another folder")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(ForkServer, "start", refuse)
