"""Conversations full of inline attachments: no answer grows beyond what the engine takes, and nothing is left out."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from chat_service import handlers
from chat_service.contracts import (
    Attachment,
    ExportRequest,
    HistoryRequest,
    Inbound,
    Notes,
    SearchRequest,
    TurnRequest,
)
from chat_service.contracts.messages import MAX_INLINE, MAX_TEXT
from chat_service.ingress import IngressClient, IngressError
from tests.conversation.talk import send_message, start_message
from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack

# What large records cost is no different when every await is replayed, only paid for once more at each.
pytestmark = pytest.mark.parametrize("stack", ["normal"], indirect=True)

MESSAGES = 140
ENGINE_BYTES = 32 * 1024 * 1024
PATIENCE = 60.0
"""Where one answer is too large, the engine asks for it again without end."""


async def full(ingress: IngressClient, key: str) -> None:
    """A question with its reply, then so many pictures that one answer cannot carry them."""
    await send_message(ingress, key, "my name is Ada", id="first")
    picture = Attachment(name="p.png", media_type="image/png", data="A" * MAX_INLINE)
    start = datetime.now(UTC) - timedelta(seconds=MESSAGES)
    for first in range(0, MESSAGES, 20):
        pictures = [
            Inbound(message=f"picture {n}", id=f"p{n}", at=start + timedelta(seconds=n), attachments=[picture])
            for n in range(first, first + 20)
        ]
        await ingress.call(handlers.CHAT_ADD_NOTES, key, Notes(messages=pictures))


async def test_large_messages_that_wait_do_not_fill_the_state(ingress: IngressClient, stack: Stack, key: str) -> None:
    """The Transcript's word that it has a page waits behind what was accepted before, so copies of pages pile up."""
    number = await stack.model.count_requests()
    await stack.model.script(ScriptedResponse(kind="gate"))
    first = start_message(ingress, key, "hold on")
    held = await stack.model.wait_for_request(number)
    lines = [Inbound(message="z" * MAX_TEXT) for _ in range(60)]
    notes = [
        asyncio.create_task(ingress.call(handlers.CHAT_ADD_NOTES, key, Notes(messages=lines), timeout=PATIENCE))
        for _ in range(4)
    ]
    await stack.model.finish(held)
    await first
    await asyncio.gather(*notes)
    page = await ingress.call(handlers.CHAT_GET_HISTORY, key, HistoryRequest(limit=1), timeout=PATIENCE)
    assert page.messages[-1].seq == 4 * 60 + 2
    oldest = await ingress.call(handlers.CHAT_GET_HISTORY, key, HistoryRequest(limit=3, before=4), timeout=PATIENCE)
    assert [m.seq for m in oldest.messages] == [1, 2, 3]


async def test_pages_of_large_messages_are_shorter_and_leave_nothing_out(ingress: IngressClient, key: str) -> None:
    await full(ingress, key)
    before: int | None = None
    seen: list[int] = []
    while not seen or before is not None:
        page = await ingress.call(
            handlers.CHAT_GET_HISTORY, key, HistoryRequest(limit=200, before=before), timeout=PATIENCE
        )
        assert page.messages
        assert len(page.model_dump_json()) < ENGINE_BYTES
        seen = [m.seq for m in page.messages] + seen
        before = page.next_before
    assert seen == list(range(1, MESSAGES + 3))

    found: list[str] = []
    while len(found) < MESSAGES:
        hits = await ingress.call(
            handlers.CHAT_SEARCH, key, SearchRequest(text="picture", limit=100, before=before), timeout=PATIENCE
        )
        found += [m.text for m in hits.messages]
        before = hits.next_before
    assert found == [f"picture {n}" for n in reversed(range(MESSAGES))]

    old = await ingress.call(handlers.CHAT_GET_TURN, key, TurnRequest(id="first"), timeout=PATIENCE)
    assert old.reply == "echo: my name is Ada"

    markdown = await ingress.call(handlers.CHAT_EXPORT, key, ExportRequest(), timeout=PATIENCE)
    assert markdown.text.count("*Attached: p.png*") == MESSAGES
    with pytest.raises(IngressError) as refused:
        await ingress.call(handlers.CHAT_EXPORT, key, ExportRequest(format="json"), timeout=PATIENCE)
    assert refused.value.status == 413
