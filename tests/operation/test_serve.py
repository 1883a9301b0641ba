"""`threadwell serve` alone, as production runs it: what SIGTERM does to the turns in flight."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chat_service import handlers
from chat_service.contracts import Inbound, Reply
from tests.fakes.model.protocol import ScriptedResponse
from tests.operation.up import answering, prepared
from tests.processes import Stack


async def test_sigterm_lets_the_turn_in_flight_finish_and_ends_with_0(own_stack: Stack) -> None:
    model, service = own_stack.model, own_stack.service
    assert service is not None
    async with own_stack.ingress() as ingress:
        await model.script(ScriptedResponse(kind="gate"))
        number = await model.count_requests()
        sent = await ingress.send(handlers.CHAT_MESSAGE, "k", Inbound(message="hi"))
        seen = await model.wait_for_question("hi", number)
        await model.release(seen.number, "half a ")
        await model.wait_for_request(seen.number, "written")
        service.terminate()
        await model.release(seen.number, "sentence")
        await model.finish(seen.number)
        reply = await ingress.attach(sent.invocationId, Reply, timeout=20)
        assert (reply.reply, reply.status) == ("half a sentence", "answered")
    assert await asyncio.wait_for(service.wait(), 20) == 0
    assert [one.number for one in await model.requests() if one.number >= number] == [seen.number], "asked once"
    assert "Traceback" not in (own_stack.data / "service.log").read_text()


async def test_a_taken_port_is_one_line(own_stack: Stack, tmp_path: Path) -> None:
    async with prepared(tmp_path, None, **answering(own_stack.model)) as up:
        up.command = (*up.command[:-1], "serve")
        up.ports["CHAT_SERVICE_PORT"] = own_stack.service_port
        status, said = await up.outcome()
    assert status == 1
    assert len(said) == 1
    assert said[0].startswith(f"threadwell: port {own_stack.service_port} is taken")
