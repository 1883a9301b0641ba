"""Turns and their model: retries, errors, fallback, images, other backends."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chat_service import handlers
from chat_service.contracts import Attachment, ConfigureRequest, Overrides
from chat_service.ingress import IngressClient
from tests.conversation.client import read_history, send_message
from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import ScriptedResponse, text_of
from tests.fakes.model.running import running_model
from tests.processes import Stack, running_stack

PIXEL = base64.b64encode(b"\x89PNG not really").decode()


def http_error(status: int, message: str = "no", **headers: str) -> ScriptedResponse:
    return ScriptedResponse(kind="fail", status=status, headers=headers, body={"error": {"message": message}})


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503])
async def test_temporary_model_error_is_retried(ingress: IngressClient, stack: Stack, key: str, status: int) -> None:
    before = len(await stack.model.requests())
    await stack.model.script(http_error(status, **{"Retry-After": "0.1"}))
    assert (await send_message(ingress, key, "hi")).reply == "echo: hi"
    assert len(await stack.model.requests()) == before + 2


@pytest.mark.replayed
@pytest.mark.parametrize("kind", ["drop", "cut short"])
async def test_broken_stream_is_retried_and_its_text_replaced(
    ingress: IngressClient, stack: Stack, key: str, kind: str
) -> None:
    broken = (
        ScriptedResponse(kind="drop", text="half a") if kind == "drop" else ScriptedResponse(kind="cut", text="half a")
    )
    await stack.model.script(broken, ScriptedResponse(text="a whole sentence"))
    reply = await send_message(ingress, key, "hi")
    assert (reply.status, reply.reply) == ("answered", "a whole sentence")


async def test_retry_waits_for_retry_after(ingress: IngressClient, stack: Stack, key: str) -> None:
    """The first retry pause would be half a second; the provider asks for two."""
    number = await stack.model.count_requests()
    await stack.model.script(http_error(429, **{"Retry-After": "2"}))
    await send_message(ingress, key, "hi")
    first, second = await stack.model.requests(number)
    assert second.at - first.at >= 2


@pytest.mark.parametrize(
    ("status", "advice"), [(400, "refused"), (401, "OPENAI_API_KEY"), (403, "OPENAI_API_KEY"), (404, "OPENAI_MODEL")]
)
async def test_permanent_model_error_fails_the_turn_at_once(
    ingress: IngressClient, stack: Stack, key: str, status: int, advice: str
) -> None:
    before = len(await stack.model.requests())
    await stack.model.script(http_error(status, "wrong key\nsk-abcdefghijkl"))
    reply = await send_message(ingress, key, "hi")
    assert reply.status == "failed" and advice in (reply.error or "")
    assert "\n" not in (reply.error or "")
    assert "abcdefghijkl" not in (reply.error or ""), "an API key is never shown or logged"
    assert len(await stack.model.requests()) == before + 1
    messages = (await read_history(ingress, key)).messages
    assert [(m.role, m.status) for m in messages] == [("user", "answered"), ("assistant", "failed")]
    assert (await send_message(ingress, key, "again")).status == "answered"


async def test_context_length_is_learned_from_the_refusal(engine_binary: Path, tmp_path: Path) -> None:
    """The context of the endpoint is smaller than the setting. The bot learns the size from the refusal."""
    async with (
        running_model("--context-tokens", "900") as model,
        running_stack(engine_binary, tmp_path, model, model_context_tokens="8192") as stack,
        stack.ingress() as ingress,
    ):
        for number in range(6):
            reply = await send_message(ingress, "k", f"{number} " + "word " * 120)
            assert reply.status == "answered", reply.error
        refused = [request for request in await model.requests() if request.refused]
        assert refused, "no request was too long, so the test proves nothing"
        largest = await send_message(ingress, "k", "x" * 9_000)
        assert largest.status == "answered", "a question larger than the context"
        assert largest.shortened
        assert not (await send_message(ingress, "k", "short")).shortened


@pytest.fixture(scope="module")
async def impatient_stack(
    engine_binary: Path, model: ModelControl, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """A stack with short limits for the model, which accepts images."""
    env: dict[str, Any] = {
        "model_stall_seconds": "1",
        "model_max_seconds": "2",
        "model_max_attempts": "2",
        "model_images": "true",
    }
    async with running_stack(engine_binary, tmp_path_factory.mktemp("impatient"), model, **env) as stack:
        yield stack


async def test_stalled_stream_is_cancelled_and_retried(impatient_stack: Stack, key: str) -> None:
    model = impatient_stack.model
    async with impatient_stack.ingress() as ingress:
        await model.script(ScriptedResponse(kind="stall", text="well …"), ScriptedResponse(text="here I am"))
        assert (await send_message(ingress, key, "hi")).reply == "here I am"


async def test_endless_stream_is_cut_off_and_its_text_kept(impatient_stack: Stack, key: str) -> None:
    async with impatient_stack.ingress() as ingress:
        await impatient_stack.model.script(ScriptedResponse(text="and so on " * 1000, delay=0.05))
        reply = await send_message(ingress, key, "hi")
        assert reply.status == "failed" and "cut off" in (reply.error or "") and reply.reply.startswith("and so on")
        assert (await send_message(ingress, key, "again")).status == "answered"


async def test_turn_fails_after_the_last_attempt(impatient_stack: Stack, key: str) -> None:
    async with impatient_stack.ingress() as ingress:
        await impatient_stack.model.script(*[http_error(500, **{"Retry-After": "0.1"})] * 2)
        reply = await send_message(ingress, key, "hi")
        assert reply.status == "failed" and "500" in (reply.error or "")
        assert (await send_message(ingress, key, "again")).status == "answered"


async def test_image_reaches_a_model_that_accepts_images(impatient_stack: Stack, key: str) -> None:
    async with impatient_stack.ingress() as ingress:
        number = await impatient_stack.model.count_requests()
        picture = Attachment(name="cat.png", media_type="image/png", data=PIXEL)
        await send_message(ingress, key, "what is this?", attachments=[picture])
        parts = (await impatient_stack.model.wait_for_request(number)).body["messages"][-1]["content"]
        assert {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}} in parts


class StackWithFallback:
    """A stack with a fallback model."""

    def __init__(self, stack: Stack, second: ModelControl) -> None:
        self.stack = stack
        self.second = second


@pytest.fixture(scope="module")
async def fallback(
    engine_binary: Path, model: ModelControl, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[StackWithFallback]:
    async with running_model(api_key="second-key") as second:
        env: dict[str, Any] = {
            "fallback_base_url": second.base_url,
            "fallback_api_key": "second-key",
            "fallback_model": "scripted-large",
        }
        async with running_stack(engine_binary, tmp_path_factory.mktemp("fallback"), model, **env) as stack:
            yield StackWithFallback(stack, second)


async def test_fallback_model_answers_when_the_first_model_fails(fallback: StackWithFallback, key: str) -> None:
    async with fallback.stack.ingress() as ingress:
        await fallback.stack.model.script(*[http_error(503)] * 20)
        reply = await send_message(ingress, key, "hi")
        assert (reply.status, reply.model) == ("answered", "scripted-large")
        await fallback.stack.model.clear_script()
        assert (await send_message(ingress, key, "hi")).model == "scripted", "each turn tries the first model first"


async def test_long_retry_after_selects_the_fallback_model(fallback: StackWithFallback, key: str) -> None:
    async with fallback.stack.ingress() as ingress:
        await fallback.stack.model.script(http_error(429, **{"Retry-After": "3600"}))
        assert (await send_message(ingress, key, "hi")).model == "scripted-large"


async def test_image_is_named_to_a_model_without_image_input(ingress: IngressClient, stack: Stack, key: str) -> None:
    number = await stack.model.count_requests()
    picture = Attachment(name="cat.png", media_type="image/png", data=PIXEL)
    await send_message(ingress, key, "what is this?", attachments=[picture])
    assert "cat.png" in text_of((await stack.model.wait_for_request(number)).body["messages"][-1])


async def test_backend_is_loaded_from_the_named_factory(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    backend = "tests.conversation.uppercase_backend:create"
    async with (
        running_stack(engine_binary, tmp_path, model, model_backend=backend) as stack,
        stack.ingress() as ingress,
    ):
        reply = await send_message(ingress, "k", "hello there")
        assert (reply.reply, reply.model) == ("HELLO THERE", "uppercase")
        reply = await send_message(ingress, "k", "please raise")
        assert reply.status == "failed" and "RuntimeError" in (reply.error or "")
        assert (await send_message(ingress, "k", "again")).reply == "AGAIN"
        halves = await send_message(ingress, "k", "halves of characters")
        assert (halves.status, halves.reply) == ("answered", "a \U0001f600 and \ufffd alone \ufffd")


@pytest.mark.replayed
async def test_unknown_model_is_named_in_the_error(ingress: IngressClient, key: str) -> None:
    await ingress.call(handlers.CHAT_CONFIGURE, key, ConfigureRequest(set=Overrides(model="no-such")))
    reply = await send_message(ingress, key, "hi")
    assert reply.status == "failed" and "the model no-such: choose another one in the settings" in (reply.error or "")


async def test_model_temperature_and_prompt_of_the_conversation_are_used(
    ingress: IngressClient, stack: Stack, key: str
) -> None:
    chosen = Overrides(model="scripted-large", temperature=0.1, prompt="Speak like a pirate.")
    await ingress.call(handlers.CHAT_CONFIGURE, key, ConfigureRequest(set=chosen))
    number = await stack.model.count_requests()
    assert (await send_message(ingress, key, "hi")).model == "scripted-large"
    sent = (await stack.model.wait_for_request(number)).body
    assert sent["temperature"] == 0.1
    assert sent["messages"][0] == {"role": "system", "content": "Speak like a pirate."}
