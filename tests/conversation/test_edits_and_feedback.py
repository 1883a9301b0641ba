"""Edits, redactions and feedback of messages, and notes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from chat_service import handlers
from chat_service.contracts import EditRequest, FeedbackRequest, History, Inbound, Notes, RedactRequest
from chat_service.ingress import IngressClient
from tests.conversation.client import (
    answer_queued,
    new_web_key,
    queue_message,
    read_all_texts,
    read_history,
    send_message,
    start_message,
    wait_for_turn,
)
from tests.fakes.model.protocol import EMPTY_GATE_TEXT, ScriptedResponse
from tests.processes import Stack, eventually, new_session_key

GATE = ScriptedResponse(kind="gate")


async def edit_message(ingress: IngressClient, key: str, id: str, text: str) -> None:
    """Edit a message as the bots do."""
    await ingress.call(handlers.QUEUE_EDIT, key, EditRequest(id=id, message=text))


async def redact_message(ingress: IngressClient, key: str, id: str, **more: object) -> None:
    await ingress.call(handlers.QUEUE_REDACT, key, RedactRequest.model_validate({"id": id, **more}))


async def test_edit_replaces_the_text_and_is_not_answered(stack: Stack, ingress: IngressClient) -> None:
    key = new_web_key()
    await send_message(ingress, key, "my name is Ada", id="m1", expects_reply=False)
    await edit_message(ingress, key, "m1", "my name is Grace")
    assert await eventually(lambda: read_all_texts(ingress, key), lambda texts: texts == ["my name is Grace"])
    assert (await answer_queued(ingress, key, "what is my name?", "m2")).reply == "Your name is Grace."
    assert len(await read_all_texts(ingress, key)) == 3


@pytest.mark.replayed
async def test_edit_changes_a_waiting_message(stack: Stack, ingress: IngressClient) -> None:
    key = new_web_key()
    number = await stack.model.count_requests()
    await stack.model.script(GATE)
    await queue_message(ingress, key, "first", "m1")
    await stack.model.wait_for_request(number)
    await queue_message(ingress, key, "secnod", "m2")
    await edit_message(ingress, key, "m2", "second")
    await stack.model.finish(number)
    assert (await wait_for_turn(ingress, key, "m2")).reply == "echo: second"


@pytest.mark.replayed
async def test_edit_redaction_and_feedback_reach_the_transcript(stack: Stack, ingress: IngressClient) -> None:
    key = new_session_key()
    for n in range(30):
        await send_message(ingress, key, f"line {n}", id=f"m{n}")
    await ingress.call(handlers.CHAT_EDIT, key, EditRequest(id="m0", message="changed"))
    await ingress.call(handlers.CHAT_REDACT, key, RedactRequest(id="m1"))
    seq = next(
        m.seq for m in (await read_history(ingress, key, limit=200)).messages if m.role == "assistant" and m.turn == 1
    )
    await ingress.call(handlers.CHAT_SET_FEEDBACK, key, FeedbackRequest(seq=seq, person="U1", value="up"))

    async def read_all() -> History:
        return await read_history(ingress, key, limit=200)

    history = await eventually(read_all, lambda h: h.messages[1].feedback)
    assert [m.text for m in history.messages[:5]] == ["changed", "echo: line 0", "", "", "line 2"]
    assert [m.status for m in history.messages[2:4]] == ["forgotten"] * 2 and history.messages[1].feedback == {
        "U1": "up"
    }


@pytest.mark.replayed
async def test_redacted_message_leaves_context_and_history(stack: Stack, ingress: IngressClient) -> None:
    key = new_web_key()
    await answer_queued(ingress, key, "my name is Ada", "m1")
    await redact_message(ingress, key, "m1")
    await eventually(lambda: read_all_texts(ingress, key), lambda texts: texts[0] == "")
    await queue_message(ingress, key, "what is my name?", "m2")
    assert "Ada" not in (await wait_for_turn(ingress, key, "m2")).reply
    await queue_message(ingress, key, "my name is Ada", "m1")  # a late repeat
    await answer_queued(ingress, key, "and now?", "m3")
    assert len(await read_all_texts(ingress, key)) == 6, "a deleted message is not answered later"


@pytest.mark.replayed
async def test_redaction_withdraws_waiting_and_blocks_unseen_messages(stack: Stack, ingress: IngressClient) -> None:
    key = new_web_key()
    number = await stack.model.count_requests()
    await stack.model.script(GATE)
    await queue_message(ingress, key, "first", "m1")
    await stack.model.wait_for_request(number)
    await queue_message(ingress, key, "second", "m2")
    written = datetime.now(UTC) - timedelta(hours=1)
    await redact_message(ingress, key, "m2")
    await redact_message(ingress, key, "m0", at=written.isoformat())
    await stack.model.finish(number)
    await wait_for_turn(ingress, key, "m1")
    await queue_message(ingress, key, "not received yet", "m0", at=written.isoformat())
    await answer_queued(ingress, key, "third", "m3")
    assert await read_all_texts(ingress, key) == ["first", EMPTY_GATE_TEXT, "third", "echo: third"]


async def test_feedback_is_stored_and_can_be_removed(ingress: IngressClient) -> None:
    key = new_session_key()
    reply = await send_message(ingress, key, "hello")
    for person, value in (("U1", "up"), ("U2", "down"), ("U1", None)):
        request = FeedbackRequest(seq=reply.seq, person=person, value=value)
        await ingress.call(handlers.CHAT_SET_FEEDBACK, key, request)
    assert (await read_history(ingress, key)).messages[1].feedback == {"U2": "down"}


@pytest.mark.replayed
async def test_repeated_notes_are_stored_once_and_part_of_the_context(ingress: IngressClient) -> None:
    key = new_session_key()
    notes = Notes(messages=[Inbound(message="my name is Ada", id="n1"), Inbound(message="hi all", id="n2")])
    for _ in range(2):
        await ingress.call(handlers.CHAT_ADD_NOTES, key, notes)
    assert await read_all_texts(ingress, key) == ["my name is Ada", "hi all"]
    assert (await send_message(ingress, key, "what is my name?")).reply == "Your name is Ada."


async def test_redaction_during_the_turn_takes_effect_afterwards(stack: Stack, ingress: IngressClient) -> None:
    key = new_web_key()
    number = await stack.model.count_requests()
    await stack.model.script(GATE)
    await queue_message(ingress, key, "my name is Ada", "m1")
    await stack.model.wait_for_request(number)
    await redact_message(ingress, key, "m1")
    later = start_message(ingress, key, "what is my name?", id="m2", queued=False)
    await asyncio.sleep(0)
    await stack.model.finish(number)
    await wait_for_turn(ingress, key, "m1")
    later.cancel()
    await eventually(lambda: read_all_texts(ingress, key), lambda texts: texts[0] == "")
