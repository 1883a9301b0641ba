"""How a turn meets its model: what is tried again, what is told, and to whom."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from chat_service import handlers
from chat_service.contracts import Attachment, ConfigureRequest, Overrides
from chat_service.ingress import IngressClient
from chat_service.models.openai import OpenAIModel
from chat_service.models.protocol import Endpoint
from chat_service.settings import Settings
from tests.conversation.talk import read_history, send_message
from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import ScriptedResponse, text_of
from tests.fakes.model.running import running_model
from tests.processes import Stack, running_stack


def fails(status: int, message: str = "no", **headers: str) -> ScriptedResponse:
    return ScriptedResponse(kind="fail", status=status, headers=headers, body={"error": {"message": message}})


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503])
async def test_what_passes_is_tried_again(ingress: IngressClient, stack: Stack, key: str, status: int) -> None:
    before = len(await stack.model.requests())
    await stack.model.script(fails(status, **{"Retry-After": "0.1"}))
    assert (await send_message(ingress, key, "hi")).reply == "echo: hi"
    assert len(await stack.model.requests()) == before + 2


@pytest.mark.parametrize("kind", ["drop", "cut short"])
async def test_a_broken_stream_is_tried_again_and_its_text_replaced(
    ingress: IngressClient, stack: Stack, key: str, kind: str
) -> None:
    broken = ScriptedResponse(kind="drop", text="half a") if kind == "drop" else ScriptedResponse(kind="cut", text="half a")
    await stack.model.script(broken, ScriptedResponse(text="a whole sentence"))
    reply = await send_message(ingress, key, "hi")
    assert (reply.status, reply.reply) == ("answered", "a whole sentence")


async def test_retry_after_is_obeyed(ingress: IngressClient, stack: Stack, key: str) -> None:
    """Our own first pause would be half a second; the provider's wish is longer."""
    number = await stack.model.count_requests()
    await stack.model.script(fails(429, **{"Retry-After": "2"}))
    await send_message(ingress, key, "hi")
    first, second = await stack.model.requests(number)
    assert second.at - first.at >= 2


@pytest.mark.parametrize(
    ("status", "says"), [(400, "refused"), (401, "OPENAI_API_KEY"), (403, "OPENAI_API_KEY"), (404, "OPENAI_MODEL")]
)
async def test_what_only_a_person_can_change_is_told_at_once(
    ingress: IngressClient, stack: Stack, key: str, status: int, says: str
) -> None:
    before = len(await stack.model.requests())
    await stack.model.script(fails(status, "wrong key sk-abcdefghijkl"))
    reply = await send_message(ingress, key, "hi")
    assert reply.status == "failed" and says in (reply.error or "")
    assert "abcdefghijkl" not in (reply.error or ""), "a key never reaches a person or the log"
    assert len(await stack.model.requests()) == before + 1
    kept = (await read_history(ingress, key)).messages
    assert [(m.role, m.status) for m in kept] == [("user", "answered"), ("assistant", "failed")]
    assert (await send_message(ingress, key, "again")).status == "answered"


async def test_an_over_long_context_is_trimmed_and_tried_again(engine_binary: Path, tmp_path: Path) -> None:
    """The endpoint's context is smaller than the settings say: it is learned from the refusal."""
    async with (
        running_model("--context-tokens", "900") as model,
        running_stack(engine_binary, tmp_path, model, model_context_tokens="8192") as stack,
        stack.ingress() as ingress,
    ):
        for number in range(12):
            reply = await send_message(ingress, "k", f"{number} " + "word " * 120)
            assert reply.status == "answered", reply.error
        refused = [one for one in await model.requests() if one.refused]
        assert refused, "no request was ever too long: the test shows nothing"
        largest = await send_message(ingress, "k", "x" * 9_000)
        assert largest.status == "answered", "one question larger than all there is"
        assert largest.shortened, "and whoever asked it is told"
        assert not (await send_message(ingress, "k", "short")).shortened


async def test_a_stalled_stream_is_cut(engine_binary: Path, tmp_path: Path, model: ModelControl) -> None:
    await model.clear_script()
    async with (
        running_stack(engine_binary, tmp_path, model, model_stall_seconds="0.3") as stack,
        stack.ingress() as ingress,
    ):
        await model.script(ScriptedResponse(kind="stall", text="well …"), ScriptedResponse(text="here I am"))
        assert (await send_message(ingress, "k", "hi")).reply == "here I am"


async def test_a_model_that_never_ends_is_cut_and_what_it_said_is_kept(
    engine_binary: Path, tmp_path: Path, model: ModelControl
) -> None:
    await model.clear_script()
    async with (
        running_stack(engine_binary, tmp_path, model, model_max_seconds="2") as stack,
        stack.ingress() as ingress,
    ):
        await model.script(ScriptedResponse(text="and so on " * 1000, delay=0.05))
        reply = await send_message(ingress, "k", "hi")
        assert reply.status == "failed" and "cut off" in (reply.error or "") and reply.reply.startswith("and so on")
        assert (await send_message(ingress, "k", "again")).status == "answered"


class Fallback:
    """A stack with a second model."""

    def __init__(self, stack: Stack, second: ModelControl) -> None:
        self.stack = stack
        self.second = second


