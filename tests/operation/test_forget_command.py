"""`threadwell forget`: delete a conversation, or a person's messages."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from bots.cli.forget import forget
from chat_service import keys
from chat_service.contracts import Author
from chat_service.errors import UserError
from chat_service.ingress import IngressClient
from chat_service.settings import Settings
from tests.conversation.client import queue_message, read_history, send_message, wait_for_turn
from tests.operation.threadwell_process import run_threadwell, stack_env
from tests.processes import Stack, eventually

THREAD = "1700000000.000100"


async def test_conversation_is_deleted(stack: Stack, ingress: IngressClient, key: str, tmp_path: Path) -> None:
    await send_message(ingress, key, "hello")
    status, lines = await run_threadwell(tmp_path, "forget", key, **stack_env(stack))
    assert (status, lines) == (0, [f"{key}: forgotten"])
    assert (await read_history(ingress, key)).messages == []


async def test_messages_of_a_person_are_deleted(stack: Stack, ingress: IngressClient, tmp_path: Path) -> None:
    team = f"T{uuid4().hex[:8].upper()}"
    key = keys.slack(team, "C1", THREAD)
    await queue_message(ingress, key, "hello", "m0", author=Author(id="U1", name="Ada"))
    await wait_for_turn(ingress, key, "m0")
    status, lines = await run_threadwell(tmp_path, "forget", "--person", f"slack:{team}:U1", **stack_env(stack))
    assert (status, lines) == (0, [f"slack:{team}:U1: being forgotten in 1 conversations"])
    await eventually(lambda: read_history(ingress, key), lambda page: not page.messages)


async def test_commands_while_the_chat_service_is_offline(own_stack: Stack, tmp_path: Path) -> None:
    """`doctor` and `history` say that it is offline. `forget` is queued and done when it runs again."""
    env = stack_env(own_stack)
    by_key, by_person = keys.slack("T1", "C1", THREAD), keys.slack("T2", "C1", THREAD)
    async with own_stack.ingress() as ingress:
        for key in (by_key, by_person):
            await queue_message(ingress, key, "hello", "m0", author=Author(id="U1", name="Ada"))
            await wait_for_turn(ingress, key, "m0")
        await own_stack.kill_service()

        commands = (["doctor"], ["history", by_key], ["forget", by_key], ["forget", "--person", "slack:T2:U1"])
        # Concurrently, because each waits 5 s for the chat service.
        outcomes = await asyncio.gather(*(run_threadwell(tmp_path, *command, **env) for command in commands))
        assert [status for status, _ in outcomes] == [1, 1, 1, 1]
        doctor, history, *forgets = [lines for _, lines in outcomes]
        url = f"http://127.0.0.1:{own_stack.service_port}/"
        assert f"no  chat service: registered, but Restate gets no answer from {url}" in "\n".join(doctor)
        assert len(history) == 1
        assert history[0].startswith("threadwell: the chat service does not answer: start it")
        for lines, name in zip(forgets, (by_key, "slack:T2:U1"), strict=True):
            assert len(lines) == 2, lines
            assert lines[0] == f"{name}: will be forgotten when the chat service runs again"
            assert "the chat service does not answer" in lines[1]

        await own_stack.start_service()
        for key in (by_key, by_person):
            await eventually(partial(read_history, ingress, key), lambda page: not page.messages)


@pytest.mark.parametrize(
    ("key", "person", "expected"),
    [
        (None, "slack:T1", "'slack:T1' is not the id of a person: slack:TEAM:USER"),
        (None, None, "name one conversation"),
        ("k", "web:p", "name one conversation"),
        ("", None, "name one conversation"),
        (None, "", "name one conversation"),
    ],
)
async def test_invalid_arguments_are_rejected(key: str | None, person: str | None, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        await forget(Settings(_env_file=None), key, person)
