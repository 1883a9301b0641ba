"""The list of conversations of a person, channel or workspace, and the titles in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from chat_service import handlers, keys
from chat_service.contracts import Author, DirectoryEntry, DirectoryPage, DirectoryRequest, RenameRequest
from chat_service.ingress import IngressClient
from chat_service.objects.directory import MAX_HEAD, Head, Page
from chat_service.storage.record import StateRecord
from tests.conversation.client import answer_queued, new_person_id, queue_message, read_history, wait_for_turn
from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack, eventually
from tests.web.seeding import write_state


async def list_directory(ingress: IngressClient, owner: str, **more: object) -> DirectoryPage:
    return await ingress.call(handlers.DIRECTORY_LIST, owner, DirectoryRequest.model_validate(more))


async def list_conversations(ingress: IngressClient, owner: str) -> list[str]:
    return [entry.conversation for entry in (await list_directory(ingress, owner)).entries]


async def test_directory_of_a_person_lists_the_newest_conversation_first(ingress: IngressClient) -> None:
    person = new_person_id()
    conversation_keys = [keys.web(person, f"c{number}") for number in range(2)]
    for key in (*conversation_keys, conversation_keys[0]):
        await queue_message(ingress, key, "hi", uuid4().hex)
        await eventually(lambda key=key: read_history(ingress, key), lambda page: page.messages and not page.running)  # type: ignore[misc]
    owner = f"person:web:{person}"
    await eventually(lambda: list_conversations(ingress, owner), lambda seen: seen == conversation_keys)
    assert await list_conversations(ingress, f"person:web:{new_person_id()}") == []


async def test_new_conversation_is_listed_during_its_first_reply(ingress: IngressClient, stack: Stack) -> None:
    person = new_person_id()
    key = keys.web(person, "c")
    number = await stack.model.count_requests()
    await stack.model.script(ScriptedResponse(kind="gate"))
    await queue_message(ingress, key, "How do I make tea?", "m0")
    page = await eventually(lambda: list_directory(ingress, f"person:web:{person}"), lambda page: page.entries)
    assert page.entries[0].title == "How do I make tea?"
    await stack.model.finish((await stack.model.wait_for_question("How do I make tea?", number)).number)
    await wait_for_turn(ingress, key, "m0")


@pytest.mark.replayed
async def test_conversation_is_listed_for_workspace_channel_and_person(ingress: IngressClient) -> None:
    team = f"T{uuid4().hex[:8].upper()}"
    key = keys.slack(team, "C1", "1700000000.000100")
    await answer_queued(ingress, key, "hi", "m0", author=Author(id="U7", name="Ada"))
    for owner in (f"workspace:slack:{team}", f"channel:slack:{team}:C1", f"person:slack:{team}:U7"):
        assert await eventually(lambda owner=owner: list_conversations(ingress, owner)) == [key]  # type: ignore[misc]


async def test_generated_title_does_not_replace_a_rename(ingress: IngressClient) -> None:
    person = new_person_id()
    key = keys.web(person, "c")
    await queue_message(ingress, key, "hi", "m0")
    await eventually(lambda: read_history(ingress, key), lambda page: page.title == "A fine title")
    page = await eventually(
        lambda: list_directory(ingress, f"person:web:{person}"), lambda page: page.entries[0].title == "A fine title"
    )
    await ingress.send(handlers.CHAT_RENAME, key, RenameRequest(title="Mine"))
    for number in (1, 2, 3):  # the third turn requests a new title
        await answer_queued(ingress, key, "hi again", f"m{number}")
    page = await eventually(
        lambda: list_directory(ingress, f"person:web:{person}"), lambda page: page.entries[0].title == "Mine"
    )
    assert len(page.entries) == 1
    assert (await read_history(ingress, key)).title == "Mine"


@pytest.mark.replayed
async def test_late_title_does_not_replace_a_rename(ingress: IngressClient, stack: Stack) -> None:
    key = keys.web(new_person_id(), "c")
    number = await stack.model.count_requests()
    await stack.model.script_titles(ScriptedResponse(kind="gate"))
    await queue_message(ingress, key, "hi", "m0")
    title_request = await stack.model.wait_for_title(number)
    await ingress.call(handlers.CHAT_RENAME, key, RenameRequest(title="Mine"))
    await stack.model.release(title_request, "Not mine")
    await stack.model.finish(title_request)

    async def unfinished() -> int:
        rows = await stack.query(
            "SELECT count(1) AS n FROM sys_invocation WHERE target_handler_name = 'write_title' "
            f"AND status != 'completed' OR (target_service_key = '{key}' AND status != 'completed')"
        )
        return int(rows[0]["n"])

    await eventually(unfinished, lambda n: n == 0)
    assert (await read_history(ingress, key)).title == "Mine"


async def test_paged_directory_moves_an_updated_conversation_to_the_top(ingress: IngressClient, stack: Stack) -> None:
    """With more entries than the head holds, entries move into pages. An update moves an entry back into the head."""
    team = f"T{uuid4().hex[:8].upper()}"
    owner = f"workspace:slack:{team}"
    conversations = [keys.slack(team, "C1", f"17000{number:05}.000100") for number in range(MAX_HEAD + 3)]
    listed, new = conversations[:MAX_HEAD], conversations[MAX_HEAD:]
    start = datetime(2020, 1, 1, tzinfo=UTC)
    entries = [DirectoryEntry(conversation=key, at=start - timedelta(minutes=n)) for n, key in enumerate(listed)]
    await write_state(stack, "Directory", owner, {"head": Head(entries=entries)})
    await eventually(lambda: list_conversations(ingress, owner), lambda found: len(found) > 0)
    for key in new:
        await ingress.call(handlers.CHAT_RENAME, key, RenameRequest(title="new"))

    def is_complete(seen: list[DirectoryEntry]) -> bool:
        """Return whether each conversation is listed once. A page read during updates may repeat or omit some."""
        times = [e.at for e in seen]
        return sorted(e.conversation for e in seen) == sorted(conversations) and times == sorted(times, reverse=True)

    await eventually(lambda: list_all_entries(ingress, owner), is_complete)
    oldest = (await list_all_entries(ingress, owner))[-1].conversation
    await ingress.call(handlers.CHAT_RENAME, oldest, RenameRequest(title="updated"))
    await eventually(lambda: list_conversations(ingress, owner), lambda seen: seen[0] == oldest)
    entries = await list_all_entries(ingress, owner)
    assert sorted(e.conversation for e in entries) == sorted(conversations)
    first = (await list_directory(ingress, owner, cursor="nonsense", limit=1)).entries
    assert [e.conversation for e in first] == [oldest]


@pytest.mark.replayed
@pytest.mark.parametrize("newer_pages", [0, 1, 2, 3])
async def test_late_directory_update_is_sorted_into_the_pages(
    ingress: IngressClient, stack: Stack, newer_pages: int
) -> None:
    """Updates come from many conversations and not in the order of their times.

    The head and the first `newer_pages` pages are dated in the future, so that an update of now is late.
    """
    person = new_person_id()
    owner = f"person:web:{person}"

    def entries_of_page(number: int) -> list[DirectoryEntry]:
        year = 2100 if number >= 3 - newer_pages else 2000
        start = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=number)
        return [
            DirectoryEntry(conversation=keys.web(person, f"{number}-{n}"), at=start - timedelta(minutes=n))
            for n in (0, 1)
        ]

    state: dict[str, StateRecord] = {f"page:{number}": Page(entries=entries_of_page(number)) for number in range(3)}
    await write_state(stack, "Directory", owner, {"head": Head(entries=entries_of_page(3), pages=3), **state})
    await eventually(lambda: list_conversations(ingress, owner), lambda seen: len(seen) == 8)
    key = keys.web(person, "late")

    async def listed_titles() -> list[str]:
        return [entry.title for entry in await list_all_entries(ingress, owner) if entry.conversation == key]

    for title in ("first", "second"):  # the second update finds the entry in its page
        await ingress.call(handlers.CHAT_RENAME, key, RenameRequest(title=title))
        await eventually(listed_titles, [title].__eq__)
    seen = await list_all_entries(ingress, owner)
    assert [e.at for e in seen] == sorted((e.at for e in seen), reverse=True)
    assert [e.conversation for e in seen].index(key) == 2 * (newer_pages + 1)
    assert len(seen) == 9


async def list_all_entries(ingress: IngressClient, owner: str) -> list[DirectoryEntry]:
    found: list[DirectoryEntry] = []
    cursor: str | None = None
    while True:
        page = await list_directory(ingress, owner, limit=40, cursor=cursor)
        found += page.entries
        cursor = page.cursor
        if cursor is None:
            return found


async def test_invalid_cursor_starts_at_the_first_entry(ingress: IngressClient) -> None:
    person = new_person_id()
    key = keys.web(person, "only")
    await ingress.call(handlers.CHAT_RENAME, key, RenameRequest(title="only"))
    owner = f"person:web:{person}"
    await eventually(lambda: list_conversations(ingress, owner), lambda seen: seen == [key])
    for cursor in ("1" * 5000 + ":0", "0:" + "9" * 5000, "-1:0", "\u0661:0", "x", ":"):
        page = await list_directory(ingress, owner, cursor=cursor)
        assert [entry.conversation for entry in page.entries] == [key], cursor
