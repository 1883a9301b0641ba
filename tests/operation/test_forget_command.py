"""`threadwell forget`: a conversation, a person, and what it says when it is not told what."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from chat_service import keys
from chat_service.contracts import Author
from chat_service.ingress import IngressClient
from tests.conversation.talk import hand_in, read, reply_to, say
from tests.operation.test_doctor_and_history import of, threadwell
from tests.processes import Stack, eventually


async def test_a_conversation_is_forgotten(stack: Stack, ingress: IngressClient, key: str, tmp_path: Path) -> None:
    await say(ingress, key, "hello")
    status, said = await threadwell(tmp_path, "forget", key, **of(stack))
    assert (status, said) == (0, [f"{key}: forgotten"])
    assert (await read(ingress, key)).messages == []


async def test_a_person_is_forgotten(stack: Stack, ingress: IngressClient, tmp_path: Path) -> None:
    team = f"T{uuid4().hex[:8].upper()}"
    key = keys.slack(team, "C1", "1700000000.000100")
    await hand_in(ingress, key, "hello", "m0", author=Author(id="U1", name="Ada"))
    await reply_to(ingress, key, "m0")
    status, said = await threadwell(tmp_path, "forget", "--person", f"slack:{team}:U1", **of(stack))
    assert (status, said) == (0, [f"slack:{team}:U1: being forgotten in 1 conversations"])
    await eventually(lambda: read(ingress, key), lambda page: not page.messages)


async def test_it_wants_to_know_whom(stack: Stack, tmp_path: Path) -> None:
    for arguments in ((), ("k", "--person", "web:p")):
        status, said = await threadwell(tmp_path, "forget", *arguments, **of(stack))
        assert status == 1 and len(said) == 1 and "name one" in said[0]