@pytest.fixture
async def fallback(engine_binary: Path, model: ModelControl, tmp_path: Path) -> AsyncIterator[Fallback]:
    await model.clear_script()
    async with running_model(api_key="second-key") as second:
        env: dict[str, Any] = {
            "fallback_base_url": second.base_url,
            "fallback_api_key": "second-key",
            "fallback_model": "scripted-large",
        }
        async with running_stack(engine_binary, tmp_path, model, **env) as stack:
            yield Fallback(stack, second)


async def test_a_second_model_answers_when_the_first_stays_away(fallback: Fallback) -> None:
    async with fallback.stack.ingress() as ingress:
        await fallback.stack.model.script(*[fails(503)] * 20)
        reply = await send_message(ingress, "k", "hi")
        assert (reply.status, reply.model) == ("answered", "scripted-large")
        await fallback.stack.model.clear_script()
        assert (await send_message(ingress, "k", "hi")).model == "scripted", "the first one is asked first again"


async def test_a_provider_that_wants_to_be_left_alone_for_long_counts_as_away(fallback: Fallback) -> None:
    async with fallback.stack.ingress() as ingress:
        await fallback.stack.model.script(fails(429, **{"Retry-After": "3600"}))
        assert (await send_message(ingress, "k", "hi")).model == "scripted-large"


async def test_when_all_tries_are_used_up_the_turn_is_told_as_failed(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    await model.clear_script()
    async with (
        running_stack(engine_binary, tmp_path, model, model_max_attempts="2") as stack,
        stack.ingress() as ingress,
    ):
        await model.script(fails(500, **{"Retry-After": "0.1"}), fails(500, **{"Retry-After": "0.1"}))
        reply = await send_message(ingress, "k", "hi")
        assert reply.status == "failed" and "500" in (reply.error or "")
        assert (await send_message(ingress, "k", "again")).status == "answered"


async def test_a_model_that_cannot_be_reached_is_told_as_such(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    async with (
        running_stack(
            engine_binary, tmp_path, model, openai_base_url="http://127.0.0.1:9/v1", model_max_attempts="1"
        ) as stack,
        stack.ingress() as ingress,
    ):
        reply = await send_message(ingress, "k", "hi")
        assert reply.status == "failed" and "cannot be reached" in (reply.error or "")


async def test_an_empty_address_in_the_environment_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As whoever copies `.env.example` has it, where an env_file brings the empty lines along."""
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    model = OpenAIModel(Settings(_env_file=None), Endpoint(None, SecretStr("sk-1"), None, "OPENAI"))
    try:
        assert str(model._client.base_url) == "https://api.openai.com/v1/"
    finally:
        await model.close()


PIXEL = base64.b64encode(b"\x89PNG not really").decode()


async def test_images_reach_a_model_that_sees(engine_binary: Path, model: ModelControl, tmp_path: Path) -> None:
    await model.clear_script()
    async with (
        running_stack(engine_binary, tmp_path, model, model_images="true") as stack,
        stack.ingress() as ingress,
    ):
        number = await model.count_requests()
        picture = Attachment(name="cat.png", media_type="image/png", data=PIXEL)
        await send_message(ingress, "k", "what is this?", attachments=[picture])
        parts = (await model.wait_for_request(number)).body["messages"][-1]["content"]
        assert {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}} in parts


async def test_a_model_that_cannot_see_is_told_that_there_is_a_picture(
    ingress: IngressClient, stack: Stack, key: str
) -> None:
    number = await stack.model.count_requests()
    picture = Attachment(name="cat.png", media_type="image/png", data=PIXEL)
    await send_message(ingress, key, "what is this?", attachments=[picture])
    assert "cat.png" in text_of((await stack.model.wait_for_request(number)).body["messages"][-1])


async def test_another_sdk_is_plugged_in_by_naming_a_factory(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    backend = "tests.conversation.shouting_backend:create"
    async with (
        running_stack(engine_binary, tmp_path, model, model_backend=backend) as stack,
        stack.ingress() as ingress,
    ):
        reply = await send_message(ingress, "k", "hello there")
        assert (reply.reply, reply.model) == ("HELLO THERE", "shouting")
        reply = await send_message(ingress, "k", "please raise")
        assert reply.status == "failed" and "RuntimeError" in (reply.error or "")
        assert (await send_message(ingress, "k", "again")).reply == "AGAIN"
        halves = await send_message(ingress, "k", "halves of characters")
        assert (halves.status, halves.reply) == ("answered", "a \U0001f600 and \ufffd alone \ufffd")


async def test_a_model_that_nobody_knows_is_told_by_its_own_name(ingress: IngressClient, key: str) -> None:
    await ingress.call(handlers.CHAT_CONFIGURE, key, ConfigureRequest(set=Overrides(model="no-such")))
    reply = await send_message(ingress, key, "hi")
    assert reply.status == "failed" and "the model no-such: choose another one in the settings" in (reply.error or "")


async def test_a_conversations_own_model_and_temperature_are_used(
    ingress: IngressClient, stack: Stack, key: str
) -> None:
    chosen = Overrides(model="scripted-large", temperature=0.1, prompt="Speak like a pirate.")
    await ingress.call(handlers.CHAT_CONFIGURE, key, ConfigureRequest(set=chosen))
    number = await stack.model.count_requests()
    assert (await send_message(ingress, key, "hi")).model == "scripted-large"
    sent = (await stack.model.wait_for_request(number)).body
    assert sent["temperature"] == 0.1
    assert sent["messages"][0] == {"role": "system", "content": "Speak like a pirate."}
