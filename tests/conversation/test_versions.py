"""Versions of replies and questions: regenerating, replacing, choosing, and what the model is sent."""

from __future__ import annotations

import asyncio

import pytest

from chat_service import handlers
from chat_service.contracts import (
    ChooseRequest,
    ExportRequest,
    History,
    Message,
    Reply,
    SearchRequest,
    TurnRequest,
)
from chat_service.domain import summary_policy
from chat_service.ingress import IngressClient, IngressError
from tests.conversation.client import (
    answer_queued,
    new_web_key,
    queue_message,
    read_all_texts,
    read_history,
    read_last_prompt,
    read_shown_texts,
    send_message,
    start_message,
    stop_turn,
    wait_for_turn,
)
from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack, eventually, new_session_key

GATE = ScriptedResponse(kind="gate")


async def find_message(ingress: IngressClient, key: str, text: str) -> Message:
    """Return the message with this text."""
    return next(m for m in (await read_history(ingress, key, limit=200)).messages if m.text == text)


async def choose_version(ingress: IngressClient, key: str, seq: int) -> None:
    await ingress.call(handlers.CHAT_CHOOSE_VERSION, key, ChooseRequest(seq=seq))


async def regenerate(ingress: IngressClient, key: str) -> Reply:
    return await ingress.call(handlers.CHAT_REGENERATE, key, TurnRequest())


async def replace_question(ingress: IngressClient, key: str, old: str, new: str) -> Reply:
    """Replace a question as the page does."""
    seq = (await find_message(ingress, key, old)).seq
    return await answer_queued(ingress, key, new, f"id {new}", replaces=seq)


@pytest.mark.replayed
async def test_replaced_question_is_answered_and_both_versions_can_be_shown(
    stack: Stack, ingress: IngressClient
) -> None:
    key = new_web_key()
    for number, text in enumerate(("my name is Ada", "my name is Grace", "thanks")):
        await answer_queued(ingress, key, text, f"m{number}")
    assert (await replace_question(ingress, key, "my name is Grace", "what is my name?")).reply == "Your name is Ada."
    assert await read_shown_texts(ingress, key) == [
        "my name is Ada",
        "echo: my name is Ada",
        "what is my name?",
        "Your name is Ada.",
    ]
    question = await find_message(ingress, key, "what is my name?")
    old = await find_message(ingress, key, "my name is Grace")
    assert question.versions == [old.seq, question.seq] and old.replaced

    await choose_version(ingress, key, old.seq)
    assert (await read_shown_texts(ingress, key))[2:] == [
        "my name is Grace",
        "echo: my name is Grace",
        "thanks",
        "echo: thanks",
    ]
    assert (await answer_queued(ingress, key, "what is my name, please?", "m9")).reply == "Your name is Grace."
    await choose_version(ingress, key, question.seq)
    assert (await read_shown_texts(ingress, key))[-1] == "Your name is Ada."
    await choose_version(ingress, key, old.seq)
    assert (await read_shown_texts(ingress, key))[-1] == "Your name is Grace.", (
        "the messages that followed it last are shown again"
    )


@pytest.mark.replayed
async def test_regenerated_replies_are_versions_and_the_shown_one_is_used(stack: Stack, ingress: IngressClient) -> None:
    key = new_session_key()
    await stack.model.script(*(ScriptedResponse(text=text) for text in ("one", "two", "three")))
    first = await send_message(ingress, key, "count")
    await regenerate(ingress, key)
    await regenerate(ingress, key)
    last = await find_message(ingress, key, "three")
    assert last.versions == [first.seq, first.seq + 1, first.seq + 2]
    await choose_version(ingress, key, first.seq)
    assert await read_shown_texts(ingress, key) == ["count", "one"]
    await send_message(ingress, key, "and on")
    prompt = await read_last_prompt(stack)
    assert "'one'" in prompt and "'two'" not in prompt and "'three'" not in prompt
    await choose_version(ingress, key, last.seq)
    assert await read_shown_texts(ingress, key) == ["count", "three"]
    await choose_version(ingress, key, first.seq)
    assert (await read_shown_texts(ingress, key))[-2:] == ["and on", "echo: and on"]


@pytest.mark.replayed
async def test_failed_regeneration_keeps_the_previous_reply(stack: Stack, ingress: IngressClient) -> None:
    key = new_session_key()
    refusal = ScriptedResponse(kind="fail", status=401, body={"error": {"message": "no", "code": "invalid_api_key"}})
    await stack.model.script(ScriptedResponse(text="one"), refusal, ScriptedResponse(text="two"))
    first = await send_message(ingress, key, "count")
    assert (await regenerate(ingress, key)).status == "failed"
    assert await read_shown_texts(ingress, key) == ["count", "one"]
    assert (await find_message(ingress, key, "one")).versions == [], "an empty reply is not a version"
    await regenerate(ingress, key)
    assert await read_shown_texts(ingress, key) == ["count", "two"]
    assert (await find_message(ingress, key, "two")).versions == [first.seq, first.seq + 2]
    await choose_version(ingress, key, first.seq)
    await stack.model.script(refusal)
    await regenerate(ingress, key)
    await send_message(ingress, key, "and on")
    prompt = await read_last_prompt(stack)
    assert "'one'" in prompt and "'two'" not in prompt
    assert await read_shown_texts(ingress, key) == ["count", "one", "and on", "echo: and on"]


