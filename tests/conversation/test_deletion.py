"""Deletion of a conversation: nothing of it is left, nothing late restores it, and repeats are not answered."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from chat_service import handlers, keys
from chat_service.contracts import (
    DirectoryPage,
    DirectoryRequest,
    Reply,
)
from chat_service.ingress import IngressClient, Queued
from tests.conversation.client import (
    add_notes,
    answer_queued,
    new_person_id,
    new_web_key,
    queue_message,
    read_history,
    send_message,
    start_message,
)
from tests.conversation.engine_state import count_records_with, find_text, read_summary
from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import ModelRequest, ScriptedResponse, text_of
from tests.processes import Stack, eventually, running_stack

pytestmark = pytest.mark.searches_engine


async def delete_conversation(ingress: IngressClient, key: str) -> None:
    await ingress.call(handlers.CHAT_FORGET, key, None)


async def test_deleted_conversation_leaves_nothing_in_state_or_prompts(
    ingress: IngressClient, stack: Stack, key: str
) -> None:
    await send_message(ingress, key, "wombat")
    await add_notes(ingress, key, ["wombat"] * 90)
    assert await eventually(lambda: count_records_with(stack, key, "wombat"), lambda n: n >= 2)
    await delete_conversation(ingress, key)
    assert await eventually(lambda: count_records_with(stack, key, "wombat"), lambda n: n == 0) == 0
    page = await read_history(ingress, key)
    assert page.messages == [] and page.next_before is None and page.forgotten
    number = await stack.model.count_requests()
    await send_message(ingress, key, "what was it about?")
    sent = [text_of(m) for m in (await stack.model.wait_for_request(number)).body["messages"]]
    assert not any("wombat" in text for text in sent)
    assert not (await read_history(ingress, key)).forgotten


@pytest.mark.replayed
async def test_deleted_conversation_leaves_nothing_in_the_engine(ingress: IngressClient, stack: Stack) -> None:
    """Neither the state nor the journal of a turn, a summary or a title contains the text."""
    word, key = f"quokka{uuid4().hex[:8]}", new_web_key()
    await stack.model.script_titles(ScriptedResponse(text=f"About a {word}"))
    for number in range(3):
        await answer_queued(ingress, key, f"my name is {word} {number}", f"m{number}")
        await add_notes(ingress, key, [f"my name is {word}"] * 25)
    summary = await eventually(lambda: read_summary(stack, key), lambda summary: summary["upto"])
    assert word in str(summary["text"])
    await eventually(lambda: find_text(stack, word), lambda places: any("Transcript" in place for place in places))
    await delete_conversation(ingress, key)
    assert await eventually(lambda: find_text(stack, word), lambda found: not found) == []
    again = await queue_message(ingress, key, f"my name is {word} 0", "m0", at=datetime.now(UTC) - timedelta(hours=1))
    assert (await ingress.attach(again.invocation, Reply)).status in ("forgotten", "withdrawn")
    assert await eventually(lambda: find_text(stack, word), lambda found: not found) == [], "the repeat restored it"


@pytest.mark.replayed
async def test_title_and_summary_written_during_a_deletion_leave_nothing(ingress: IngressClient, stack: Stack) -> None:
    """The model writes a title and a summary while the conversation is deleted."""
    word, key, number = f"dunnart{uuid4().hex[:8]}", new_web_key(), await stack.model.count_requests()
    await stack.model.script_titles(ScriptedResponse(kind="gate"))
    await stack.model.script_summaries(ScriptedResponse(kind="gate"))
    for count in range(2):
        await answer_queued(ingress, key, f"my name is {word} {count}", f"m{count}")
        await add_notes(ingress, key, [f"my name is {word}"] * 25)
    await answer_queued(ingress, key, "and now?", "m2")

    async def requests_of(kind: str) -> list[ModelRequest]:
        return [request for request in await stack.model.all_requests(number) if getattr(request, kind)]

    title = (await eventually(lambda: requests_of("is_title")))[0]
    summary = (await eventually(lambda: requests_of("is_summary")))[0]
    await delete_conversation(ingress, key)
    for gated in (title, summary):
        await stack.model.release(gated, f"It is about a {word}")
        await stack.model.finish(gated)
    assert await eventually(lambda: find_text(stack, word), lambda found: not found) == []


async def test_deletion_does_not_wait_for_a_title(ingress: IngressClient, stack: Stack) -> None:
    """Restate stores the input of the title request while the model works, so the deletion ends that request."""
    word, key, number = f"dibbler{uuid4().hex[:8]}", new_web_key(), await stack.model.count_requests()
    await stack.model.script_titles(ScriptedResponse(kind="gate"))
    await answer_queued(ingress, key, f"my name is {word}", "m0")

    async def titles() -> list[ModelRequest]:
        return [request for request in await stack.model.all_requests(number) if request.is_title]

    title = (await eventually(titles))[0]

    async def held() -> list[str]:
        await stack.model.release(title, "still ")  # a silent stream would be cancelled
        return await find_text(stack, word)

    await delete_conversation(ingress, key)
    try:
        assert await eventually(held, lambda found: not found) == []
    finally:
        await stack.model.finish(title)


async def test_messages_over_the_retention_age_are_deleted_by_a_durable_timer(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    await model.clear_script()
    async with (
        running_stack(engine_binary, tmp_path, model, replay=True, retention_days="30") as stack,
        stack.ingress() as ingress,
    ):
        ahead = datetime(9999, 12, 31, tzinfo=UTC)  # the retention days cannot be added to it
        for text in ("hi", "again"):
            assert (await send_message(ingress, "k", text, at=ahead)).status == "answered"
        old = datetime.now(UTC) - timedelta(days=40)
        key = new_web_key()
        for number in range(4):
            await queue_message(ingress, key, f"wombat {number}", f"m{number}", at=old, expects_reply=False)
        await add_notes(ingress, key, ["wombat"] * 46, at=old)
        await answer_queued(ingress, key, "of today", "new")
        page = await eventually(lambda: read_history(ingress, key), lambda page: len(page.messages) == 2)
        messages = page.messages
        assert [m.text for m in messages if m.role == "user"] == ["of today"]
        idle = new_web_key()
        await queue_message(ingress, idle, "the last word", "m0", at=old, expects_reply=False)
        idle_page = await eventually(
            lambda: read_history(ingress, idle), lambda page: not (page.messages or page.waiting)
        )
        assert idle_page.running is None
        assert await eventually(lambda: count_records_with(stack, idle, "the last word"), lambda count: not count) == 0
        rows = await stack.query(f"SELECT count(1) AS n FROM state WHERE service_key = '{key}' AND key LIKE 'page:%'")
        assert rows[0]["n"] == 0

        async def timers() -> list[str]:
            # Trap: selected alone, scheduled_start_at is empty.
            rows = await stack.query(
                f"SELECT * FROM sys_invocation WHERE target_handler_name = 'expire' AND target_service_key = '{key}'"
            )
            return [str(row["scheduled_start_at"])[:10] for row in rows if row["status"] == "scheduled"]

        due = [(messages[-1].at + timedelta(days=30)).date().isoformat()]
        assert await eventually(timers, lambda seen: seen == due) == due, "one timer, for the remaining messages"
        repeat = await queue_message(ingress, key, "wombat 3", "m3", at=old)
        assert (await ingress.attach(repeat.invocation, Reply)).status in ("forgotten", "withdrawn")


async def test_repeat_of_a_deleted_message_is_not_answered(ingress: IngressClient, stack: Stack, key: str) -> None:
    at = datetime.now(UTC)
    await send_message(ingress, key, "m0", id="m0", at=at)
    await add_notes(ingress, key, ["filler"] * 90, at=at)
    await send_message(ingress, key, "m1", id="m1", at=at)
    await delete_conversation(ingress, key)
    before = len(await stack.model.requests())

    async def repeat(name: str) -> str:
        return (await send_message(ingress, key, name, id=name, at=at)).status

    assert [await repeat(name) for name in ("m0", "m1")] == ["forgotten", "forgotten"]
    assert len(await stack.model.requests()) == before
    assert (await read_history(ingress, key)).messages == []


async def test_late_transcript_append_does_not_restore_a_deleted_conversation(
    ingress: IngressClient, stack: Stack, key: str
) -> None:
    """A page is appended again after the deletion, as happens when an upgrade restarts an interrupted call."""
    await add_notes(ingress, key, ["wombat"] * 90)

    async def read_appends() -> list[dict[str, object]]:
        return await stack.query(
            "SELECT id FROM sys_invocation WHERE target_service_name = 'Transcript' AND target_handler_name = 'append' "
            f"AND target_service_key = '{key}' AND status = 'completed'"
        )

    invocation = str((await eventually(read_appends))[0]["id"])
    await delete_conversation(ingress, key)
    await eventually(lambda: count_records_with(stack, key, "wombat"), lambda n: n == 0)
    again = await stack.change_invocation(invocation, "restart-as-new")

    async def ended() -> bool:
        rows = await stack.query(f"SELECT status FROM sys_invocation WHERE id = '{again['new_invocation_id']}'")
        return [row["status"] for row in rows] == ["completed"]

    await eventually(ended)
    assert await count_records_with(stack, key, "wombat") == 0


@pytest.mark.replayed
async def test_deletion_stops_the_running_turn_and_withdraws_waiting_messages(
    ingress: IngressClient, stack: Stack
) -> None:
    key = new_web_key()
    number = await stack.model.count_requests()
    await stack.model.script(ScriptedResponse(kind="gate"))
    await queue_message(ingress, key, "first", "m0")
    await stack.model.wait_for_question("first", number)
    await queue_message(ingress, key, "second", "m1")
    async with asyncio.timeout(20):
        await delete_conversation(ingress, key)
    page = await eventually(lambda: read_history(ingress, key), lambda page: not page.messages and not page.waiting)
    assert page.running is None
    assert (await answer_queued(ingress, key, "later", "m2")).reply == "echo: later"


async def test_deleted_conversation_leaves_the_directory(ingress: IngressClient) -> None:
    person = new_person_id()
    key = keys.web(person, "c")
    await answer_queued(ingress, key, "hi", "m0")

    async def list_directory() -> DirectoryPage:
        return await ingress.call(handlers.DIRECTORY_LIST, f"person:web:{person}", DirectoryRequest())

    await eventually(list_directory, lambda page: page.entries)
    await delete_conversation(ingress, key)
    await eventually(list_directory, lambda page: not page.entries)


@pytest.mark.replayed
async def test_reset_starts_a_new_context_and_keeps_the_history(ingress: IngressClient, key: str) -> None:
    await send_message(ingress, key, "my name is Ada")
    await ingress.call(handlers.CHAT_RESET, key, None)
    assert (await send_message(ingress, key, "what is my name?")).reply == "I do not know your name."
    assert len((await read_history(ingress, key)).messages) == 4


async def test_reset_waits_for_the_running_turn(ingress: IngressClient, stack: Stack, key: str) -> None:
    number = await stack.model.count_requests()
    await stack.model.script(ScriptedResponse(kind="gate"))
    reply = start_message(ingress, key, "hello")
    await stack.model.wait_for_request(number)
    assert isinstance(await ingress.call_or_queue(handlers.CHAT_RESET, key, None, timeout=0.2), Queued)
    await stack.model.release(number, "hi")
    await stack.model.finish(number)
    assert (await reply).reply == "hi"
