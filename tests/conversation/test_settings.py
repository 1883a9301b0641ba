"""Settings of deployment, workspace, channel and conversation: the narrower one wins, and each value has a source."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from chat_service import handlers, keys
from chat_service.contracts import ConfigureRequest
from chat_service.contracts.channel import ChannelRulesChange
from chat_service.ingress import IngressClient, IngressError
from tests.conversation.client import answer_queued, queue_message, send_message, start_message, wait_for_turn
from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack, running_stack

PERSONAS = """
[pirate]
prompt = "Speak like a pirate."
model = "scripted-large"
temperature = 0.2

[poet]
prompt = "Answer in verse."
"""


async def configure(ingress: IngressClient, key: str, *unset: str, **set_: object) -> dict[str, tuple[object, str]]:
    request = ConfigureRequest.model_validate({"set": set_, "unset": unset})
    view = await ingress.call(handlers.CHAT_CONFIGURE, key, request)
    return {setting.name: (setting.value, setting.source) for setting in view.settings}


async def configure_scope(ingress: IngressClient, scope: str, *unset: str, **set_: object) -> None:
    request = ConfigureRequest.model_validate({"set": set_, "unset": unset})
    await ingress.call(handlers.CHANNEL_CONFIGURE, scope, request)


@pytest.mark.replayed
async def test_each_setting_names_its_source(ingress: IngressClient) -> None:
    team = f"T{uuid4().hex[:8].upper()}"
    key = keys.slack(team, "C1", "1700000000.000100")
    settings = await configure(ingress, key)
    assert settings["temperature"] == (0.7, "deployment") and settings["burst"] == ("together", "deployment")
    await configure_scope(ingress, f"slack:{team}", temperature=0.1, prompt="of the workspace", model="scripted-large")
    await configure_scope(ingress, f"slack:{team}:C1", temperature=0.2, prompt="of the channel")
    settings = await configure(ingress, key, temperature=0.3)
    assert settings["temperature"] == (0.3, "conversation")
    assert settings["prompt"] == ("of the channel", "channel")
    assert settings["model"] == ("scripted-large", "workspace")
    settings = await configure(ingress, key, "temperature")
    assert settings["temperature"] == (0.2, "channel"), "the wider scope applies again"
    await configure_scope(ingress, f"slack:{team}:C1", "temperature", "prompt")
    settings = await configure(ingress, key)
    assert settings["temperature"] == (0.1, "workspace") and settings["prompt"] == ("of the workspace", "workspace")


async def test_settings_can_be_read_during_a_turn(ingress: IngressClient, stack: Stack, key: str) -> None:
    number = await stack.model.count_requests()
    await stack.model.script(ScriptedResponse(kind="gate"))
    reply = start_message(ingress, key, "hold on")
    await stack.model.wait_for_request(number)
    view = await ingress.call(handlers.CHAT_GET_SETTINGS, key, None)
    assert {setting.name for setting in view.settings} == {"persona", "prompt", "model", "temperature", "burst"}
    assert not reply.done()
    await stack.model.finish(number)
    await reply


async def test_prompt_of_the_channel_reaches_the_model(ingress: IngressClient, stack: Stack) -> None:
    team = f"T{uuid4().hex[:8].upper()}"
    await configure_scope(ingress, f"slack:{team}:C1", prompt="You are the channel's own.")
    key = keys.slack(team, "C1", "1700000000.000100")
    number = await stack.model.count_requests()
    await answer_queued(ingress, key, "hi", "m0")
    sent = (await stack.model.wait_for_question("hi", number)).body["messages"]
    assert sent[0]["content"] == "You are the channel's own."


@pytest.mark.replayed
@pytest.mark.parametrize("scope", ["slack:{team}", "slack:{team}:C1"])
async def test_waiting_message_fails_when_the_channel_is_switched_off(
    ingress: IngressClient, stack: Stack, scope: str
) -> None:
    team = f"T{uuid4().hex[:8].upper()}"
    scope, key = scope.format(team=team), keys.slack(team, "C1", "1700000000.000100")
    number = await stack.model.count_requests()
    await stack.model.script(ScriptedResponse(kind="gate"))
    await queue_message(ingress, key, "runs", "m0")
    await stack.model.wait_for_question("runs", number)
    await queue_message(ingress, key, "waits", "m1")
    await ingress.call(handlers.CHANNEL_SET_RULES, scope, ChannelRulesChange(off=True))
    await stack.model.finish(number)
    assert (await wait_for_turn(ingress, key, "m0")).status == "answered", "the running turn ends normally"
    reply = await wait_for_turn(ingress, key, "m1")
    assert reply.status == "failed" and "switched off" in (reply.error or "")
    assert not any("waits" in str(request.body) for request in await stack.model.requests(number))
    await ingress.call(handlers.CHANNEL_SET_RULES, scope, ChannelRulesChange(off=False))
    assert (await answer_queued(ingress, key, "back", "m2")).reply == "echo: back"


async def test_persona_sets_prompt_model_and_temperature(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    await model.clear_script()
    personas = tmp_path / "personas.toml"
    personas.write_text(PERSONAS)
    async with (
        running_stack(engine_binary, tmp_path, model, personas_file=str(personas), persona="poet") as stack,
        stack.ingress() as ingress,
    ):
        settings = await configure(ingress, "k")
        assert settings["prompt"] == ("Answer in verse.", "persona poet (deployment)")
        settings = await configure(ingress, "k", persona="pirate")
        assert settings["prompt"] == ("Speak like a pirate.", "persona pirate (conversation)")
        number = await model.count_requests()
        assert (await send_message(ingress, "k", "ahoy there")).model == "scripted-large"
        sent = (await model.wait_for_question("ahoy there", number)).body
        assert (sent["temperature"], sent["messages"][0]["content"]) == (0.2, "Speak like a pirate.")
        with pytest.raises(IngressError) as caught:
            await configure(ingress, "k", persona="nobody")
        assert caught.value.status == 400 and "pirate, poet" in caught.value.message
        assert (await configure(ingress, "k"))["persona"][0] == "pirate"
