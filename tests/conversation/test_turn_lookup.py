"""Turns are found by number and by message id, however old they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chat_service import handlers
from chat_service.contracts import Inbound, Message, Notes, RedactRequest, Reply, TurnRequest
from chat_service.domain.window import PAGE_SIZE
from chat_service.ingress import IngressClient, IngressError
from chat_service.storage import pages
from chat_service.storage.record import StateRecord
from chat_service.storage.state import Meta, Recent
from tests.conversation.client import add_notes, read_history, send_message
from tests.processes import Stack, eventually
from tests.web.seeding import build_messages, write_state

THEN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


async def get_turn(ingress: IngressClient, key: str, **named: object) -> Reply:
    """Return the turn's reply and status."""
    return await ingress.call(handlers.CHAT_GET_TURN, key, TurnRequest.model_validate(named))


async def is_unknown_turn(ingress: IngressClient, key: str, **named: object) -> bool:
    """Return whether the turn is not found."""
    with pytest.raises(IngressError) as caught:
        await get_turn(ingress, key, **named)
    return caught.value.status == 404


async def test_turn_is_found_by_number_and_by_message_id(ingress: IngressClient, key: str) -> None:
    """Also turn 11: its question ends a page and its reply begins the next one.

    For a while the question is in the Transcript and the reply in Chat.
    """
    expected: list[tuple[str, Reply]] = []
    for number in range(1, 31):
        name, at = f"m{number}", THEN + timedelta(minutes=number)
        if number % 7 == 0:
            noted = Notes(messages=[Inbound(message="aside", id=name, at=at)])
            expected.append((name, await ingress.call(handlers.CHAT_ADD_NOTES, key, noted)))
        else:
            expected.append((name, await send_message(ingress, key, name, id=name, at=at)))
        if number >= 11:
            assert await get_turn(ingress, key, id="m11") == expected[10][1]
    assert [reply.turn for _, reply in expected] == list(range(1, 31))
    for number in (1, 7, 10, 11, 12, 20, 21, 30):
        name, reply = expected[number - 1]
        assert (reply.status == "noted") == (number % 7 == 0)
        assert await get_turn(ingress, key, turn=number) == reply
        assert await get_turn(ingress, key, id=name) == reply
    assert await is_unknown_turn(ingress, key, turn=31) and await is_unknown_turn(ingress, key, id="m31")


@pytest.mark.replayed
async def test_repeat_of_an_old_note_or_redacted_message_is_recognized(ingress: IngressClient, key: str) -> None:
    await send_message(ingress, key, "aside", id="aside", at=THEN, expects_reply=False)
    await send_message(ingress, key, "regretted", id="redacted", at=THEN)
    await add_notes(ingress, key, ["filler"] * 90, at=THEN + timedelta(minutes=1))
    await ingress.call(handlers.CHAT_REDACT, key, RedactRequest(id="redacted"))
    assert (await send_message(ingress, key, "aside", id="aside", at=THEN)).status == "noted"
    assert (await send_message(ingress, key, "regretted", id="redacted", at=THEN)).status == "forgotten"
    assert (await get_turn(ingress, key, turn=2)).reply == ""


async def test_turn_is_found_beside_missing_pages_and_pages_of_versions(
    ingress: IngressClient, stack: Stack, key: str
) -> None:
    """The first pages were deleted because of their age. One question was regenerated so often that its replies fill
    pages."""
    first, regenerated = 2 * PAGE_SIZE, 9 * PAGE_SIZE
    messages = build_messages(6 * PAGE_SIZE)  # twelve pages
    versions = [
        Message(
            seq=0, turn=regenerated // 2, role="assistant", text=f"version {n}", at=THEN, replaced=n < 2 * PAGE_SIZE
        )
        for n in range(1, 2 * PAGE_SIZE + 1)
    ]
    messages[regenerated - 1].replaced = True
    messages = [*messages[first:regenerated], *versions, *messages[regenerated:]]
    for number, message in enumerate(messages):
        message.seq = first + number + 1
    old, recent = messages[:-PAGE_SIZE], messages[-PAGE_SIZE:]
    state: dict[str, StateRecord] = {"head": pages.TranscriptHead(last_seq=old[-1].seq)}
    for at in range(0, len(old), PAGE_SIZE):
        state[pages.page_key(first // PAGE_SIZE + at // PAGE_SIZE)] = pages.Page(messages=old[at : at + PAGE_SIZE])
    await write_state(stack, "Transcript", key, state)
    meta = Meta(next_seq=messages[-1].seq + 1, next_turn=6 * PAGE_SIZE + 1, latest_removed_at=old[-1].at)
    await write_state(stack, "Chat", key, {"meta": meta, "recent": Recent(messages=recent)})
    await eventually(lambda: read_history(ingress, key), lambda page: len(page.messages) > 0)
    around_versions = range(regenerated // 2 - 1, regenerated // 2 + 2)
    for number in sorted({*range(1, 6 * PAGE_SIZE + 1, 17), *around_versions, first // 2, first // 2 + 1}):
        if number <= first // 2:
            assert await is_unknown_turn(ingress, key, turn=number)
        else:
            reply = await get_turn(ingress, key, turn=number)
            assert (reply.turn, reply.status) == (number, "answered")
            assert reply.reply.startswith("version 40" if number == regenerated // 2 else f"reply {number}")
    assert await is_unknown_turn(ingress, key, turn=6 * PAGE_SIZE + 1)
