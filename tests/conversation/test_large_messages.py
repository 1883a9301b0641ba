"""Conversations with large messages: every response fits the limit of Restate, and no message is omitted."""

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
from chat_service.storage.limits import MAX_RESPONSE_BYTES, json_bytes
from tests.conversation.client import send_message, start_message
from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack

MESSAGES = 52
"""Images in a conversation, 13 MiB: more than one page, one search and one export may read."""
CALL_LINES = 45
"""Messages of one call, 11 MiB: three calls are more than Restate accepts as one state."""
CALL_SECONDS = 60.0
"""Timeout of a call in seconds. Restate repeats a response that is too large without end."""


async def fill_with_images(ingress: IngressClient, key: str) -> None:
    """Fill a conversation with a question, its reply, and images."""
    await send_message(ingress, key, "my name is Ada", id="first")
    picture = Attachment(name="p.png", media_type="image/png", data="A" * MAX_INLINE)
    start = datetime.now(UTC) - timedelta(seconds=MESSAGES)
    for first in range(0, MESSAGES, 20):
        pictures = [
            Inbound(message=f"picture {n}", id=f"p{n}", at=start + timedelta(seconds=n), attachments=[picture])
            for n in range(first, min(first + 20, MESSAGES))
        ]
        await ingress.call(handlers.CHAT_ADD_NOTES, key, Notes(messages=pictures))


async def test_large_notes_that_arrive_during_a_turn_are_all_stored(
    ingress: IngressClient, stack: Stack, key: str
) -> None:
    """The Transcript's confirmation of a page waits behind earlier calls, so Chat holds copies of several pages."""
    number = await stack.model.count_requests()
    await stack.model.script(ScriptedResponse(kind="gate"))
    first = start_message(ingress, key, "hold on")
    request = await stack.model.wait_for_request(number)
    lines = [Inbound(message="z" * MAX_TEXT) for _ in range(CALL_LINES)]
    notes = [
        asyncio.create_task(ingress.call(handlers.CHAT_ADD_NOTES, key, Notes(messages=lines), timeout=CALL_SECONDS))
        for _ in range(3)
    ]
    await stack.model.finish(request)
    await first
    await asyncio.gather(*notes)
    page = await ingress.call(handlers.CHAT_GET_HISTORY, key, HistoryRequest(limit=1), timeout=CALL_SECONDS)
    assert page.messages[-1].seq == 3 * CALL_LINES + 2
    oldest = await ingress.call(handlers.CHAT_GET_HISTORY, key, HistoryRequest(limit=3, before=4), timeout=CALL_SECONDS)
    assert [m.seq for m in oldest.messages] == [1, 2, 3]


async def test_responses_with_large_messages_fit_the_engine_limit_and_omit_nothing(
    ingress: IngressClient, key: str
) -> None:
    await fill_with_images(ingress, key)
    before: int | None = None
    numbers: list[int] = []
    while not numbers or before is not None:
        page = await ingress.call(
            handlers.CHAT_GET_HISTORY, key, HistoryRequest(limit=200, before=before), timeout=CALL_SECONDS
        )
        assert page.messages
        assert sum(map(json_bytes, page.messages)) <= MAX_RESPONSE_BYTES
        numbers = [m.seq for m in page.messages] + numbers
        before = page.next_before
    assert numbers == list(range(1, MESSAGES + 3))

    found_texts: list[str] = []
    while len(found_texts) < MESSAGES:
        hits = await ingress.call(
            handlers.CHAT_SEARCH, key, SearchRequest(text="picture", limit=100, before=before), timeout=CALL_SECONDS
        )
        assert sum(map(json_bytes, hits.messages)) <= MAX_RESPONSE_BYTES
        found_texts += [m.text for m in hits.messages]
        before = hits.next_before
    assert found_texts == [f"picture {n}" for n in reversed(range(MESSAGES))]

    old = await ingress.call(handlers.CHAT_GET_TURN, key, TurnRequest(id="first"), timeout=CALL_SECONDS)
    assert old.reply == "echo: my name is Ada"

    markdown = await ingress.call(handlers.CHAT_EXPORT, key, ExportRequest(), timeout=CALL_SECONDS)
    assert markdown.text.count("*Attached: p.png*") == MESSAGES
    with pytest.raises(IngressError) as refused:
        await ingress.call(handlers.CHAT_EXPORT, key, ExportRequest(format="json"), timeout=CALL_SECONDS)
    assert refused.value.status == 413
