"""The queue: waiting messages are visible, ordered and can be withdrawn; quick messages become one question."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chat_service import handlers
from chat_service.contracts import (
    Author,
    ConfigureRequest,
    Inbound,
    Overrides,
    WithdrawRequest,
)
from chat_service.ingress import IngressClient, IngressError
from chat_service.objects.queue import MAX_QUESTION_CHARACTERS, MAX_WAITING, MAX_WAITING_CHARACTERS
from chat_service.objects.queue_state import QueuedMessage, QueueState, message_key
from chat_service.storage.state import Meta
from tests.conversation.client import (
    add_notes,
    answer_queued,
    new_web_key,
    queue_message,
    read_all_texts,
    read_history,
    stop_turn,
    wait_for_turn,
)
from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import EMPTY_GATE_TEXT, ScriptedResponse
from tests.processes import Stack, eventually, running_stack
from tests.web.seeding import write_state

BURST_PAUSE = 2.5
GATE = ScriptedResponse(kind="gate")


async def start_held_turn(ingress: IngressClient, stack: Stack, key: str) -> int:
    """Start a turn that waits for the model, and return the number of the model request."""
    number = await stack.model.count_requests()
    await stack.model.script(GATE)
    await queue_message(ingress, key, "first", "m0")
    return (await stack.model.wait_for_question("first", number)).number


@pytest.fixture(scope="module")
async def slow_burst_ingress(
    engine_binary: Path, model: ModelControl, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[IngressClient]:
    """A deployment whose burst pause is long enough to send several messages on a busy machine."""
    folder = tmp_path_factory.mktemp("burst")
    async with (
        running_stack(engine_binary, folder, model, burst_pause_seconds=str(BURST_PAUSE)) as stack,
        stack.ingress() as ingress,
    ):
        yield ingress


async def test_quick_messages_become_one_question(slow_burst_ingress: IngressClient) -> None:
    key = new_web_key()
    for number, line in enumerate(["I have a question", "it is about tea", "is it hot?"]):
        await queue_message(slow_burst_ingress, key, line, f"m{number}")
    reply = await wait_for_turn(slow_burst_ingress, key, "m2")
    assert (await wait_for_turn(slow_burst_ingress, key, "m0")).turn == reply.turn == 1
    messages = (await read_history(slow_burst_ingress, key)).messages
    assert [m.role for m in messages] == ["user", "user", "user", "assistant"]
    assert messages[-1].text == "echo: I have a question\n\nit is about tea\n\nis it hot?"


async def test_bare_session_combines_messages_if_configured(slow_burst_ingress: IngressClient, key: str) -> None:
    await slow_burst_ingress.call(handlers.CHAT_CONFIGURE, key, ConfigureRequest(set=Overrides(burst="together")))
    for number in range(3):
        sent = Inbound(message=f"line {number}", id=f"m{number}")
        reply = await slow_burst_ingress.call(handlers.CHAT_MESSAGE, key, sent)
        assert reply.status == "waiting"
    assert {(await wait_for_turn(slow_burst_ingress, key, f"m{number}")).turn for number in range(3)} == {1}


async def test_history_of_a_bare_session_shows_queued_messages(ingress: IngressClient, stack: Stack, key: str) -> None:
    """Messages of the queue are shown; those sent to Chat itself wait in Restate. Messages that scrolled out are not
    shown as waiting."""
    number = await start_held_turn(ingress, stack, key)
    await queue_message(ingress, key, "second", "m1")
    assert [message.message for message in (await read_history(ingress, key)).waiting] == ["second"]
    await stack.model.finish(number)
    await wait_for_turn(ingress, key, "m1")
    assert (await read_history(ingress, key)).waiting == []
    for _ in range(6):
        await add_notes(ingress, key, ["filler"] * 15)
        assert (await read_history(ingress, key)).waiting == []


@pytest.mark.replayed
async def test_messages_that_arrive_during_a_turn_become_one_question(ingress: IngressClient, stack: Stack) -> None:
    key = new_web_key()
    number = await start_held_turn(ingress, stack, key)
    for n in range(1, 4):
        await queue_message(ingress, key, f"line {n}", f"m{n}")
    await stack.model.finish(number)
    assert {(await wait_for_turn(ingress, key, f"m{n}")).turn for n in range(1, 4)} == {2}


async def test_messages_of_different_people_are_separate_questions(ingress: IngressClient) -> None:
    key = new_web_key()
    await queue_message(ingress, key, "mine", "m0", author=Author(id="1", name="Ada"))
    await queue_message(ingress, key, "yours", "m1", author=Author(id="2", name="Bob"))
    assert {(await wait_for_turn(ingress, key, name)).turn for name in ("m0", "m1")} == {1, 2}


@pytest.mark.replayed
async def test_burst_setting_each_makes_every_message_a_question(ingress: IngressClient) -> None:
    key = new_web_key()
    await ingress.call(handlers.CHAT_CONFIGURE, key, ConfigureRequest(set=Overrides(burst="each")))
    for number in range(3):
        await queue_message(ingress, key, f"line {number}", f"m{number}")
    assert [(await wait_for_turn(ingress, key, f"m{number}")).turn for number in range(3)] == [1, 2, 3]


async def test_history_shows_waiting_messages_in_order(ingress: IngressClient, stack: Stack) -> None:
    key = new_web_key()
    number = await start_held_turn(ingress, stack, key)
    positions = [(await queue_message(ingress, key, f"line {n}", f"m{n}")).place for n in (1, 2)]
    assert positions == [0, 1]
    page = await read_history(ingress, key)
    assert page.running and [m.text for m in page.running.question] == ["first"]
    assert [w.message for w in page.waiting] == ["line 1", "line 2"]
    await stack.model.finish(number)
    await wait_for_turn(ingress, key, "m2")
    page = await read_history(ingress, key)
    assert page.waiting == [] and page.running is None


@pytest.mark.replayed
async def test_waiting_message_can_be_withdrawn(ingress: IngressClient, stack: Stack) -> None:
    key = new_web_key()
    number = await start_held_turn(ingress, stack, key)
    for n in (1, 2):
        await queue_message(ingress, key, f"line {n}", f"m{n}")
    withdrawn = await ingress.call(handlers.QUEUE_WITHDRAW, key, WithdrawRequest(id="m1"))
    assert [message.message for message in withdrawn.messages] == ["line 1"]
    await stack.model.finish(number)
    assert (await wait_for_turn(ingress, key, "m2")).reply == "echo: line 2"
    assert await read_all_texts(ingress, key) == ["first", EMPTY_GATE_TEXT, "line 2", "echo: line 2"]


@pytest.mark.replayed
async def test_repeat_of_a_withdrawn_message_is_not_answered(ingress: IngressClient, stack: Stack) -> None:
    """The request of the withdrawn message still waits behind the running turn."""
    key = new_web_key()
    number = await start_held_turn(ingress, stack, key)
    await queue_message(ingress, key, "line 1", "m1")
    await ingress.call(handlers.QUEUE_WITHDRAW, key, WithdrawRequest(all=True))
    assert (await queue_message(ingress, key, "line 1", "m1")).duplicate
    await stack.model.finish(number)
    assert (await answer_queued(ingress, key, "line 2", "m2")).reply == "echo: line 2"
    assert await read_all_texts(ingress, key) == ["first", EMPTY_GATE_TEXT, "line 2", "echo: line 2"]


@pytest.mark.replayed
async def test_notes_and_delayed_questions_keep_their_order(ingress: IngressClient) -> None:
    """Questions wait for the burst pause, notes do not. Neither overtakes the other, and a note is never part of a
    question."""
    key = new_web_key()
    messages_sent = [(f"line {n}", n in (0, 3, 7)) for n in range(9)]
    for number, (text, expects_reply) in enumerate(messages_sent):
        await queue_message(ingress, key, text, f"m{number}", expects_reply=expects_reply)
    for number in range(9):
        await wait_for_turn(ingress, key, f"m{number}")
    messages = (await read_history(ingress, key)).messages
    statuses = ["answered" if expects_reply else "noted" for _, expects_reply in messages_sent]
    assert [m.text for m in messages if m.role == "user"] == [text for text, _ in messages_sent]
    assert [m.status for m in messages if m.role == "user"] == statuses
    assert len([m for m in messages if m.role == "assistant"]) == 3


async def test_messages_added_during_a_burst_pause_are_all_answered(slow_burst_ingress: IngressClient) -> None:
    """Lines 0 and 1 wait for the burst pause, lines 2 and 3 do not: their turns are requested before that of line 1."""
    key = new_web_key()
    await slow_burst_ingress.call(handlers.CHAT_CONFIGURE, key, ConfigureRequest(set=Overrides(burst="each")))
    await queue_message(slow_burst_ingress, key, "line 0", "m0")
    await asyncio.sleep(BURST_PAUSE / 2)  # so that the request of line 1 arrives after those of lines 2 and 3
    await queue_message(slow_burst_ingress, key, "line 1", "m1")
    await wait_for_turn(slow_burst_ingress, key, "m0")
    for number in (2, 3):
        await queue_message(slow_burst_ingress, key, f"line {number}", f"m{number}")
    assert [(await wait_for_turn(slow_burst_ingress, key, f"m{number}")).turn for number in range(4)] == [1, 2, 3, 4]
    assert [m.text for m in (await read_history(slow_burst_ingress, key)).messages if m.role == "user"] == [
        f"line {n}" for n in range(4)
    ]


@pytest.mark.replayed
async def test_restarted_turn_still_has_its_message(ingress: IngressClient, stack: Stack) -> None:
    """The same happens after a crash between `Queue/take` and the write in Chat."""
    key = new_web_key()
    handed = await queue_message(ingress, key, "are you there?", "m0")
    await wait_for_turn(ingress, key, "m0")
    await write_state(stack, "Chat", key, {"meta": Meta()})
    await eventually(lambda: read_history(ingress, key), lambda page: not page.messages)
    await stack.change_invocation(handed.invocation, "restart-as-new")
    page = await eventually(lambda: read_history(ingress, key), lambda page: len(page.messages) == 2)
    assert [m.text for m in page.messages] == ["are you there?", "echo: are you there?"]


@pytest.mark.replayed
async def test_repeat_at_the_queue_is_answered_once(ingress: IngressClient, stack: Stack) -> None:
    key = new_web_key()
    before = len(await stack.model.requests())
    for _ in range(4):
        await queue_message(ingress, key, "hello", "m0")
    await wait_for_turn(ingress, key, "m0")
    await queue_message(ingress, key, "hello", "m0")
    await answer_queued(ingress, key, "goodbye", "m1")
    assert await read_all_texts(ingress, key) == ["hello", "echo: hello", "goodbye", "echo: goodbye"]
    assert len(await stack.model.requests()) == before + 2


async def write_queue(stack: Stack, key: str, waiting: list[Inbound], characters: int = 0) -> None:
    state = QueueState(ids=[str(inbound.id) for inbound in waiting], characters=characters)
    messages = {message_key(str(inbound.id)): QueuedMessage(inbound=inbound) for inbound in waiting}
    await write_state(stack, "Queue", key, {"queue": state, **messages})


async def test_queue_refuses_more_than_the_maximum_of_messages(ingress: IngressClient, stack: Stack) -> None:
    key = new_web_key()
    await start_held_turn(ingress, stack, key)
    waiting = [Inbound(message=f"line {n}", id=f"m{n}", at=datetime.now(UTC)) for n in range(1, MAX_WAITING)]
    await write_queue(stack, key, waiting)
    await eventually(lambda: read_history(ingress, key), lambda page: len(page.waiting) == MAX_WAITING - 1)
    await queue_message(ingress, key, "the last place", f"m{MAX_WAITING}")
    with pytest.raises(IngressError) as caught:
        await queue_message(ingress, key, "one too many", "m-last", at=datetime.now(UTC))
    assert caught.value.status == 429 and "wait here already" in caught.value.message
    await stop_turn(ingress, key, all=True)
    assert (await answer_queued(ingress, key, "later", "m-later")).status == "answered"


async def test_queue_refuses_more_than_the_maximum_of_characters(ingress: IngressClient, stack: Stack) -> None:
    key = new_web_key()
    await start_held_turn(ingress, stack, key)
    waiting = [Inbound(message="large", id="m1", at=datetime.now(UTC))]
    await write_queue(stack, key, waiting, MAX_WAITING_CHARACTERS - 10)
    await eventually(lambda: read_history(ingress, key), lambda page: len(page.waiting) == 1)
    await queue_message(ingress, key, "x" * 10, "m2")
    with pytest.raises(IngressError) as caught:
        await queue_message(ingress, key, "x", "m3")
    assert caught.value.status == 429 and "too much text waits" in caught.value.message
    await stop_turn(ingress, key, all=True)
    assert (await answer_queued(ingress, key, "later", "m-later")).status == "answered"


async def test_large_messages_that_wait_are_not_all_answered_as_one_question(
    ingress: IngressClient, stack: Stack
) -> None:
    """The state of a conversation stays small, because it is preloaded."""
    key = new_web_key()
    number = await start_held_turn(ingress, stack, key)
    for n in range(5):
        await queue_message(ingress, key, "x" * (MAX_QUESTION_CHARACTERS // 2), f"large-{n}")
    second = await stack.model.count_requests()
    await stack.model.script(GATE)
    await stack.model.finish(number)
    request = await stack.model.wait_for_question("x", second)
    rows = await stack.query(
        f"SELECT * FROM state WHERE service_name = 'Chat' AND service_key = '{key}' AND key = 'meta'"
    )
    assert rows[0]["value_length"] < 2 * MAX_QUESTION_CHARACTERS
    await stop_turn(ingress, key, all=True)
    await stack.model.wait_for_request(request.number, "disconnected")
