"""`make` finds a Python, creates the virtual environment again if needed, and says what the machine lacks."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fork_server import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with a space in its name and only the files that make reads."""
    folder = tmp_path / "a check out"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    return folder


def run_make(checkout: Path, target: str, programs: dict[str, str]) -> tuple[int, list[str]]:
    """Run make with these Python programs (shell scripts) on the path. Return its status and the lines of stderr."""
    path = checkout.parent / "bin"
    path.mkdir()
    for name in ("make", "sh", "touch", "rm", "awk"):
        found = shutil.which(name)
        assert found is not None
        (path / name).symlink_to(found)
    for name, script in programs.items():
        (path / name).write_text(f"#!/bin/sh\n{script}\n")
        (path / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    command = ["make", "-C", str(checkout), "--no-print-directory", target]
    done = subprocess.run(command, env={**kept, "PATH": str(path)}, capture_output=True, text=True, timeout=60)
    return done.returncode, [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("exit 1", "Python 3.11 or newer is needed: install it, or name it with make PYTHON=/path/to/python3"),
        (
            'case "$2" in *ensurepip*) exit 1;; esac',
            "python3 has no venv: install it (Debian, Ubuntu: apt install python3-venv) and run make again",
        ),
    ],
    ids=["old or missing Python", "Python without venv"],
)
def test_unusable_python_is_one_line(checkout: Path, script: str, expected: str) -> None:
    status, lines = run_make(checkout, "run", programs={"python3": script})
    assert status != 0
    assert lines == [f"make: {expected}"]
    assert not (checkout / ".venv").exists()


def test_newer_python_besides_an_old_one_is_used(checkout: Path) -> None:
    arguments = checkout.parent / "arguments"
    newer = f'case "$1" in -m) echo "$@" > "{arguments}"; exit 7;; esac'
    status, _ = run_make(checkout, ".venv/made", programs={"python3": "exit 1", "python3.12": newer})
    assert status != 0
    assert arguments.read_text() == "-m venv --clear .venv\n"


def test_virtual_environment_with_a_missing_python_is_created_again(checkout: Path) -> None:
    """An upgrade of Python leaves dangling links, which venv keeps without `--clear`."""
    binaries = checkout / ".venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "python").symlink_to("/nowhere/python3")
    (checkout / ".venv" / "made").touch()
    arguments = checkout.parent / "arguments"
    python = f'case "$1" in -m) echo "$@" > "{arguments}";; esac'
    assert run_make(checkout, ".venv/made", programs={"python3": python}) == (0, [])
    assert arguments.read_text() == "-m venv --clear .venv\n"


def test_help_lists_every_target(checkout: Path) -> None:
    done = subprocess.run(["make", "-C", str(checkout), "help"], capture_output=True, text=True, check=True)
    for target in ("run", "test", "check", "bench", "screenshots"):
        assert f"make {target} " in done.stdout


def test_pinned_versions_are_exact_and_name_no_package_index() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all("==" in line for line in lines)
    assert not any(word in line for line in lines for word in ("://", "--", "file:", "@"))
