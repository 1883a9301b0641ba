"""Turns survive `kill -9` of the chat service and of Restate, and conversations survive killed invocations."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat_service import handlers
from chat_service.contracts import Inbound, Reply, StopRequest, TurnRequest
from chat_service.ingress import IngressClient
from tests.conversation.client import add_notes, read_all_texts, read_history, send_message, start_message
from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack, eventually

GATE = ScriptedResponse(kind="gate")


async def start_third_turn(stack: Stack, ingress: IngressClient, key: str) -> str:
    """Start a conversation whose third turn is running, and return the invocation of that turn."""
    await send_message(ingress, key, "my name is Ada", id="m1")
    await send_message(ingress, key, "how are you?", id="m2")
    number = await stack.model.count_requests()
    await stack.model.script(GATE)
    sent = await ingress.send(handlers.CHAT_MESSAGE, key, Inbound(message="what is my name?", id="m3"))
    await stack.model.wait_for_request(number)
    await stack.model.release(number, "Your na")
    await stack.model.wait_for_request(number, "written")
    return sent.invocationId


async def check_third_turn(ingress: IngressClient, key: str, invocation: str) -> None:
    """Check that the reply is complete, that it exists once, and that the next turn knows the conversation."""
    reply = await ingress.attach(invocation, Reply, timeout=60)
    assert (reply.status, reply.reply, reply.turn) == ("answered", "Your name is Ada.", 3)
    before = await read_all_texts(ingress, key)
    assert before == ["my name is Ada", "echo: my name is Ada", "how are you?", "echo: how are you?",
                      "what is my name?", "Your name is Ada."]  # fmt: skip
    assert (await send_message(ingress, key, "what is my name?", id="m4")).reply == "Your name is Ada."
    assert (await send_message(ingress, key, "what is my name?", id="m3")).turn == 3, "the repeat is recognized"
    assert await read_all_texts(ingress, key) == [*before, "what is my name?", "Your name is Ada."]


@pytest.mark.parametrize("killed", ["service", "engine", "both"])
async def test_turn_survives_kill_9(killed: str, killable_stack: Stack, key: str, engine_binary: Path) -> None:
    async with killable_stack.ingress() as ingress:
        invocation = await start_third_turn(killable_stack, ingress, key)
        if killed in ("service", "both"):
            await killable_stack.kill_service()
        if killed in ("engine", "both"):
            await killable_stack.restart_engine(engine_binary)
        if killed in ("service", "both"):
            await killable_stack.start_service()
        await check_third_turn(ingress, key, invocation)


async def test_messages_sent_while_the_service_is_down_are_answered_in_order(killable_stack: Stack, key: str) -> None:
    async with killable_stack.ingress() as ingress:
        await killable_stack.kill_service()
        sent = [
            await ingress.send(
                handlers.CHAT_MESSAGE, key, Inbound(message=f"line {n}", id=f"m{n}"), idempotency_key=f"m{n}"
            )
            for n in range(5)
        ]
        await killable_stack.start_service()
        for number, call in enumerate(sent):
            reply = await ingress.attach(call.invocationId, Reply, timeout=60)
            assert (reply.turn, reply.reply) == (number + 1, f"echo: line {number}")


async def test_conversation_survives_a_purge_of_all_invocations(
    killable_stack: Stack, key: str, engine_binary: Path
) -> None:
    """All finished invocations are purged and Restate is restarted: no message is lost."""
    async with killable_stack.ingress() as ingress:
        for number in range(10):
            await send_message(ingress, key, f"m{number}", id=f"m{number}")
            await add_notes(ingress, key, ["filler"] * 9)
        named = await send_message(ingress, key, "my name is Ada", id="name")
        before = await read_all_texts(ingress, key)

        async def count_unfinished() -> int:
            rows = await killable_stack.query("SELECT count(1) AS n FROM sys_invocation WHERE status != 'completed'")
            return int(rows[0]["n"])

        await eventually(count_unfinished, lambda n: n == 0)
        rows = await killable_stack.query("SELECT id FROM sys_invocation WHERE status = 'completed'")
        assert len(rows) >= 11
        for row in rows:
            await killable_stack.change_invocation(row["id"], "purge")
        await killable_stack.restart_engine(engine_binary)
        assert await read_all_texts(ingress, key) == before
        assert (await send_message(ingress, key, "what is my name?", id="q")).reply == "Your name is Ada."
        assert (await send_message(ingress, key, "my name is Ada", id="name")).turn == named.turn, (
            "the repeat is recognized without its journal"
        )


async def test_conversation_continues_after_an_invocation_is_killed(killable_stack: Stack, key: str) -> None:
    """A killed invocation leaves its turn open. The next turn closes it as failed."""
    async with killable_stack.ingress() as ingress:
        invocation = await start_third_turn(killable_stack, ingress, key)
        await killable_stack.change_invocation(invocation, "kill")
        assert (await send_message(ingress, key, "and now?")).status == "answered"
        messages = (await read_history(ingress, key)).messages
        failed = next(m for m in messages if m.turn == 3 and m.role == "assistant")
        assert failed.status == "failed" and "try again" in (failed.error or "")


async def test_killed_turn_is_reported_during_the_next_turn(killable_stack: Stack, key: str) -> None:
    """The failed turn is visible at once, although the next turn is still running."""
    async with killable_stack.ingress() as ingress:
        invocation = await start_third_turn(killable_stack, ingress, key)
        number = await killable_stack.model.count_requests()
        await killable_stack.model.script(GATE)
        next_reply = start_message(ingress, key, "and now?")
        await killable_stack.change_invocation(invocation, "kill")
        await killable_stack.model.wait_for_question("and now?", number)
        page = await read_history(ingress, key)
        assert page.running and page.running.turn == 4
        third_turn = [(m.role, m.status) for m in page.messages if m.turn == 3]
        assert third_turn == [("user", "answered"), ("assistant", "failed")]
        await killable_stack.model.finish(number)
        assert (await next_reply).status == "answered"


async def test_conversation_continues_after_an_invocation_is_cancelled(killable_stack: Stack, key: str) -> None:
    async with killable_stack.ingress() as ingress:
        invocation = await start_third_turn(killable_stack, ingress, key)
        await killable_stack.change_invocation(invocation, "cancel")
        reply = await ingress.attach(invocation, Reply, timeout=30)
        assert reply.status == "stopped"
        assert (await send_message(ingress, key, "and now?")).status == "answered"


@pytest.mark.parametrize("killed", ["service", "engine"])
async def test_replaced_question_survives_kill_9(
    killed: str, killable_stack: Stack, key: str, engine_binary: Path
) -> None:
    """The replaced question is hidden and can be shown again."""
    async with killable_stack.ingress() as ingress:
        await send_message(ingress, key, "my name is Ada", id="m1")
        old = await send_message(ingress, key, "how are you?", id="m2")
        number = await killable_stack.model.count_requests()
        await killable_stack.model.script(GATE)
        inbound = Inbound(message="what is my name?", id="m3", replaces=old.seq - 1)
        sent = await ingress.send(handlers.CHAT_MESSAGE, key, inbound)
        await killable_stack.model.wait_for_request(number)
        if killed == "service":
            await killable_stack.kill_service()
            await killable_stack.start_service()
        else:
            await killable_stack.restart_engine(engine_binary)
        reply = await ingress.attach(sent.invocationId, Reply, timeout=60)
        assert reply.reply == "Your name is Ada."
        messages = (await read_history(ingress, key)).messages
        assert [m.text for m in messages if not m.replaced] == [
            "my name is Ada",
            "echo: my name is Ada",
            "what is my name?",
            "Your name is Ada.",
        ]
        assert messages[-2].versions == [old.seq - 1, messages[-2].seq] and len(messages) == 6


async def test_conversation_continues_after_a_replacement_is_killed(killable_stack: Stack, key: str) -> None:
    async with killable_stack.ingress() as ingress:
        await send_message(ingress, key, "my name is Ada", id="m1")
        number = await killable_stack.model.count_requests()
        await killable_stack.model.script(GATE)
        sent = await ingress.send(handlers.CHAT_MESSAGE, key, Inbound(message="hello", id="m2", replaces=1))
        await killable_stack.model.wait_for_request(number)
        await killable_stack.change_invocation(sent.invocationId, "kill")
        assert (await send_message(ingress, key, "what is my name?")).reply == "I do not know your name."
        shown = [m for m in (await read_history(ingress, key)).messages if not m.replaced]
        assert [(m.text, m.status) for m in shown[:2]] == [("hello", "answered"), ("", "failed")]


@pytest.mark.parametrize("stop_sent", ["before the kill", "while it is down"])
async def test_stop_survives_kill_9(killable_stack: Stack, key: str, stop_sent: str) -> None:
    """The chat service dies between the stop request and its effect. After the restart the turn ends as stopped."""
    async with killable_stack.ingress() as ingress:
        number = await killable_stack.model.count_requests()
        await killable_stack.model.script(GATE, GATE, GATE)
        sent = await ingress.send(handlers.CHAT_MESSAGE, key, Inbound(message="hello", id="m1"))
        await killable_stack.model.wait_for_request(number)
        if stop_sent == "before the kill":
            # A frozen service cannot read the stop request, so it dies before the request takes effect.
            killable_stack.freeze_service()
            await ingress.send(handlers.CHAT_STOP, key, StopRequest())
            await killable_stack.kill_service()
        else:
            await killable_stack.kill_service()
            await ingress.send(handlers.CHAT_STOP, key, StopRequest())
        await killable_stack.start_service()
        reply = await ingress.attach(sent.invocationId, Reply, timeout=30)
        assert reply.status == "stopped"
        turn = await ingress.call(handlers.CHAT_GET_TURN, key, TurnRequest(id="m1"))
        assert turn.status == "stopped"
        await killable_stack.model.clear_script()
        assert (await send_message(ingress, key, "and now?")).status == "answered"