async def test_search_and_export_contain_only_shown_versions(ingress: IngressClient) -> None:
    key = new_web_key()
    await answer_queued(ingress, key, "about tea", "m1")
    await replace_question(ingress, key, "about tea", "about coffee")

    async def find(text: str) -> int:
        found = await ingress.call(handlers.CHAT_SEARCH, key, SearchRequest(text=text))
        return len(found.messages)

    assert (await find("tea"), await find("coffee")) == (0, 2)
    document = (await ingress.call(handlers.CHAT_EXPORT, key, ExportRequest())).text
    assert "tea" not in document and "coffee" in document
    exported = (await ingress.call(handlers.CHAT_EXPORT, key, ExportRequest(format="json"))).text
    assert len(History.model_validate_json(exported).messages) == 4, "the JSON export contains all versions"


@pytest.mark.replayed
async def test_replacement_waits_in_the_queue_and_is_answered_once(stack: Stack, ingress: IngressClient) -> None:
    key = new_web_key()
    await answer_queued(ingress, key, "first", "m1")
    seq = (await find_message(ingress, key, "first")).seq
    number = await stack.model.count_requests()
    await stack.model.script(GATE)
    await queue_message(ingress, key, "second", "m2")
    await stack.model.wait_for_request(number)
    for _ in range(3):
        await queue_message(ingress, key, "first, in other words", "m3", replaces=seq)
    await queue_message(ingress, key, "third", "m4")
    page = await read_history(ingress, key)
    assert [(message.id, message.replaces) for message in page.waiting] == [("m3", seq), ("m4", None)]
    assert not any(m.replaced for m in page.messages)
    await stack.model.finish(number)
    await wait_for_turn(ingress, key, "m4")
    assert await read_shown_texts(ingress, key) == [
        "first, in other words",
        "echo: first, in other words",
        "third",
        "echo: third",
    ]
    again = await queue_message(ingress, key, "first, in other words", "m3", replaces=seq)
    assert (await ingress.attach(again.invocation, Reply)).reply == "echo: first, in other words"
    assert len(await read_all_texts(ingress, key)) == 8


@pytest.mark.replayed
async def test_replaced_question_is_hidden_during_the_new_turn(stack: Stack, ingress: IngressClient) -> None:
    key = new_session_key()
    await send_message(ingress, key, "first")
    number = await stack.model.count_requests()
    await stack.model.script(GATE)
    reply = start_message(ingress, key, "better", replaces=1)
    await stack.model.wait_for_request(number)
    page = await read_history(ingress, key)
    assert [m.replaced for m in page.messages] == [True, True]
    assert page.running and page.running.question[0].versions == [1, page.running.question[0].seq]
    await stop_turn(ingress, key)
    assert (await reply).status == "stopped"
    assert await read_shown_texts(ingress, key) == ["better", ""]
    await regenerate(ingress, key)
    assert await read_shown_texts(ingress, key) == ["better", "echo: better"]
    assert (await read_history(ingress, key)).messages[-1].versions == [], "an empty reply is not a version"


async def test_simultaneous_choices_leave_one_shown_path(ingress: IngressClient) -> None:
    key = new_session_key()
    await send_message(ingress, key, "a")
    await send_message(ingress, key, "b", replaces=1)
    await send_message(ingress, key, "c", replaces=1)
    await asyncio.gather(*(choose_version(ingress, key, seq) for seq in (1, 3, 5, 1, 3)))
    assert await read_shown_texts(ingress, key) in (["a", "echo: a"], ["b", "echo: b"], ["c", "echo: c"])


@pytest.mark.replayed
async def test_replacement_of_an_old_message_fails_and_keeps_the_text(ingress: IngressClient) -> None:
    key = new_session_key()
    await send_message(ingress, key, "hello")
    reply = await send_message(ingress, key, "other words", replaces=999)
    assert reply.status == "failed" and "too far back" in (reply.error or "")
    assert await read_shown_texts(ingress, key) == ["hello", "echo: hello", "other words", ""]
    assert (await regenerate(ingress, key)).reply == "echo: other words"
    with pytest.raises(IngressError, match="too far back"):
        await choose_version(ingress, key, 999)
    assert (await send_message(ingress, key, "on")).status == "answered"


async def test_history_names_the_oldest_replaceable_message(ingress: IngressClient) -> None:
    key = new_session_key()
    for number in range(32):
        await send_message(ingress, key, f"line {number}")
    page = await eventually(lambda: read_history(ingress, key, limit=200), lambda p: p.replaceable > 1)
    assert len(page.messages) == 64
    held = next(m for m in page.messages if m.role == "user" and m.seq >= page.replaceable)
    await send_message(ingress, key, "in time", replaces=held.seq)
    assert (await read_shown_texts(ingress, key))[-3:] == [f"echo: line {held.turn - 2}", "in time", "echo: in time"]


@pytest.mark.replayed
async def test_summary_of_hidden_messages_is_dropped(stack: Stack, ingress: IngressClient) -> None:
    key = new_session_key()
    await send_message(ingress, key, "my name is Ada")
    for number in range(14):
        await send_message(ingress, key, f"line {number}")

    async def send_and_read_prompt() -> str:
        await send_message(ingress, key, "on")
        return await read_last_prompt(stack)

    await eventually(send_and_read_prompt, lambda prompt: summary_policy.HEADING in prompt and "name is Ada" in prompt)
    await send_message(ingress, key, "my dog is Rex", replaces=1)
    assert "Ada" not in await read_last_prompt(stack) and summary_policy.HEADING not in await read_last_prompt(stack)
    await choose_version(ingress, key, 1)
    assert (await send_message(ingress, key, "what is my name?")).reply == "Your name is Ada."
