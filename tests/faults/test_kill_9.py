"""Whatever dies in mid-reply, the reply is there once, and the conversation goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat_service import handlers
from chat_service.contracts import Inbound, Reply
from chat_service.ingress import IngressClient
from tests.conversation.client import read_all_texts, read_history, send_message, start_message
from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack, eventually

GATE = ScriptedResponse(kind="gate")


async def in_mid_reply(stack: Stack, ingress: IngressClient) -> str:
    """A conversation whose third message is being answered; gives that turn's invocation."""
    await send_message(ingress, "k", "my name is Ada", id="m1")
    await send_message(ingress, "k", "how are you?", id="m2")
    number = await stack.model.count_requests()
    await stack.model.script(GATE)
    sent = await ingress.send(handlers.CHAT_MESSAGE, "k", Inbound(message="what is my name?", id="m3"))
    await stack.model.wait_for_request(number)
    await stack.model.release(number, "Your na")
    await stack.model.wait_for_request(number, "written")
    return sent.invocationId


async def goes_on(ingress: IngressClient, invocation: str) -> None:
    """The reply is there, whole and once; the next message is answered with all that was said in mind."""
    reply = await ingress.attach(invocation, Reply, timeout=60)
    assert (reply.status, reply.reply, reply.turn) == ("answered", "Your name is Ada.", 3)
    before = await read_all_texts(ingress, "k")
    assert before == ["my name is Ada", "echo: my name is Ada", "how are you?", "echo: how are you?",
                      "what is my name?", "Your name is Ada."]  # fmt: skip
    assert (await send_message(ingress, "k", "what is my name?", id="m4")).reply == "Your name is Ada."
    assert (await send_message(ingress, "k", "what is my name?", id="m3")).turn == 3, "a repeat is still known"
    assert await read_all_texts(ingress, "k") == [*before, "what is my name?", "Your name is Ada."]


@pytest.mark.parametrize("dies", ["service", "engine", "both"])
async def test_turn_survives_kill_9(dies: str, own_stack: Stack, engine_binary: Path) -> None:
    async with own_stack.ingress() as ingress:
        invocation = await in_mid_reply(own_stack, ingress)
        ports = own_stack.engine.ports
        if dies in ("service", "both"):
            await own_stack.kill_service()
        if dies in ("engine", "both"):
            await own_stack.kill_engine()
            await own_stack.start_engine(engine_binary, ports)
        if dies in ("service", "both"):
            await own_stack.start_service()
        await goes_on(ingress, invocation)


async def test_messages_sent_while_the_service_is_down_are_answered_in_order(own_stack: Stack) -> None:
    async with own_stack.ingress() as ingress:
        await own_stack.kill_service()
        sent = [
            await ingress.send(
                handlers.CHAT_MESSAGE, "k", Inbound(message=f"line {n}", id=f"m{n}"), idempotency_key=f"m{n}"
            )
            for n in range(5)
        ]
        await own_stack.start_service()
        for number, one in enumerate(sent):
            reply = await ingress.attach(one.invocationId, Reply, timeout=60)
            assert (reply.turn, reply.reply) == (number + 1, f"echo: line {number}")


async def test_conversation_survives_a_purge_of_all_invocations(own_stack: Stack, engine_binary: Path) -> None:
    """All finished invocations purged and the engine started anew: nothing is missing."""
    async with own_stack.ingress() as ingress:
        for number in range(30):
            await send_message(ingress, "k", f"m{number}", id=f"m{number}")
        await send_message(ingress, "k", "my name is Ada", id="name")
        before = await read_all_texts(ingress, "k")

        async def settled() -> int:
            rows = await own_stack.query("SELECT count(1) AS n FROM sys_invocation WHERE status != 'completed'")
            return int(rows[0]["n"])

        await eventually(settled, lambda n: n == 0)
        rows = await own_stack.query("SELECT id FROM sys_invocation WHERE status = 'completed'")
        assert len(rows) >= 31
        for row in rows:
            await own_stack.change_invocation(row["id"], "purge")
        ports = own_stack.engine.ports
        await own_stack.kill_engine()
        await own_stack.start_engine(engine_binary, ports)
        assert await read_all_texts(ingress, "k") == before
        assert (await send_message(ingress, "k", "what is my name?", id="q")).reply == "Your name is Ada."
        assert (await send_message(ingress, "k", "my name is Ada", id="name")).turn == 31, (
            "a repeat is known without its journal"
        )


