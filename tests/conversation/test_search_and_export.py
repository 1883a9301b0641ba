"""Search in histories of any length, and the export of a conversation as a document."""

from __future__ import annotations

import json

import pytest

from chat_service import handlers
from chat_service.contracts import Attachment, Author, ExportRequest, SearchRequest, SearchResult
from chat_service.domain.window import PAGE_SIZE
from chat_service.ingress import IngressClient
from tests.conversation.client import add_notes, read_history, send_message
from tests.processes import Stack, eventually
from tests.web.seeding import seed_conversation


async def search(ingress: IngressClient, key: str, text: str, **more: int) -> SearchResult:
    return await ingress.call(handlers.CHAT_SEARCH, key, SearchRequest(text=text, **more))


async def export(ingress: IngressClient, key: str, format: str) -> str:
    request = ExportRequest.model_validate({"format": format})
    return (await ingress.call(handlers.CHAT_EXPORT, key, request)).text


@pytest.mark.replayed
async def test_search_finds_messages_in_chat_and_transcript(ingress: IngressClient, key: str) -> None:
    """The conversation is so long that its first messages have scrolled out of Chat."""
    expected: list[str] = []
    for number in range(3):
        await add_notes(ingress, key, ["something"] * 45)
        reply = await send_message(ingress, key, f"Wombat {number}")
        expected = [reply.reply, f"Wombat {number}", *expected]
    hits = await search(ingress, key, "wombat")
    assert [m.text for m in hits.messages] == expected and hits.next_before is None
    paged: list[str] = []
    page = await search(ingress, key, "wombat", limit=1)
    while page.messages:
        paged += [m.text for m in page.messages]
        if page.next_before is None:
            break
        page = await search(ingress, key, "wombat", limit=1, before=page.next_before)
    assert paged == expected
    assert (await search(ingress, key, "kangaroo")).messages == []


async def test_search_in_an_unknown_conversation_finds_nothing(ingress: IngressClient, key: str) -> None:
    assert await search(ingress, key, "x") == SearchResult()


@pytest.mark.replayed
async def test_export_contains_the_whole_conversation(ingress: IngressClient, key: str) -> None:
    notes = Attachment(name="notes.txt", text="buy milk")
    await send_message(
        ingress, key, "hello\n\n```py\n1\n```", author=Author(id="1", name="Ada\n# Eve"), attachments=[notes]
    )
    lines = [f"line {number}" for number in range(220)]
    for first in range(0, len(lines), 44):
        await add_notes(ingress, key, lines[first : first + 44])
    text = await export(ingress, key, "markdown")
    assert text.startswith(f"# {key}\n\n### Ada # Eve · ")
    assert "\n\nhello\n\n```py\n1\n```\n\n*Attached: notes.txt*\n\n### Assistant · " in text
    assert [line for line in text.splitlines() if line.startswith("line ")] == lines
    messages = json.loads(await export(ingress, key, "json"))["messages"]
    assert [m["seq"] for m in messages] == list(range(1, 223))
    assert messages[0]["attachments"] == [{"name": "notes.txt", "text": "buy milk"}]


async def test_export_of_an_empty_conversation_is_empty(ingress: IngressClient, key: str) -> None:
    assert await export(ingress, key, "markdown") == f"# {key}\n"
    assert json.loads(await export(ingress, key, "json")) == {"messages": []}


async def test_journal_entries_of_a_history_page_do_not_depend_on_its_age(
    ingress: IngressClient, stack: Stack, key: str
) -> None:
    """Restate counts the journal entries of `Chat/get_history` and of `Transcript/read`."""
    await seed_conversation(stack, key, 70)
    await eventually(lambda: read_history(ingress, key, limit=1), lambda page: page.messages)

    async def journal_entries(before: int) -> tuple[list[str], list[int]]:
        page = await read_history(ingress, key, before=before, limit=PAGE_SIZE)
        rows = await stack.query(
            "SELECT j.id, target_service_name AS service, count(1) AS n, max(i.created_at) AS at "
            "FROM sys_journal j JOIN sys_invocation i ON i.id = j.id "
            f"WHERE target_service_key = '{key}' AND target_handler_name IN ('get_history', 'read') "
            "GROUP BY j.id, target_service_name ORDER BY at DESC LIMIT 2"
        )
        return [m.text for m in page.messages if m.role == "user"], sorted(row["n"] for row in rows)

    (old_texts, old_entries), (new_texts, new_entries) = (
        await journal_entries(2 * PAGE_SIZE + 1),
        await journal_entries(5 * PAGE_SIZE + 1),
    )
    assert old_texts == [f"question {turn}" for turn in range(11, 21)]
    assert new_texts == [f"question {turn}" for turn in range(41, 51)]
    assert old_entries == new_entries and len(old_entries) == 2
