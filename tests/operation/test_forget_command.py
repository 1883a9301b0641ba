"""`threadwell forget`: a conversation, a person, and what it says when it is not told what."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from chat_service import keys
from chat_service.contracts import Author
from chat_service.ingress import IngressClient
from tests.conversation.talk import queue_message, read_history, wait_for_turn, send_message
from tests.operation.test_doctor_and_history import of, threadwell
from tests.processes import Stack, eventually


async def test_a_conversation_is_forgotten(stack: Stack, ingress: IngressClient, key: str, tmp_path: Path) -> None:
    await send_message(ingress, key, "hello")
    status, said = await threadwell(tmp_path, "forget", key, **of(stack))
    assert (status, said) == (0, [f"{key}: forgotten"])
    assert (await read_history(ingress, key)).messages == []


async def test_a_person_is_forgotten(stack: Stack, ingress: IngressClient, tmp_path: Path) -> None:
    team = f"T{uuid4().hex[:8].upper()}"
    key = keys.slack(team, "C1", "1700000000.000100")
    await queue_message(ingress, key, "hello", "m0", author=Author(id="U1", name="Ada"))
    await wait_for_turn(ingress, key, "m0")
    status, said = await threadwell(tmp_path, "forget", "--person", f"slack:{team}:U1", **of(stack))
    assert (status, said) == (0, [f"slack:{team}:U1: being forgotten in 1 conversations"])
    await eventually(lambda: read_history(ingress, key), lambda page: not page.messages)


@pytest.mark.parametrize("form", ["conversation", "person"])
async def test_while_the_chat_service_is_away_it_is_left_to_it(own_stack: Stack, tmp_path: Path, form: str) -> None:
    team = f"T{uuid4().hex[:8].upper()}"
    key, person = keys.slack(team, "C1", "1700000000.000100"), f"slack:{team}:U1"
    named = [key] if form == "conversation" else ["--person", person]
    async with own_stack.ingress() as ingress:
        await queue_message(ingress, key, "hello", "m0", author=Author(id="U1", name="Ada"))
        await wait_for_turn(ingress, key, "m0")
        await own_stack.kill_service()
        status, said = await threadwell(tmp_path, "forget", *named, **of(own_stack))
        assert status == 1 and len(said) == 2, said
        assert said[0] == f"{named[-1]}: will be forgotten when the chat service runs again"
        assert "the chat service does not answer" in said[1]
        await own_stack.start_service()
        await eventually(lambda: read_history(ingress, key), lambda page: not page.messages)


async def test_what_is_no_persons_id_is_told(stack: Stack, tmp_path: Path) -> None:
    status, said = await threadwell(tmp_path, "forget", "--person", "slack:T1", **of(stack))
    assert status == 1 and len(said) == 1
    assert said[0].startswith("threadwell: 'slack:T1' is not the id of a person: slack:TEAM:USER")


async def test_it_wants_to_know_whom(stack: Stack, tmp_path: Path) -> None:
    for arguments in ((), ("k", "--person", "web:p"), ("",), ("--person", "")):
        status, said = await threadwell(tmp_path, "forget", *arguments, **of(stack))
        assert status == 1 and len(said) == 1 and "name one" in said[0]
