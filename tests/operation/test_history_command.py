"""`threadwell history`: a conversation as text and as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bots.cli.history import _local_time
from chat_service import handlers
from chat_service.contracts import Attachment, Inbound
from chat_service.contracts.messages import MAX_INLINE
from chat_service.ingress import IngressClient
from tests.conversation.client import add_notes, read_history, send_message
from tests.fakes.model.protocol import ScriptedResponse
from tests.fork_server import python_process
from tests.operation.threadwell_process import clean_env, run_threadwell, stack_env
from tests.processes import Stack


async def test_every_page_is_printed_in_order(stack: Stack, ingress: IngressClient, key: str, tmp_path: Path) -> None:
    """As text and as JSON; the text is shown as it is, not as markup."""
    await add_notes(ingress, key, [f"line {number} [b]" for number in range(240)])
    await send_message(ingress, key, "last line")
    expected = [*(f"line {number} [b]" for number in range(240)), "last line"]

    status, lines = await run_threadwell(tmp_path, "history", key, **stack_env(stack))
    assert status == 0
    assert [line for line in lines if "line" in line][:241] == expected

    status, lines = await run_threadwell(tmp_path, "history", key, "--json", **stack_env(stack))
    assert status == 0
    history = json.loads("\n".join(lines))
    assert [message["text"] for message in history["messages"]][:-1] == expected
    assert history["next_before"] is None


async def test_large_messages_are_printed(stack: Stack, ingress: IngressClient, key: str, tmp_path: Path) -> None:
    """Their pages are shorter than requested."""
    picture = Attachment(name="p.png", media_type="image/png", data="A" * MAX_INLINE)
    for number in range(20):
        message = Inbound(message=f"picture {number}", attachments=[picture], expects_reply=False)
        await ingress.call(handlers.CHAT_MESSAGE, key, message)
    assert len((await read_history(ingress, key, limit=200)).messages) < 20
    status, lines = await run_threadwell(tmp_path, "history", key, **stack_env(stack))
    assert status == 0
    assert [line for line in lines if "picture" in line] == [f"picture {number}" for number in range(20)]


@pytest.fixture(params=["America/New_York", "Asia/Tokyo"])
def time_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("time_zone")
@pytest.mark.parametrize("year", [1, 9999])
def test_times_out_of_range_in_the_local_time_zone_are_printed(year: int) -> None:
    """East or west of UTC the first or last hour of all years does not exist."""
    at = datetime(1, 1, 1, tzinfo=UTC) if year == 1 else datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    assert _local_time(at).strftime("%Y-%m-%d %H:%M")


async def test_running_and_failed_turns_are_shown(
    stack: Stack, ingress: IngressClient, key: str, tmp_path: Path
) -> None:
    await stack.model.script(ScriptedResponse(kind="fail", status=401))
    await send_message(ingress, key, "first")
    await stack.model.script(ScriptedResponse(kind="gate"))
    number = await stack.model.count_requests()
    await ingress.send(handlers.CHAT_MESSAGE, key, Inbound(message="second"))
    request = await stack.model.wait_for_question("second", number)
    status, lines = await run_threadwell(tmp_path, "history", key, **stack_env(stack))
    await stack.model.finish(request.number)
    assert status == 0
    assert any("failed" in line for line in lines)
    assert any("OPENAI_API_KEY" in line for line in lines), lines
    assert any("being answered" in line for line in lines)
    assert "second" in lines


async def test_empty_conversation_is_one_line(stack: Stack, key: str, tmp_path: Path) -> None:
    status, lines = await run_threadwell(tmp_path, "history", key, **stack_env(stack))
    assert (status, lines) == (0, [f"{key} has no messages."])


async def test_unreachable_restate_is_one_line(tmp_path: Path) -> None:
    status, lines = await run_threadwell(tmp_path, "history", "k", RESTATE_INGRESS_URL="http://127.0.0.1:1")
    assert status == 1
    assert len(lines) == 1
    assert lines[0].startswith("threadwell: Restate cannot be reached at http://127.0.0.1:1")
    assert lines[0].endswith("is `threadwell up` running?")


async def test_control_characters_do_not_reach_the_terminal(
    stack: Stack, ingress: IngressClient, key: str, tmp_path: Path
) -> None:
    """A message must not colour, rename or move the operator's window, nor reverse its text."""
    author = {"id": "U1", "name": "Ada\x1b[41m"}
    await send_message(ingress, key, "\x1b[31mred \x1b]0;pwned\x07 \x9b2J \u202eabc\nsecond line", author=author)
    status, lines = await run_threadwell(tmp_path, "history", key, **stack_env(stack))
    assert status == 0
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", "".join(lines)), lines
    assert any("red" in line and "abc" in line for line in lines) and "second line" in lines


@pytest.mark.parametrize("options", [(), ("--json",)])
async def test_closed_pipe_ends_the_command_without_a_traceback(
    stack: Stack, ingress: IngressClient, key: str, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """As `| head` does: it reads the first line and closes the pipe."""
    await add_notes(ingress, key, ["word " * 2000] * 40)
    read, write = os.pipe()
    with (tmp_path / "stderr").open("wb") as errors:
        env = clean_env(**stack_env(stack))
        async with python_process(
            "bots", "history", key, *options, env=env, cwd=tmp_path, stdout=write, stderr=errors.fileno()
        ) as process:
            os.close(write)
            await asyncio.to_thread(os.read, read, 10)
            os.close(read)
            assert await asyncio.wait_for(process.wait(), 60) == 1
    assert (tmp_path / "stderr").read_text() == ""
