"""Which conversations there are, newest first; their titles."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from chat_service import handlers, keys
from chat_service.contracts import Author, DirectoryEntry, DirectoryPage, DirectoryRequest, RenameRequest
from chat_service.ingress import IngressClient
from chat_service.objects.directory import MAX_HEAD, PAGE_SIZE, Head, Page
from chat_service.storage.record import StateRecord
from tests.conversation.talk import queue_message, read_history, wait_for_turn
from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack, eventually
from tests.web.seeding import write_state


def new_person_id() -> str:
    """A person nobody has been yet."""
    return "".join(c if c in "abcdef" else "abcdefghij"[int(c)] for c in uuid4().hex[:26])


async def listed(ingress: IngressClient, owner: str, **more: object) -> DirectoryPage:
    return await ingress.call(handlers.DIRECTORY_LIST, owner, DirectoryRequest.model_validate(more))


async def names(ingress: IngressClient, owner: str) -> list[str]:
    return [entry.conversation for entry in (await listed(ingress, owner)).entries]


async def test_a_persons_conversations_newest_first(ingress: IngressClient) -> None:
    person = new_person_id()
    keys_ = [keys.web(person, f"c{number}") for number in range(3)]
    for key in (*keys_, keys_[0]):
        await queue_message(ingress, key, "hi", uuid4().hex)
        await eventually(lambda key=key: read_history(ingress, key), lambda page: page.messages and not page.running)  # type: ignore[misc]
    owner = f"person:web:{person}"
    expected = [keys_[0], keys_[2], keys_[1]]
    await eventually(lambda: names(ingress, owner), lambda seen: seen == expected)
    assert await names(ingress, f"person:web:{new_person_id()}") == []


async def test_a_new_conversation_is_listed_while_its_first_reply_is_still_being_made(
    ingress: IngressClient, stack: Stack
) -> None:
    person = new_person_id()
    key = keys.web(person, "c")
    number = await stack.model.count_requests()
    await stack.model.script(ScriptedResponse(kind="gate"))
    await queue_message(ingress, key, "How do I make tea?", "m0")
    page = await eventually(lambda: listed(ingress, f"person:web:{person}"), lambda page: page.entries)
    assert page.entries[0].title == "How do I make tea?"
    await stack.model.finish((await stack.model.wait_for_question("How do I make tea?", number)).number)
    await wait_for_turn(ingress, key, "m0")


async def test_a_channels_and_a_workspaces_conversations(ingress: IngressClient) -> None:
    team = f"T{uuid4().hex[:8].upper()}"
    key = keys.slack(team, "C1", "1700000000.000100")
    await queue_message(ingress, key, "hi", "m0", author=Author(id="U7", name="Ada"))
    await wait_for_turn(ingress, key, "m0")
    for owner in (f"workspace:slack:{team}", f"channel:slack:{team}:C1", f"person:slack:{team}:U7"):
        assert await eventually(lambda owner=owner: names(ingress, owner)) == [key]  # type: ignore[misc]


async def test_titles_write_themselves_and_never_over_a_rename(ingress: IngressClient) -> None:
    person = new_person_id()
    key = keys.web(person, "c")
    await queue_message(ingress, key, "hi", "m0")
    await eventually(lambda: read_history(ingress, key), lambda page: page.title == "A fine title")
    page = await eventually(
        lambda: listed(ingress, f"person:web:{person}"), lambda page: page.entries[0].title == "A fine title"
    )
    await ingress.send(handlers.CHAT_RENAME, key, RenameRequest(title="Mine"))
    for number in (1, 2, 3):  # the third turn would write a better title
        await queue_message(ingress, key, "hi again", f"m{number}")
        await wait_for_turn(ingress, key, f"m{number}")
    page = await eventually(
        lambda: listed(ingress, f"person:web:{person}"), lambda page: page.entries[0].title == "Mine"
    )
    assert len(page.entries) == 1
    assert (await read_history(ingress, key)).title == "Mine"


async def test_a_title_that_comes_late_does_not_undo_a_rename(ingress: IngressClient, stack: Stack) -> None:
    key = keys.web(new_person_id(), "c")
    number = await stack.model.count_requests()
    await stack.model.script_titles(ScriptedResponse(kind="gate"))
    await queue_message(ingress, key, "hi", "m0")
    asked = await stack.model.wait_for_title(number)
    await ingress.call(handlers.CHAT_RENAME, key, RenameRequest(title="Mine"))
    await stack.model.release(asked, "Not mine")
    await stack.model.finish(asked)

    async def unfinished() -> int:
        rows = await stack.query(
            "SELECT count(1) AS n FROM sys_invocation WHERE target_handler_name = 'write_title' "
            f"AND status != 'completed' OR (target_service_key = '{key}' AND status != 'completed')"
        )
        return int(rows[0]["n"])

    await eventually(unfinished, lambda n: n == 0)
    assert (await read_history(ingress, key)).title == "Mine"


async def test_a_directory_is_paged_and_a_touched_conversation_moves_up(ingress: IngressClient) -> None:
    """More than its head holds: entries sink into pages, and are pulled out of them again."""
    team = f"T{uuid4().hex[:8].upper()}"
    owner = f"workspace:slack:{team}"
    made = [keys.slack(team, "C1", f"17000{number:05}.000100") for number in range(MAX_HEAD + PAGE_SIZE)]
    await asyncio.gather(*(queue_message(ingress, key, "hi", "m0") for key in made))

    def all_there(seen: list[DirectoryEntry]) -> bool:
        """A page read while conversations still move up may show one twice, and another not at all."""
        times = [e.at for e in seen]
        return sorted(e.conversation for e in seen) == sorted(made) and times == sorted(times, reverse=True)

    await eventually(lambda: all_entries(ingress, owner), all_there, seconds=120)
    await asyncio.gather(*(wait_for_turn(ingress, key, "m0") for key in made))
    oldest = (await all_entries(ingress, owner))[-1].conversation
    await queue_message(ingress, oldest, "hi again", "m1")
    await eventually(lambda: names(ingress, owner), lambda seen: seen[0] == oldest)
    entries = await all_entries(ingress, owner)
    assert sorted(e.conversation for e in entries) == sorted(made)
    assert (await listed(ingress, owner, cursor="nonsense", limit=1)).entries == entries[:1]


@pytest.mark.parametrize("newer_pages", [0, 1, 2, 3])
async def test_a_touch_that_comes_late_finds_its_place_among_what_sank(
    ingress: IngressClient, stack: Stack, newer_pages: int
) -> None:
    """Touches come from many conversations, and not in the order of their times. All is far ahead here, but for the
    pages below `newer_pages`; so what comes now is late."""
    person = new_person_id()
    owner = f"person:web:{person}"

    def some(number: int) -> list[DirectoryEntry]:
        year = 2100 if number >= 3 - newer_pages else 2000
        start = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=number)
        return [
            DirectoryEntry(conversation=keys.web(person, f"{number}-{n}"), at=start - timedelta(minutes=n))
            for n in (0, 1)
        ]

    state: dict[str, StateRecord] = {f"page:{number}": Page(entries=some(number)) for number in range(3)}
    await write_state(stack, "Directory", owner, {"head": Head(entries=some(3), pages=3), **state})
    await eventually(lambda: names(ingress, owner), lambda seen: len(seen) == 8)
    key = keys.web(person, "late")
    for number in range(2):  # found again where it sank, too
        await queue_message(ingress, key, "hi", f"m{number}")
        await wait_for_turn(ingress, key, f"m{number}")
        await eventually(lambda: names(ingress, owner), lambda seen: key in seen)
    seen = await all_entries(ingress, owner)
    assert [e.at for e in seen] == sorted((e.at for e in seen), reverse=True)
    assert [e.conversation for e in seen].index(key) == 2 * (newer_pages + 1)
    assert len(seen) == 9


async def all_entries(ingress: IngressClient, owner: str) -> list[DirectoryEntry]:
    found: list[DirectoryEntry] = []
    cursor: str | None = None
    while True:
        page = await listed(ingress, owner, limit=40, cursor=cursor)
        found += page.entries
        cursor = page.cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("cursor", ["1" * 5000 + ":0", "0:" + "9" * 5000, "-1:0", "\u0661:0", "x", ":"])
async def test_a_cursor_that_makes_no_sense_starts_at_the_top(ingress: IngressClient, cursor: str) -> None:
    person = new_person_id()
    key = keys.web(person, "only")
    await queue_message(ingress, key, "hi", "m1")
    owner = f"person:web:{person}"
    await eventually(lambda: names(ingress, owner), lambda seen: seen == [key])
    page = await listed(ingress, owner, cursor=cursor)
    assert [entry.conversation for entry in page.entries] == [key]
