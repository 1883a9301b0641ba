"""Forgetting: everything of the conversation goes, nothing late brings it back, and no repeat is answered again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from chat_service import keys
from chat_service.contracts import Contract, DirectoryPage, DirectoryRequest
from chat_service.ingress import IngressClient
from tests.conversation.talk import chat_key, hand_in, read, reply_to, say, saying
from tests.conversation.test_directory import somebody
from tests.fakes.model.protocol import Behaviour, text_of
from tests.processes import Stack, eventually


async def forget(ingress: IngressClient, key: str) -> None:
    await ingress.call("Chat", key, "forget", None, Contract)


async def kept_state(stack: Stack, key: str, text: str) -> int:
    """Records of the conversation's objects that hold a text."""
    rows = await stack.admin(
        f"SELECT count(1) AS n FROM state WHERE service_key = '{key}' AND value_utf8 LIKE '%{text}%'"
    )
    return int(rows[0]["n"])


async def test_nothing_of_it_is_left_in_state(ingress: IngressClient, stack: Stack, key: str) -> None:
    for number in range(30):
        await say(ingress, key, f"wombat {number}", id=f"m{number}")
    assert await eventually(lambda: kept_state(stack, key, "wombat"), lambda n: n >= 2)
    await forget(ingress, key)
    assert await eventually(lambda: kept_state(stack, key, "wombat"), lambda n: n == 0) == 0
    page = await read(ingress, key)
    assert page.messages == [] and page.next_before is None
    number = await stack.model.count()
    await say(ingress, key, "what was it about?")
    sent = [text_of(m) for m in (await stack.model.wait(number)).body["messages"]]
    assert not any("wombat" in text for text in sent)


async def test_a_repeat_of_what_was_forgotten_is_not_answered_again(
    ingress: IngressClient, stack: Stack, key: str
) -> None:
    at = datetime.now(UTC)
    for number in range(25):
        await say(ingress, key, f"m{number}", id=f"m{number}", at=at)
    await forget(ingress, key)
    before = len(await stack.model.requests())

    async def repeat(name: str) -> str:
        return (await say(ingress, key, name, id=name, at=at)).status

    assert [await repeat(name) for name in ("m0", "m24")] == ["forgotten", "forgotten"]
    assert len(await stack.model.requests()) == before
    assert (await read(ingress, key)).messages == []


async def test_a_late_page_does_not_bring_it_back(ingress: IngressClient, stack: Stack, key: str) -> None:
    """A page that is written again after the forget, as when an interrupted send is taken up by a new version."""
    for number in range(21):
        await say(ingress, key, f"wombat {number}", id=f"m{number}")

    async def written() -> list[dict[str, object]]:
        return await stack.admin(
            "SELECT id FROM sys_invocation WHERE target_service_name = 'Transcript' AND target_handler_name = 'append' "
            f"AND target_service_key = '{key}' AND status = 'completed'"
        )

    late = str((await eventually(written))[0]["id"])
    await forget(ingress, key)
    await eventually(lambda: kept_state(stack, key, "wombat"), lambda n: n == 0)
    again = await stack.operator(late, "restart-as-new")

    async def ended() -> bool:
        rows = await stack.admin(f"SELECT status FROM sys_invocation WHERE id = '{again['new_invocation_id']}'")
        return [row["status"] for row in rows] == ["completed"]

    await eventually(ended)
    assert await kept_state(stack, key, "wombat") == 0


async def test_a_running_turn_is_ended_and_what_waits_taken_back(ingress: IngressClient, stack: Stack) -> None:
    key = chat_key()
    number = await stack.model.count()
    await stack.model.script(Behaviour(kind="gate"))
    await hand_in(ingress, key, "first", "m0")
    await stack.model.wait_for_question("first", number)
    await hand_in(ingress, key, "second", "m1")
    async with asyncio.timeout(20):
        await forget(ingress, key)
    page = await eventually(lambda: read(ingress, key), lambda page: not page.messages and not page.waiting)
    assert page.running is None
    await hand_in(ingress, key, "later", "m2")
    assert (await reply_to(ingress, key, "m2")).reply == "echo: later"


async def test_a_forgotten_conversation_leaves_the_directory(ingress: IngressClient) -> None:
    person = somebody()
    key = keys.web(person, "c")
    await hand_in(ingress, key, "hi", "m0")
    await reply_to(ingress, key, "m0")

    async def listed() -> DirectoryPage:
        return await ingress.call("Directory", f"person:web:{person}", "list", DirectoryRequest(), DirectoryPage)

    await eventually(listed, lambda page: page.entries)
    await forget(ingress, key)
    await eventually(listed, lambda page: not page.entries)


async def test_reset_starts_afresh_and_keeps_the_history(ingress: IngressClient, key: str) -> None:
    await say(ingress, key, "my name is Ada")
    await ingress.call("Chat", key, "reset", None, Contract)
    assert (await say(ingress, key, "what is my name?")).reply == "I do not know your name."
    assert len((await read(ingress, key)).messages) == 4


async def test_reset_waits_for_a_running_turn(ingress: IngressClient, stack: Stack, key: str) -> None:
    number = await stack.model.count()
    await stack.model.script(Behaviour(kind="gate"))
    reply = saying(ingress, key, "hello")
    await stack.model.wait(number)
    assert await ingress.soon("Chat", key, "reset", None, Contract, timeout=0.2) is None, "told, not hung"
    await stack.model.release(number, "hi")
    await stack.model.finish(number)
    assert (await reply).reply == "hi"
