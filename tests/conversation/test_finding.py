"""Finding things again: search in history of any length, and a conversation as a document."""

from __future__ import annotations

import json

from chat_service import handlers
from chat_service.contracts import Attachment, Author, ExportRequest, SearchRequest, SearchResult
from chat_service.domain.window import PAGE_SIZE
from chat_service.ingress import IngressClient
from tests.conversation.talk import read_history, send_message
from tests.processes import Stack


async def found(ingress: IngressClient, key: str, text: str, **more: int) -> SearchResult:
    return await ingress.call(handlers.CHAT_SEARCH, key, SearchRequest(text=text, **more))


async def export(ingress: IngressClient, key: str, wanted: str) -> str:
    request = ExportRequest.model_validate({"format": wanted})
    return (await ingress.call(handlers.CHAT_EXPORT, key, request)).text


async def test_search_finds_texts_wherever_they_lie(ingress: IngressClient, key: str) -> None:
    """Long enough that the first has scrolled out of Chat."""
    for number in range(48):
        word = "Wombat" if number in (0, 24, 47) else "something"
        await send_message(ingress, key, f"{word} {number}")
    hits = await found(ingress, key, "wombat")
    said = [text for number in (47, 24, 0) for text in (f"echo: Wombat {number}", f"Wombat {number}")]
    assert [m.text for m in hits.messages] == said and hits.next_before is None
    paged: list[str] = []
    page = await found(ingress, key, "wombat", limit=1)
    while page.messages:
        paged += [m.text for m in page.messages]
        if page.next_before is None:
            break
        page = await found(ingress, key, "wombat", limit=1, before=page.next_before)
    assert paged == said
    assert (await found(ingress, key, "kangaroo")).messages == []


async def test_search_in_a_conversation_that_never_was(ingress: IngressClient, key: str) -> None:
    assert await found(ingress, key, "x") == SearchResult()


async def test_a_conversation_as_a_document(ingress: IngressClient, key: str) -> None:
    notes = Attachment(name="notes.txt", text="buy milk")
    await send_message(ingress, key, "hello\n\n```py\n1\n```", author=Author(id="1", name="Ada\n# Eve"), attachments=[notes])
    for number in range(110):
        await send_message(ingress, key, f"line {number}")
    text = await export(ingress, key, "markdown")
    assert text.startswith(f"# {key}\n\n### Ada # Eve · ")
    assert "\n\nhello\n\n```py\n1\n```\n\n*Attached: notes.txt*\n\n### Assistant · " in text
    lines = [line for line in text.splitlines() if line.startswith("line ")]
    assert lines == [f"line {number}" for number in range(110)], "all of it, in order"
    kept = json.loads(await export(ingress, key, "json"))["messages"]
    assert [m["seq"] for m in kept] == list(range(1, 223))
    assert kept[0]["attachments"] == [{"name": "notes.txt", "text": "buy milk"}]


async def test_an_empty_conversation_is_an_empty_document(ingress: IngressClient, key: str) -> None:
    assert await export(ingress, key, "markdown") == f"# {key}\n"
    assert json.loads(await export(ingress, key, "json")) == {"messages": []}


async def test_any_page_of_history_costs_the_same(ingress: IngressClient, stack: Stack, key: str) -> None:
    """Counted by the engine: entries in the journals of the two readers, and the pages that one of them touches."""
    for number in range(70):
        await send_message(ingress, key, f"line {number}")

    async def cost(before: int) -> tuple[list[str], list[int]]:
        page = await read_history(ingress, key, before=before, limit=PAGE_SIZE)
        rows = await stack.query(
            "SELECT j.id, target_service_name AS service, count(1) AS n, max(i.created_at) AS at "
            "FROM sys_journal j JOIN sys_invocation i ON i.id = j.id "
            f"WHERE target_service_key = '{key}' AND target_handler_name IN ('get_history', 'read') "
            "GROUP BY j.id, target_service_name ORDER BY at DESC LIMIT 2"
        )
        return [m.text for m in page.messages if m.role == "user"], sorted(row["n"] for row in rows)

    (early, old), (late, young) = await cost(2 * PAGE_SIZE + 1), await cost(5 * PAGE_SIZE + 1)
    assert early == [f"line {number}" for number in range(10, 20)]
    assert late == [f"line {number}" for number in range(40, 50)]
    assert old == young and len(old) == 2
