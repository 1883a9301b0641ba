"""A stopped or failed reply is continued at its end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chat_service import handlers
from chat_service.contracts import ContinueRequest, Reply
from chat_service.ingress import IngressClient, IngressError
from tests.conversation.client import read_last_prompt, read_shown_texts, send_message, start_message, stop_turn
from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack, new_session_key


async def stop_after(stack: Stack, ingress: IngressClient, question: str, text: str) -> tuple[str, Reply]:
    """Return the key of a conversation whose reply was stopped after `text`, and that reply.

    The chat service may not have read all that the model wrote, so this may take more than one conversation.
    """
    while True:
        key = new_session_key()
        number = await stack.model.count_requests()
        await stack.model.script(ScriptedResponse(kind="stall", text=text))
        reply = start_message(ingress, key, question)
        await stack.model.wait_for_request(number, "written")
        await stop_turn(ingress, key)
        if (await reply).reply == text:
            assert (await reply).status == "stopped"
            return key, await reply


async def test_stopped_reply_is_continued_at_its_end(stack: Stack, ingress: IngressClient) -> None:
    key, stopped = await stop_after(stack, ingress, "a story", "Once upon")
    await stack.model.script(ScriptedResponse(text="a time."))
    rest = await ingress.call(handlers.CHAT_CONTINUE_REPLY, key, ContinueRequest(seq=stopped.seq))
    assert (rest.status, rest.reply, rest.seq) == ("answered", "Once upon a time.", stopped.seq)
    messages = (await stack.model.requests())[-1].body["messages"]
    assert [m["role"] for m in messages[-3:]] == ["user", "assistant", "user"] and messages[-2][
        "content"
    ] == "Once upon"
    assert await read_shown_texts(ingress, key) == ["a story", "Once upon a time."]
    with pytest.raises(IngressError, match="nothing to continue"):
        await ingress.call(handlers.CHAT_CONTINUE_REPLY, key, ContinueRequest())
    await send_message(ingress, key, "and then?")
    assert "Once upon a time." in await read_last_prompt(stack), "the continued reply is part of the context"


@pytest.mark.replayed
async def test_failed_or_stopped_continuation_keeps_the_text(stack: Stack, ingress: IngressClient) -> None:
    refusal: dict[str, Any] = {"error": {"message": "no", "code": "invalid_api_key"}}
    key, _ = await stop_after(stack, ingress, "count", "One,")
    number = await stack.model.count_requests()
    await stack.model.script(
        ScriptedResponse(kind="fail", status=401, body=refusal),
        ScriptedResponse(kind="stall", text=" two,"),
        ScriptedResponse(text=" three."),
    )
    failed = await ingress.call(handlers.CHAT_CONTINUE_REPLY, key, ContinueRequest())
    assert (failed.status, failed.reply) == ("failed", "One,") and failed.error
    continuation = asyncio.create_task(ingress.call(handlers.CHAT_CONTINUE_REPLY, key, ContinueRequest()))
    refused = await stack.model.wait_for_request(number)
    await stack.model.wait_for_request(refused.number + 1, "written")
    await stop_turn(ingress, key)
    stopped = await continuation
    assert stopped.status == "stopped" and stopped.reply in ("One,", "One, two,")
    ended = await ingress.call(handlers.CHAT_CONTINUE_REPLY, key, ContinueRequest())
    assert (ended.status, ended.reply, ended.error) == ("answered", f"{stopped.reply} three.", None)
