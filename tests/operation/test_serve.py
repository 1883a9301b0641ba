"""`threadwell serve`, the chat service alone, as production runs it."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from chat_service import handlers
from chat_service.contracts import Inbound, Reply
from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import ScriptedResponse
from tests.operation.threadwell_process import model_env, threadwell_process
from tests.processes import Stack


async def test_sigterm_lets_the_running_turn_finish_and_ends_with_status_0(own_stack: Stack) -> None:
    model, service = own_stack.model, own_stack.service
    assert service is not None
    async with own_stack.ingress() as ingress:
        await model.script(ScriptedResponse(kind="gate"))
        number = await model.count_requests()
        sent = await ingress.send(handlers.CHAT_MESSAGE, "k", Inbound(message="hi"))
        request = await model.wait_for_question("hi", number)
        await model.release(request.number, "half a ")
        await model.wait_for_request(request.number, "written")
        service.terminate()
        await model.release(request.number, "sentence")
        await model.finish(request.number)
        reply = await ingress.attach(sent.invocationId, Reply, timeout=20)
        assert (reply.reply, reply.status) == ("half a sentence", "answered")
    assert await asyncio.wait_for(service.wait(), 20) == 0
    requests = [request.number for request in await model.requests() if request.number >= number]
    assert requests == [request.number], "the model was called once"
    assert "Traceback" not in (own_stack.data / "service.log").read_text()


async def test_ipv6_address_is_printed_in_brackets(model: ModelControl, tmp_path: Path) -> None:
    async with threadwell_process(tmp_path, None, "serve", CHAT_SERVICE_HOST="::1", **model_env(model)) as serve:
        await serve.start()
        line = await serve.wait_for_line("chat service at")
        assert line.startswith(f"chat service at http://[::1]:{serve.ports['CHAT_SERVICE_PORT']}/")
        _, writer = await asyncio.open_connection("::1", int(serve.ports["CHAT_SERVICE_PORT"]))
        writer.close()


async def test_unreachable_model_is_reported_at_the_start(tmp_path: Path) -> None:
    async with threadwell_process(tmp_path, None, "serve", OPENAI_BASE_URL="http://127.0.0.1:1/v1") as serve:
        await serve.start()
        line = await serve.wait_for_line("the model is not available")
        assert line.strip().endswith("the model's endpoint cannot be reached (http://127.0.0.1:1/v1)")
        serve.send_signal(signal.SIGTERM)
        assert await serve.wait_exit() == 0