async def test_conversation_continues_after_an_invocation_is_killed(own_stack: Stack) -> None:
    """A killed invocation leaves its turn open; the next message tells it as failed and is answered."""
    async with own_stack.ingress() as ingress:
        invocation = await in_mid_reply(own_stack, ingress)
        await own_stack.change_invocation(invocation, "kill")
        assert (await send_message(ingress, "k", "and now?")).status == "answered"
        messages = (await read_history(ingress, "k")).messages
        failed = next(m for m in messages if m.turn == 3 and m.role == "assistant")
        assert failed.status == "failed" and "try again" in (failed.error or "")


async def test_killed_turn_is_reported_during_the_next_turn(own_stack: Stack) -> None:
    """Whoever delivers it looks for it at once, however long the model takes for the next."""
    async with own_stack.ingress() as ingress:
        invocation = await in_mid_reply(own_stack, ingress)
        number = await own_stack.model.count_requests()
        await own_stack.model.script(GATE)
        next_one = start_message(ingress, "k", "and now?")
        await own_stack.change_invocation(invocation, "kill")
        await own_stack.model.wait_for_question("and now?", number)
        page = await read_history(ingress, "k")
        assert page.running and page.running.turn == 4
        told = [(m.role, m.status) for m in page.messages if m.turn == 3]
        assert told == [("user", "answered"), ("assistant", "failed")]
        await own_stack.model.finish(number)
        assert (await next_one).status == "answered"


async def test_conversation_continues_after_an_invocation_is_cancelled(own_stack: Stack) -> None:
    async with own_stack.ingress() as ingress:
        invocation = await in_mid_reply(own_stack, ingress)
        await own_stack.change_invocation(invocation, "cancel")
        reply = await ingress.attach(invocation, Reply, timeout=30)
        assert reply.status == "stopped"
        assert (await send_message(ingress, "k", "and now?")).status == "answered"


@pytest.mark.parametrize("dies", ["service", "engine"])
async def test_replaced_question_survives_kill_9(dies: str, own_stack: Stack, engine_binary: Path) -> None:
    """What it replaces is hidden once and for all, and can be shown again."""
    async with own_stack.ingress() as ingress:
        await send_message(ingress, "k", "my name is Ada", id="m1")
        old = await send_message(ingress, "k", "how are you?", id="m2")
        number = await own_stack.model.count_requests()
        await own_stack.model.script(GATE)
        inbound = Inbound(message="what is my name?", id="m3", replaces=old.seq - 1)
        sent = await ingress.send(handlers.CHAT_MESSAGE, "k", inbound)
        await own_stack.model.wait_for_request(number)
        if dies == "service":
            await own_stack.kill_service()
            await own_stack.start_service()
        else:
            ports = own_stack.engine.ports
            await own_stack.kill_engine()
            await own_stack.start_engine(engine_binary, ports)
        reply = await ingress.attach(sent.invocationId, Reply, timeout=60)
        assert reply.reply == "Your name is Ada."
        messages = (await read_history(ingress, "k")).messages
        assert [m.text for m in messages if not m.replaced] == [
            "my name is Ada",
            "echo: my name is Ada",
            "what is my name?",
            "Your name is Ada.",
        ]
        assert messages[-2].versions == [old.seq - 1, messages[-2].seq] and len(messages) == 6


async def test_conversation_continues_after_a_replacement_is_killed(own_stack: Stack) -> None:
    async with own_stack.ingress() as ingress:
        await send_message(ingress, "k", "my name is Ada", id="m1")
        number = await own_stack.model.count_requests()
        await own_stack.model.script(GATE)
        sent = await ingress.send(handlers.CHAT_MESSAGE, "k", Inbound(message="hello", id="m2", replaces=1))
        await own_stack.model.wait_for_request(number)
        await own_stack.change_invocation(sent.invocationId, "kill")
        assert (await send_message(ingress, "k", "what is my name?")).reply == "I do not know your name."
        shown = [m for m in (await read_history(ingress, "k")).messages if not m.replaced]
        assert [(m.text, m.status) for m in shown[:2]] == [("hello", "answered"), ("", "failed")]
