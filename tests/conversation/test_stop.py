"""Stopping turns: a turn ends whatever the model does, and only the turn that was meant."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chat_service.contracts import Reply
from chat_service.ingress import IngressClient
from tests.conversation.client import (
    answer_queued,
    new_web_key,
    queue_message,
    read_history,
    send_message,
    start_message,
    stop_turn,
    wait_for_turn,
)
from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import ScriptedResponse, text_of
from tests.processes import Stack, eventually, running_stack

SILENT_MODEL = ScriptedResponse(kind="gate")
BUSY_MODEL = ScriptedResponse(kind="fail", status=429, headers={"Retry-After": "100"})


async def stop_and_measure(ingress: IngressClient, key: str, reply: Awaitable[Reply]) -> float:
    """Stop the turn, wait for its reply, and return the seconds that this took."""
    began = time.monotonic()
    assert (await stop_turn(ingress, key)).stopped
    await reply
    return time.monotonic() - began


def is_too_slow(durations: list[float]) -> bool:
    """Return whether no stop took less than a second. Fail after three: a busy machine may delay a single one."""
    if min(durations, default=1.0) < 1.0:
        return False
    assert len(durations) < 3, f"no stop within a second: {durations}"
    return True


async def test_silent_model_is_stopped(ingress: IngressClient, stack: Stack, key: str) -> None:
    durations: list[float] = []
    while is_too_slow(durations):
        number = await stack.model.count_requests()
        await stack.model.script(SILENT_MODEL)
        reply = start_message(ingress, key, "are you there?")
        await stack.model.wait_for_request(number)
        durations.append(await stop_and_measure(ingress, key, reply))
        assert (reply.result().status, reply.result().reply) == ("stopped", "")
        await stack.model.wait_for_request(number, "disconnected")
    assert (await send_message(ingress, key, "and now?")).status == "answered"


@pytest.mark.replayed
async def test_streaming_model_is_stopped_and_its_text_kept(ingress: IngressClient, stack: Stack, key: str) -> None:
    durations: list[float] = []
    while is_too_slow(durations):
        number = await stack.model.count_requests()
        await stack.model.script(SILENT_MODEL)
        reply = start_message(ingress, key, "tell me a story")
        await stack.model.wait_for_request(number)
        for piece in ("Once upon a time", " there was"):
            await stack.model.release(number, piece)
        await stack.model.wait_for_request(number, "written", least=2)
        durations.append(await stop_and_measure(ingress, key, reply))
    stopped = reply.result()
    assert stopped.status == "stopped"
    # The chat service may not have read everything that the model has written.
    assert stopped.reply and "Once upon a time there was".startswith(stopped.reply)
    message = (await read_history(ingress, key)).messages[-1]
    assert (message.status, message.text) == ("stopped", stopped.reply)


@pytest.mark.replayed
async def test_turn_is_stopped_during_a_retry_pause(ingress: IngressClient, stack: Stack, key: str) -> None:
    durations: list[float] = []
    while is_too_slow(durations):
        number = await stack.model.count_requests()
        await stack.model.script(BUSY_MODEL)
        reply = start_message(ingress, key, "hello?")
        await stack.model.wait_for_request(number, "finished")
        durations.append(await stop_and_measure(ingress, key, reply))
        assert reply.result().status == "stopped"
    assert (await send_message(ingress, key, "again")).status == "answered"


async def test_stop_works_without_the_live_bus(engine_binary: Path, model: ModelControl, tmp_path: Path) -> None:
    """The live bus may lose events. Without a bus the durable signal stops the turn."""
    await model.clear_script()
    async with (
        running_stack(
            engine_binary, tmp_path, model, live_bus_url="redis://127.0.0.1:9", model_stall_seconds="600"
        ) as stack,
        stack.ingress() as ingress,
        asyncio.timeout(30),
    ):
        number = await model.count_requests()
        await model.script(SILENT_MODEL)
        reply = start_message(ingress, "k", "are you there?")
        await model.wait_for_request(number)
        await stop_turn(ingress, "k")
        assert (await reply).status == "stopped"
        await model.wait_for_request(number, "disconnected")


async def test_stopped_turn_is_not_part_of_the_context(ingress: IngressClient, stack: Stack, key: str) -> None:
    number = await stack.model.count_requests()
    await stack.model.script(SILENT_MODEL)
    reply = start_message(ingress, key, "the secret is blue")
    await stack.model.wait_for_request(number)
    await stop_turn(ingress, key)
    await reply
    number = await stack.model.count_requests()
    await send_message(ingress, key, "next question")
    sent = [text_of(m) for m in (await stack.model.wait_for_request(number)).body["messages"]]
    assert not any("blue" in text for text in sent)


async def test_stop_without_a_running_turn_stops_nothing(ingress: IngressClient, key: str) -> None:
    assert not (await stop_turn(ingress, key)).stopped
    await send_message(ingress, key, "hi")
    assert not (await stop_turn(ingress, key)).stopped


async def test_stop_of_a_finished_turn_does_not_stop_the_next(ingress: IngressClient, stack: Stack, key: str) -> None:
    """The stop button was pressed a moment too late."""
    first = await send_message(ingress, key, "one")
    number = await stack.model.count_requests()
    await stack.model.script(SILENT_MODEL)
    reply = start_message(ingress, key, "two")
    await stack.model.wait_for_request(number)
    assert not (await stop_turn(ingress, key, turn=first.turn)).stopped
    await stack.model.release(number, "still here")
    await stack.model.finish(number)
    assert (await reply).reply == "still here"


@pytest.mark.replayed
async def test_stop_all_withdraws_waiting_messages_and_later_ones_are_answered(
    ingress: IngressClient, stack: Stack
) -> None:
    """The conversation uses the queue, where waiting messages are visible."""
    key = new_web_key()
    number = await stack.model.count_requests()
    await stack.model.script(SILENT_MODEL)
    await queue_message(ingress, key, "first", "m1")
    await stack.model.wait_for_question("first", number)
    at = datetime.now(UTC)
    for name in ("m2", "m3"):
        await queue_message(ingress, key, name, name, at=at)
    await eventually(lambda: read_history(ingress, key), lambda page: [w.id for w in page.waiting] == ["m2", "m3"])
    assert (await stop_turn(ingress, key, all=True)).stopped
    assert (await read_history(ingress, key)).waiting == []
    assert (await answer_queued(ingress, key, "later", "m4")).reply == "echo: later"
    messages = (await read_history(ingress, key)).messages
    assert [m.text for m in messages if m.status == "answered"] == ["first", "later", "echo: later"]
    # A late repeat of a withdrawn message is not answered either.
    before = len(await stack.model.requests())
    again = await queue_message(ingress, key, "m2", "m2", at=at)
    reply = await ingress.attach(again.invocation, Reply)
    assert reply.status in ("withdrawn", "forgotten")
    assert len(await stack.model.requests()) == before


async def test_two_stop_alls_do_not_stop_later_messages(ingress: IngressClient, stack: Stack) -> None:
    """Their barriers come within milliseconds. The first stop must not go on and stop later messages."""
    key, number = new_web_key(), await stack.model.count_requests()
    await stack.model.script(SILENT_MODEL)
    await queue_message(ingress, key, "a story", "m0")
    await stack.model.wait_for_question("a story", number)
    stops = [asyncio.create_task(stop_turn(ingress, key, all=True)) for _ in range(2)]
    assert (await wait_for_turn(ingress, key, "m0")).status == "stopped"

    async def barriers() -> int:
        rows = await stack.query(
            "SELECT count(1) AS n FROM sys_invocation WHERE target_handler_name = 'pass_stop_all_barrier' "
            f"AND target_service_key = '{key}' AND status = 'completed'"
        )
        return int(rows[0]["n"])

    await eventually(barriers, lambda count: count == 2)
    for n in range(4):  # these turns take more than a second, the interval in which a stop polls
        await stack.model.script(ScriptedResponse(text="here", delay=0.3))
        assert (await answer_queued(ingress, key, f"and now {n}?", f"m{n + 1}")).reply == "here"
    assert any(result.stopped for result in await asyncio.gather(*stops))


@pytest.mark.replayed
async def test_stop_all_withdraws_messages_queued_at_the_engine(ingress: IngressClient, stack: Stack, key: str) -> None:
    number = await stack.model.count_requests()
    await stack.model.script(SILENT_MODEL)
    first = start_message(ingress, key, "first")
    await stack.model.wait_for_request(number)
    rest = [start_message(ingress, key, f"more {n}") for n in range(3)]

    async def queued() -> int:
        rows = await stack.query(
            "SELECT count(1) AS n FROM sys_invocation WHERE target_handler_name = 'message' "
            f"AND target_service_key = '{key}' AND status != 'completed'"
        )
        return int(rows[0]["n"])

    await eventually(queued, lambda n: n == 4)
    await stop_turn(ingress, key, all=True)
    assert (await first).status == "stopped"
    assert {(await reply).status for reply in rest} == {"withdrawn"}
    assert (await send_message(ingress, key, "later")).status == "answered"
