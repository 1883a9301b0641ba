"""Every behaviour of the page taken away, one at a time: does a test miss it?

Started by hand, in half an hour: `python -m tests.web.taken_away`, with words of `behaviours.toml` for some of
them. A test that stays green without its behaviour, or a change that breaks the whole page, is told, and the exit
status is 1.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from pydantic import BaseModel

from tests.processes import ROOT

STATIC = "bots/web/static"
AT_ONCE = 3
"""Tests that fail mostly wait."""


class Behaviour(BaseModel):
    """One behaviour of the page: an entry of `behaviours.toml`."""

    point: int
    what: str
    test: str
    changes: list[tuple[str, str, str]]
    canary: str = "test_safety.py::test_a_link_opens_beside_the_page_and_tells_nothing"


def behaviours() -> list[Behaviour]:
    """All of them."""
    listed = tomllib.loads((Path(__file__).parent / "behaviours.toml").read_text())
    return [Behaviour.model_validate(one) for one in listed["behaviour"]]


def _copy(folder: Path) -> None:
    """The checkout as it is, without what git ignores."""
    asked = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(asked, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    for name in listed.split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def changed(folder: Path, behaviour: Behaviour) -> dict[Path, str]:
    """The files of a checkout without the behaviour.

    Raises:
        ValueError: when the entry does not fit the code any more.
    """
    texts: dict[Path, str] = {}
    for file, old, new in behaviour.changes:
        path = folder / (file if "/" in file else f"{STATIC}/{file}")
        text = texts.get(path) or path.read_text()
        if text.count(old) != 1:
            raise ValueError(f"{behaviour.what}: {file} holds this {text.count(old)} times: {old}")
        texts[path] = text.replace(old, new)
    return texts


async def _wrong(behaviour: Behaviour) -> str | None:
    """Nothing where its test fails without it, and the canary does not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _copy(folder)
        try:
            for path, text in changed(folder, behaviour).items():
                path.write_text(text)
        except ValueError as error:
            return str(error)
        tests = [f"tests/web/{one}" for one in (behaviour.canary, behaviour.test)]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pytest", "-q", "-rA", "--tb=line", "-p", "no:cacheprovider", *tests),
            cwd=folder,
            env={**os.environ, "PYTHONPATH": name, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said = (await process.communicate())[0].decode()
    canary, test = tests
    if f"PASSED {canary}" not in said:
        return f"the whole page broke:\n{said[-2000:]}"
    return None if f"FAILED {test}" in said else "its test does not miss it"


async def main(wanted: list[str]) -> int:
    """Print a line for each behaviour; gives the exit status."""
    turnstile = asyncio.Semaphore(AT_ONCE)

    async def look(one: Behaviour) -> bool:
        async with turnstile:
            wrong = await _wrong(one)
        print(f"{one.point:2} {one.what}: {wrong or 'missed'} ({one.test})", flush=True)  # noqa: T201
        return wrong is None

    chosen = [one for one in behaviours() if not wanted or any(word in f"{one.point} {one.what}" for word in wanted)]
    return 0 if all(await asyncio.gather(*map(look, chosen))) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
