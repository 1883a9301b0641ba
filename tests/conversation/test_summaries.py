"""The rolling summary: it is written beside the turns, delays no turn, and loses no message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from chat_service import handlers
from chat_service.contracts import (
    Author,
    ConfigureRequest,
    EditRequest,
    Overrides,
)
from chat_service.domain import context, summary_policy
from chat_service.domain.window import MAX_SHOWN, SUMMARY_THRESHOLD
from chat_service.ingress import IngressClient
from chat_service.storage.state import ModelLimits
from tests.conversation.client import read_history, send_message
from tests.conversation.engine_state import read_meta, read_summary
from tests.fakes.model.protocol import ModelRequest, ScriptedResponse, text_of
from tests.processes import Stack, eventually

TURNS_TO_A_SUMMARY = SUMMARY_THRESHOLD // 2


async def send_messages(ingress: IngressClient, key: str, turns: int) -> None:
    for number in range(turns):
        assert (await send_message(ingress, key, f"line {number}")).status == "answered"


async def wait_for_prompt(stack: Stack, text: str, after: int) -> list[str]:
    return [text_of(m) for m in (await stack.model.wait_for_question(text, after)).body["messages"]]


async def test_fact_from_turn_3_is_known_at_turn_40(ingress: IngressClient, key: str) -> None:
    await send_messages(ingress, key, 2)
    await send_message(ingress, key, "by the way, my name is Ada, and I like tea")
    await send_messages(ingress, key, 36)
    reply = await send_message(ingress, key, "what is my name?")
    assert (reply.turn, reply.reply) == (40, "Your name is Ada.")


@pytest.mark.replayed
async def test_prompt_contains_the_summary_and_the_messages_after_it(
    ingress: IngressClient, stack: Stack, key: str
) -> None:
    first = await stack.model.count_requests()
    await send_message(ingress, key, "my name is Ada", author=Author(id="1", name="A. L."))
    await send_messages(ingress, key, TURNS_TO_A_SUMMARY - 1)
    summary = await eventually(lambda: read_summary(stack, key), lambda seen: seen["upto"])
    assert summary["text"] == "A. L.: my name is Ada"
    request = next(request for request in await stack.model.all_requests(first) if request.is_summary)
    for word in ("name", "decision", "preference", "open question"):
        assert word in text_of(request.body["messages"][0])
    number = await stack.model.count_requests()
    await send_message(ingress, key, "yes")
    system, *rest = await wait_for_prompt(stack, "yes", number)
    assert f"{summary_policy.HEADING}\nA. L.: my name is Ada" in system
    upto = int(str(summary["upto"]))
    assert rest[0] == f"line {upto // 2 - 1}", "summarized messages are not sent again, and no message is omitted"
    assert rest[-1] == "yes" and len(rest) == 2 * (TURNS_TO_A_SUMMARY - upto // 2) + 1


async def test_messages_are_answered_while_a_summary_is_written(ingress: IngressClient, stack: Stack, key: str) -> None:
    number = await stack.model.count_requests()
    await stack.model.script_summaries(ScriptedResponse(kind="gate"))
    await send_messages(ingress, key, TURNS_TO_A_SUMMARY)
    request = await stack.model.wait_for_summary(number)
    await send_messages(ingress, key, 3)
    await stack.model.release(request, "They counted lines.")
    await stack.model.finish(request)
    summary = await eventually(lambda: read_summary(stack, key), lambda seen: seen["upto"])
    assert summary["text"] == "They counted lines."


@pytest.mark.replayed
async def test_edit_replaces_the_summary(ingress: IngressClient, stack: Stack, key: str) -> None:
    await send_message(ingress, key, "my name is Ada", id="m1")
    await send_messages(ingress, key, TURNS_TO_A_SUMMARY - 1)
    await eventually(lambda: read_summary(stack, key), lambda seen: seen["text"] == "Person: my name is Ada")
    await ingress.send(handlers.QUEUE_EDIT, key, EditRequest(id="m1", message="my name is Bob"))
    await eventually(lambda: read_summary(stack, key), lambda seen: seen["text"] == "Person: my name is Bob")
    assert (await send_message(ingress, key, "what is my name?")).reply == "Your name is Bob."


@pytest.mark.replayed
async def test_next_summary_covers_the_messages_of_a_failed_one(ingress: IngressClient, stack: Stack, key: str) -> None:
    """The next summary reads messages that have scrolled out from the Transcript."""
    refused = ScriptedResponse(kind="fail", status=400, body={"error": {"message": "no"}})
    await stack.model.script_summaries(*[refused] * 50)
    await send_message(ingress, key, "my name is Ada")
    await send_messages(ingress, key, MAX_SHOWN // 2)  # the first page has scrolled out
    assert (await read_summary(stack, key))["upto"] == 0
    await stack.model.clear_script()
    await send_messages(ingress, key, summary_policy.RETRY_AFTER_MESSAGES)
    await eventually(lambda: read_summary(stack, key), lambda seen: seen["upto"])
    assert (await send_message(ingress, key, "what is my name?")).reply == "Your name is Ada."


@pytest.mark.replayed
async def test_late_summary_does_not_undo_a_reset(ingress: IngressClient, stack: Stack, key: str) -> None:
    number = await stack.model.count_requests()
    await stack.model.script_summaries(ScriptedResponse(kind="gate"))
    await send_message(ingress, key, "my name is Ada")
    await send_messages(ingress, key, TURNS_TO_A_SUMMARY)
    request = await stack.model.wait_for_summary(number)
    await ingress.call(handlers.CHAT_RESET, key, None)
    await stack.model.release(request, "my name is Ada")
    await stack.model.finish(request)

    async def unfinished() -> int:
        rows = await stack.query(
            "SELECT count(1) AS n FROM sys_invocation WHERE status != 'completed' "
            f"AND (target_handler_name = 'write_summary' OR target_service_key = '{key}')"
        )
        return int(rows[0]["n"])

    await eventually(unfinished, lambda n: n == 0)
    assert (await send_message(ingress, key, "what is my name?")).reply == "I do not know your name."


async def test_prompt_is_append_only_between_two_summaries(ingress: IngressClient, stack: Stack, key: str) -> None:
    first = await stack.model.count_requests()
    await send_messages(ingress, key, 40)
    prompts = [s.body["messages"] for s in (await stack.model.requests()) if s.number >= first and _asks(s, "line")]
    unchanged = sum(later[: len(earlier)] == earlier for earlier, later in pairwise(prompts))
    changed = len(prompts) - 1 - unchanged
    summaries = await eventually(lambda: count_summaries(stack, first))
    assert 0 < changed <= summaries


async def test_characters_per_token_are_learned_from_usage_figures(
    ingress: IngressClient, stack: Stack, key: str
) -> None:
    """The estimate comes closer to the ratio of characters to tokens that the provider reports."""
    characters = 400
    await send_message(ingress, key, "x" * characters)
    assert (first := await read_chars_per_token(stack, key)) != ModelLimits().chars_per_token
    for _ in range(6):
        number = await stack.model.count_requests()
        await send_message(ingress, key, "x" * characters)
    body = (await stack.model.wait_for_request(number)).body
    sent_characters = sum(len(text_of(m)) + context.MESSAGE_OVERHEAD for m in body["messages"])
    usage = (await read_history(ingress, key)).messages[-1].usage
    assert usage and usage.prompt
    reported = sent_characters / usage.prompt
    assert abs(await read_chars_per_token(stack, key) - reported) < abs(first - reported)


async def test_learned_context_size_applies_to_one_model_only(ingress: IngressClient, stack: Stack, key: str) -> None:
    """The prompts of a model with a small context omit the first turn; those of another model contain it."""

    async def send_with_model(model: str | None, text: str, *refusals: ScriptedResponse) -> str:
        request = ConfigureRequest(set=Overrides(model=model)) if model else ConfigureRequest(unset=["model"])
        await ingress.call(handlers.CHAT_CONFIGURE, key, request)
        await stack.model.script(*refusals)
        number = await stack.model.count_requests()
        assert (await send_message(ingress, key, text)).status == "answered"
        return "\n".join(await wait_for_prompt(stack, text, number + len(refusals)))

    small = ScriptedResponse(
        kind="fail",
        status=400,
        body={
            "error": {"message": "too long", "type": "exceed_context_size_error", "n_prompt_tokens": 1000, "n_ctx": 600}
        },
    )
    # For the model with the small context a summary is needed from now on. It must not come here.
    await stack.model.script_summaries(*[ScriptedResponse(kind="fail", status=400)] * 3)
    await send_message(ingress, key, "wombat " * 400)
    assert "wombat" in await send_with_model(None, "one")
    assert "wombat" not in await send_with_model("scripted-large", "two", small)
    assert "wombat" not in await send_with_model("scripted-large", "three")
    assert "wombat" in await send_with_model(None, "four")
    assert "wombat" not in await send_with_model("scripted-large", "five")


async def read_chars_per_token(stack: Stack, key: str) -> float:
    (model,) = (await read_meta(stack, key)).model_limits.values()
    return model.chars_per_token


async def test_prompt_names_the_time_of_a_message_after_a_long_pause(
    ingress: IngressClient, stack: Stack, key: str
) -> None:
    left = datetime(2029, 1, 1, 10, 0, tzinfo=UTC)
    await send_message(ingress, key, "see you", at=left)
    number = await stack.model.count_requests()
    await send_message(ingress, key, "I am back", at=left + timedelta(days=3), author=Author(id="1", name="Ada"))
    _, first, _, second = [text_of(m) for m in (await stack.model.wait_for_request(number)).body["messages"]]
    assert (first, second) == ("see you", "[Ada, Thursday 04 January 2029 10:00 UTC]\nI am back")


async def count_summaries(stack: Stack, first: int) -> int:
    return sum(request.is_summary for request in await stack.model.all_requests(first))


def _asks(request: ModelRequest, text: str) -> bool:
    return text in text_of(request.body["messages"][-1])
