"""Write a long conversation into Restate's state through its admin API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import groupby

import aiohttp

from chat_service import handlers, keys
from chat_service.contracts import DirectoryEntry, DirectoryRequest, Message
from chat_service.domain.window import PAGE_SIZE
from chat_service.objects import directory
from chat_service.storage import pages
from chat_service.storage.record import StateRecord
from chat_service.storage.serde import RecordSerde
from chat_service.storage.state import Meta, Recent
from tests.processes import Stack, eventually


def reply_text(turn: int) -> str:
    """Return the reply of a turn: some are short, some long, some contain code."""
    text = f"reply {turn}"
    if turn % 5 == 0:
        text += "\n\n" + "A longer paragraph that fills more than one line of the page. " * (1 + turn % 4)
    if turn % 7 == 0:
        text += "\n\n```python\nfor n in range(10):\n    print(n)\n```"
    return text


def build_messages(turns: int) -> list[Message]:
    """Return two messages per turn; the turns are one hour apart."""
    start = datetime.now(UTC) - timedelta(hours=turns)
    messages: list[Message] = []
    for turn in range(1, turns + 1):
        at = start + timedelta(hours=turn)
        messages.append(
            Message(seq=2 * turn - 1, turn=turn, role="user", text=f"question {turn}", at=at, id=f"old-{turn}")
        )
        messages.append(
            Message(seq=2 * turn, turn=turn, role="assistant", text=reply_text(turn), at=at, model="scripted")
        )
    return messages


async def seed_conversation(stack: Stack, key: str, turns: int) -> None:
    """Write `turns` finished turns into an unused conversation."""
    messages = build_messages(turns)
    cut = max((len(messages) - PAGE_SIZE) // PAGE_SIZE * PAGE_SIZE, 0)  # only whole pages move to the transcript
    old, recent = messages[:cut], messages[cut:]
    meta = Meta(next_seq=len(messages) + 1, next_turn=turns + 1, title="A long story", renamed=True)
    meta.latest_removed_at = old[-1].at if old else None
    await write_state(stack, "Chat", key, {"meta": meta, "recent": Recent(messages=recent)})
    if old:
        state: dict[str, StateRecord] = {"head": pages.TranscriptHead(last_seq=old[-1].seq)}
        for number, group in groupby(old, key=lambda message: pages.page_number(message.seq)):
            state[pages.page_key(number)] = pages.Page(messages=list(group))
        await write_state(stack, "Transcript", key, state)


async def seed_directory(stack: Stack, person: str, count: int, first: int = 1) -> None:
    """Replace a person's list by `count` conversations, at most 100: `c1` is one day old, `c2` two days, …"""
    now = datetime.now(UTC)
    entries = [
        DirectoryEntry(conversation=keys.web(person, f"c{number}"), title=f"title {number}", at=now - timedelta(number))
        for number in range(first, first + count)
    ]
    owner = f"person:web:{person}"
    await write_state(stack, "Directory", owner, {"head": directory.Head(entries=entries)})
    async with stack.ingress() as ingress:
        await eventually(
            lambda: ingress.call(handlers.DIRECTORY_LIST, owner, DirectoryRequest(limit=100)),
            lambda page: len(page.entries) == count,
        )


async def write_state(stack: Stack, service: str, key: str, records: dict[str, StateRecord]) -> None:
    """Replace the whole state of a virtual object by these records."""
    state = {name: list(RecordSerde(type(record)).serialize(record)) for name, record in records.items()}
    url = f"{stack.engine.admin_url}/services/{service}/state"
    async with aiohttp.ClientSession() as session:
        body = {"object_key": key, "new_state": state}
        async with session.post(url, json=body) as response:
            assert response.status in (200, 202), await response.text()
