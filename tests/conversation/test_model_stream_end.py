"""How a turn ends when the model's stream ends normally, at a limit, by a filter, or without text."""

from __future__ import annotations

import pytest

from chat_service import handlers
from chat_service.contracts import ContinueRequest, ExportRequest, Reply
from chat_service.ingress import IngressClient, IngressError
from tests.conversation.client import read_history, send_message
from tests.fakes.model.protocol import ScriptedResponse, text_of
from tests.processes import Stack


async def continue_reply(ingress: IngressClient, key: str) -> Reply:
    return await ingress.call(handlers.CHAT_CONTINUE_REPLY, key, ContinueRequest())


@pytest.mark.replayed
async def test_reply_cut_off_at_the_token_limit_can_be_continued(
    ingress: IngressClient, stack: Stack, key: str
) -> None:
    await stack.model.script(ScriptedResponse(text="Once upon a", finish="length"), ScriptedResponse(text=" time."))
    cut = await send_message(ingress, key, "tell me a story")
    assert (cut.status, cut.reply, cut.cut) == ("answered", "Once upon a", "length")
    assert (await read_history(ingress, key)).messages[-1].cut == "length"
    exported = await ingress.call(handlers.CHAT_EXPORT, key, ExportRequest())
    assert "cut off" in exported.text
    continued = await continue_reply(ingress, key)
    assert (continued.status, continued.reply, continued.cut) == ("answered", "Once upon a time.", None)
    page = await read_history(ingress, key)
    assert [(m.text, m.cut) for m in page.messages] == [("tell me a story", None), ("Once upon a time.", None)]


async def test_cut_off_reply_is_part_of_the_context(ingress: IngressClient, stack: Stack, key: str) -> None:
    await stack.model.script(ScriptedResponse(text="Once upon a", finish="length"))
    await send_message(ingress, key, "tell me a story")
    number = await stack.model.count_requests()
    await send_message(ingress, key, "a shorter one")
    sent = (await stack.model.wait_for_request(number)).body["messages"]
    assert any("Once upon a" in text_of(message) for message in sent)


async def test_reply_cut_off_by_a_filter_cannot_be_continued(ingress: IngressClient, stack: Stack, key: str) -> None:
    await stack.model.script(ScriptedResponse(text="The recipe is", finish="content_filter"))
    cut = await send_message(ingress, key, "a dangerous question")
    assert (cut.status, cut.reply, cut.cut) == ("answered", "The recipe is", "filter")
    with pytest.raises(IngressError, match="nothing to continue"):
        await continue_reply(ingress, key)


@pytest.mark.replayed
@pytest.mark.parametrize(
    ("finish", "advice"), [("content_filter", "ask in other words"), ("length", "raise MODEL_MAX_OUTPUT_TOKENS")]
)
async def test_empty_reply_fails_the_turn_with_advice(
    ingress: IngressClient, stack: Stack, key: str, finish: str, advice: str
) -> None:
    number = await stack.model.count_requests()
    await stack.model.script(ScriptedResponse(text=" \n", finish=finish))
    reply = await send_message(ingress, key, "anything")
    assert reply.status == "failed"
    assert advice in (reply.error or "")
    assert len(await stack.model.requests(number)) == 1, "a retry would end in the same way"
    await send_message(ingress, key, "and now?")
    sent = (await stack.model.requests(number))[-1].body["messages"]
    assert not any(message["role"] == "assistant" for message in sent)


async def test_empty_stream_is_retried(ingress: IngressClient, stack: Stack, key: str) -> None:
    await stack.model.script(ScriptedResponse(text=""), ScriptedResponse(text="here I am"))
    reply = await send_message(ingress, key, "are you there?")
    assert (reply.status, reply.reply) == ("answered", "here I am")
