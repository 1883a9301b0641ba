"""What make says when the machine lacks something."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fork_server import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with a space, and nothing in it but what make reads."""
    folder = tmp_path / "a check out"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    return folder


def make(checkout: Path, *arguments: str, programs: dict[str, str]) -> tuple[int, list[str]]:
    """Run make with these Python programs (shell scripts) on the path, and no others."""
    path = checkout.parent / "bin"
    path.mkdir()
    for name in ("make", "sh", "touch", "rm", "awk"):
        found = shutil.which(name)
        assert found is not None
        (path / name).symlink_to(found)
    for name, script in programs.items():
        (path / name).write_text(f"#!/bin/sh\n{script}\n")
        (path / name).chmod(0o755)
    ours = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    env = {**ours, "PATH": str(path)}
    command = ["make", "-C", str(checkout), "--no-print-directory", *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    return done.returncode, [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]


def test_no_python_and_an_old_python_are_one_line(checkout: Path) -> None:
    status, said = make(checkout, "run", programs={"python3": "exit 1  # what an old one answers to the question"})
    assert status != 0
    assert said == ["make: Python 3.11 or newer is needed: install it, or name it with make PYTHON=/path/to/python3"]
    assert not (checkout / ".venv").exists()


def test_a_python_without_venv_is_one_line(checkout: Path) -> None:
    without = 'case "$2" in *ensurepip*) exit 1;; esac'
    status, said = make(checkout, "run", programs={"python3": without})
    assert status != 0
    assert said == [
        "make: python3 has no venv: install it (Debian, Ubuntu: apt install python3-venv) and run make again"
    ]
    assert not (checkout / ".venv").exists()


def test_a_newer_python_beside_an_old_one_is_found(checkout: Path) -> None:
    note = checkout.parent / "asked"
    newer = f'case "$1" in -m) echo "$@" > "{note}"; exit 7;; esac'
    status, _ = make(checkout, ".venv/made", programs={"python3": "exit 1", "python3.12": newer})
    assert status != 0
    assert note.read_text() == "-m venv --clear .venv\n"


def test_a_venv_whose_python_is_gone_is_made_anew(checkout: Path) -> None:
    """As an upgrade leaves it: links that lead nowhere, which venv by itself would keep."""
    binaries = checkout / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for name in ("python", "python3"):
        (binaries / name).symlink_to("/nowhere/python3")
    (checkout / ".venv" / "made").touch()
    base = Path(sys.base_prefix) / "bin" / "python3"
    status, said = make(checkout, ".venv/made", programs={"python3": f'exec "{base}" "$@"'})
    assert (status, said) == (0, [])
    assert subprocess.run([binaries / "python", "-c", "import pip"]).returncode == 0


def test_help_names_every_target(checkout: Path) -> None:
    done = subprocess.run(["make", "-C", str(checkout), "help"], capture_output=True, text=True, check=True)
    for target in ("run", "test", "check", "bench", "screenshots"):
        assert f"make {target} " in done.stdout


def test_versions_are_exact_and_name_no_place() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all("==" in line for line in lines)
    assert not any(word in line for line in lines for word in ("://", "--", "file:", "@"))
