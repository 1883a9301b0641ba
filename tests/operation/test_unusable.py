"""Settings that read well and cannot be used: one line each at the start, which says what to do, and no traceback."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.fakes.model import ModelControl
from tests.operation.up import answering, prepared

BACKEND = """
def explodes(settings, endpoint):
    raise RuntimeError("no licence\\nat all")
"""


@pytest.mark.parametrize("key", ["foo", "publickeyv1_foo"])
async def test_an_identity_key_that_is_none_is_one_line(key: str, model: ModelControl, tmp_path: Path) -> None:
    async with prepared(tmp_path, None, RESTATE_IDENTITY_KEY=key, **answering(model)) as up:
        up.command = (*up.command[:-1], "serve")
        status, said = await up.outcome()
    assert status == 1
    assert len(said) == 1, said
    assert said[0].startswith(f"threadwell: RESTATE_IDENTITY_KEY={key} is no public key (")


@pytest.mark.parametrize(
    ("code", "telling"),
    [
        (BACKEND, "makes no model (RuntimeError: no licence at all): mend it"),
        ("raise RuntimeError('no licence')", "cannot be imported: no licence"),
        ("def", "cannot be imported: invalid syntax (backend.py, line 1)"),
    ],
)
async def test_a_backend_that_makes_no_model_is_one_line(code: str, telling: str, tmp_path: Path) -> None:
    (tmp_path / "backend.py").write_text(code)
    async with prepared(tmp_path, None, MODEL_BACKEND="backend:explodes") as up:
        up.command = (*up.command[:-1], "serve")
        status, said = await up.outcome()
    assert (status, said) == (1, [f"threadwell: MODEL_BACKEND='backend:explodes' {telling}"])


async def test_a_start_says_what_it_waits_for(model: ModelControl, tmp_path: Path) -> None:
    """A Restate of one's own that is away: long before it is given up."""
    away = {"RESTATE_INGRESS_URL": "http://127.0.0.1:1", "RESTATE_ADMIN_URL": "http://127.0.0.1:1"}
    async with prepared(tmp_path, None, **away, **answering(model)) as up:
        await up.start()
        await up.until("waiting up to 30 s for Restate at http://127.0.0.1:1")
        assert up.process and up.process.returncode is None
        up.interrupt()
        assert await up.ended() == 0


async def test_an_ipv6_address_stands_in_brackets(model: ModelControl, tmp_path: Path) -> None:
    async with prepared(tmp_path, None, CHAT_SERVICE_HOST="::1", **answering(model)) as up:
        up.command = (*up.command[:-1], "serve")
        await up.start()
        line = await up.until("chat service at")
        assert line.startswith(f"chat service at http://[::1]:{up.ports['CHAT_SERVICE_PORT']}/")
        _, writer = await asyncio.open_connection("::1", up.ports["CHAT_SERVICE_PORT"])
        writer.close()
