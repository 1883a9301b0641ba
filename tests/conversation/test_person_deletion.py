"""Deletion of a person: their messages leave all conversations, the directories and Restate's journal."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import uuid4

import pytest

from chat_service import handlers, keys
from chat_service.contracts import (
    Author,
    DirectoryRequest,
    FeedbackRequest,
    Inbound,
    Notes,
    RedactRequest,
    SearchRequest,
)
from chat_service.contracts.background import ForgetPersonRequest
from chat_service.domain.conversation import MAX_PEOPLE
from chat_service.domain.window import MAX_SHOWN, PAGE_SIZE
from chat_service.ingress import IngressClient, IngressError
from chat_service.storage.state import Meta
from tests.conversation.client import (
    add_notes,
    answer_queued,
    new_person_id,
    queue_message,
    read_all_texts,
    read_history,
    wait_for_turn,
)
from tests.conversation.engine_state import count_records_with, find_text, read_summary
from tests.fakes.model.protocol import ModelRequest, ScriptedResponse
from tests.processes import Stack, eventually
from tests.web.seeding import write_state

pytestmark = pytest.mark.searches_engine
DIRECTORIES_SECONDS = 180.0
"""Seconds that updates of a hundred directories may take on a busy machine."""


async def test_author_whom_the_metadata_does_not_contain_is_deleted(ingress: IngressClient, stack: Stack) -> None:
    """The metadata of a conversation contains only the first participants of very many."""
    team, word = f"T{uuid4().hex[:8].upper()}", f"potoroo{uuid4().hex[:8]}"
    key = keys.slack(team, "C1", "1700000000.000100")
    people = [f"P{number:03}" for number in range(MAX_PEOPLE)]
    await write_state(stack, "Chat", key, {"meta": Meta(people=people, title="chosen", renamed=True)})
    await eventually(lambda: count_records_with(stack, key, "P001"))
    for person in ("UEVE", "UADA"):
        await add_notes(ingress, key, [f"{word} {person}"], author=Author(id=person, name=person))
    await add_notes(ingress, key, ["filler"] * (PAGE_SIZE + MAX_SHOWN))  # the first notes move to the Transcript

    async def listed(person: str) -> int:
        directory = f"person:slack:{team}:{person}"
        return len((await ingress.call(handlers.DIRECTORY_LIST, directory, DirectoryRequest())).entries)

    await eventually(lambda: listed("UEVE"))
    forget_eve = ForgetPersonRequest(person=f"slack:{team}:UEVE")
    assert (await ingress.call(handlers.BACKGROUND_FORGET_PERSON, None, forget_eve)).conversations == 1
    await eventually(lambda: find_text(stack, f"{word} UEVE"), lambda found: not found)

    assert await listed("UADA") == 1
    await ingress.call(handlers.CHAT_FORGET, key, None)
    assert await eventually(lambda: listed("UADA"), lambda count: count == 0, seconds=DIRECTORIES_SECONDS) == 0
    assert await eventually(lambda: find_text(stack, word), lambda found: not found, seconds=DIRECTORIES_SECONDS) == []


@pytest.mark.replayed
async def test_old_messages_of_others_stay_listed_after_a_person_is_deleted(
    ingress: IngressClient, stack: Stack
) -> None:
    """All messages in Chat are deleted then; the older ones are in the Transcript."""
    team = f"T{uuid4().hex[:8].upper()}"
    key = keys.slack(team, "C1", "1700000000.000100")

    async def write(name: str, numbers: Iterable[int]) -> None:
        author = Author(id=f"U{name}", name=name)
        notes = [Inbound(message=f"{name} {n}", id=uuid4().hex, author=author) for n in numbers]
        await ingress.call(handlers.CHAT_ADD_NOTES, key, Notes(messages=notes))

    async def listed(name: str) -> list[str]:
        page = await ingress.call(handlers.DIRECTORY_LIST, f"person:slack:{team}:U{name}", DirectoryRequest())
        return [entry.conversation for entry in page.entries]

    await write("ADA", range(21))
    await write("EVE", range(PAGE_SIZE + MAX_SHOWN))
    await eventually(lambda: listed("EVE"))
    found = ForgetPersonRequest(person=f"slack:{team}:UEVE")
    assert (await ingress.call(handlers.BACKGROUND_FORGET_PERSON, None, found)).conversations == 1
    page = await eventually(lambda: read_history(ingress, key, limit=200), lambda page: len(page.messages) == 21)
    assert {m.author.name for m in page.messages if m.author} == {"ADA"}
    assert await eventually(lambda: listed("ADA")) == [key]
    hits = await ingress.call(handlers.CHAT_SEARCH, key, SearchRequest(text="ADA 1"))
    assert len(hits.messages) == 11
    for first in (0, 40):
        await write("BOB", range(first, first + 40))
    expected = [f"ADA {n}" for n in range(21)] + [f"BOB {n}" for n in range(80)]
    assert await eventually(lambda: read_all_texts(ingress, key, 40), lambda texts: texts == expected), (
        "also across pages that the deletion has emptied"
    )
    again = ForgetPersonRequest(person=f"slack:{team}:UADA")
    assert (await ingress.call(handlers.BACKGROUND_FORGET_PERSON, None, again)).conversations == 1


@pytest.mark.parametrize("handler", ["redact", "forget_person"])
async def test_late_title_does_not_contain_deleted_text(ingress: IngressClient, stack: Stack, handler: str) -> None:
    team, word, number = (
        f"T{uuid4().hex[:8].upper()}",
        f"bandicoot{uuid4().hex[:8]}",
        await stack.model.count_requests(),
    )
    key = keys.slack(team, "C1", "1700000000.000100")
    await stack.model.script_titles(
        *[ScriptedResponse(kind="gate")] * 4
    )  # titles of other conversations may still be requested
    await answer_queued(ingress, key, f"my name is {word}", "m1", author=Author(id="UEVE", name="Eve"))
    if handler == "forget_person":
        await queue_message(
            ingress, key, "a word of mine", "m0", author=Author(id="UADA", name="Ada"), expects_reply=False
        )
        await wait_for_turn(ingress, key, "m0")

    async def titles() -> list[ModelRequest]:
        return [request for request in await stack.model.all_requests(number) if request.is_title]

    requests = await eventually(titles, lambda found: any(word in str(request.body) for request in found))
    title = next(request for request in requests if word in str(request.body))
    if handler == "redact":
        await ingress.call(handlers.QUEUE_REDACT, key, RedactRequest(id="m1"))
        await eventually(lambda: read_history(ingress, key), lambda page: not any(m.text for m in page.messages))
    else:
        person = ForgetPersonRequest(person=f"slack:{team}:UEVE")
        assert (await ingress.call(handlers.BACKGROUND_FORGET_PERSON, None, person)).conversations == 1
        await eventually(lambda: read_history(ingress, key), lambda page: len(page.messages) == 1)
    await stack.model.release(title, f"It is about a {word}")
    await stack.model.clear_script()
    for request in await titles():
        await stack.model.finish(request)
    assert await eventually(lambda: find_text(stack, word), lambda found: not found) == []


async def test_new_participant_is_deleted_during_their_first_turn(ingress: IngressClient, stack: Stack) -> None:
    team, word = f"T{uuid4().hex[:8].upper()}", f"wallaby{uuid4().hex[:8]}"
    key = keys.slack(team, "C1", "1700000000.000100")
    await answer_queued(ingress, key, "hello", "m0", author=Author(id="UADA", name="Ada"))
    await eventually(lambda: read_history(ingress, key), lambda page: page.title)
    await stack.model.script(ScriptedResponse(kind="gate"))
    number = await stack.model.count_requests()
    await queue_message(ingress, key, f"my name is {word}", "m1", author=Author(id="UEVE", name="Eve"))
    request = await stack.model.wait_for_question(word, number)
    own = f"person:slack:{team}:UEVE"

    async def listed() -> int:
        return len((await ingress.call(handlers.DIRECTORY_LIST, own, DirectoryRequest())).entries)

    assert await eventually(listed) == 1
    person = ForgetPersonRequest(person=f"slack:{team}:UEVE")
    assert (await ingress.call(handlers.BACKGROUND_FORGET_PERSON, None, person)).conversations == 1
    await stack.model.finish(request.number)
    assert await eventually(lambda: find_text(stack, word), lambda found: not found) == []


async def test_feedback_of_a_deleted_person_is_removed(ingress: IngressClient, stack: Stack) -> None:
    team, person = f"T{uuid4().hex[:8].upper()}", f"U{uuid4().hex[:8].upper()}"
    key = keys.slack(team, "C1", "1700000000.000100")
    ada = Author(id="UADA", name="Ada")
    for number in range(3):
        await answer_queued(ingress, key, f"hello {number}", f"m{number}", author=ada)
        if number == 1:
            await add_notes(ingress, key, ["filler"] * 80, author=ada)
    rated_replies = [
        (await read_history(ingress, key, before=5)).messages[-1],
        (await read_history(ingress, key)).messages[-1],
    ]
    for reply in rated_replies:
        given = FeedbackRequest(seq=reply.seq, person=person, value="up")
        await ingress.call(handlers.CHAT_SET_FEEDBACK, key, given)
    assert {m.seq for m in (await read_history(ingress, key, limit=200)).messages if m.feedback} == {
        m.seq for m in rated_replies
    }
    found = ForgetPersonRequest(person=f"slack:{team}:{person}")
    assert (await ingress.call(handlers.BACKGROUND_FORGET_PERSON, None, found)).conversations == 1

    async def remaining_places() -> list[str]:
        """Return the places with the person's id, except the person's directory and the deletion itself."""
        expected = ("Background", "Directory", "forget_person")
        return [place for place in await find_text(stack, person) if not any(name in place for name in expected)]

    assert await eventually(
        lambda: read_history(ingress, key, limit=200), lambda p: not any(m.feedback for m in p.messages)
    )
    await eventually(remaining_places, lambda places: not any("state of" in place for place in places))
    assert len((await read_history(ingress, key, limit=200)).messages) == 86


@pytest.mark.parametrize("person", ["", "U1", "slack:T1", "slack:T1:", "web:short"])
async def test_invalid_person_id_is_refused(ingress: IngressClient, person: str) -> None:
    with pytest.raises(IngressError, match="is no person's id: slack:TEAM:USER"):
        await ingress.call(handlers.BACKGROUND_FORGET_PERSON, None, ForgetPersonRequest(person=person))


@pytest.mark.replayed
async def test_person_is_deleted_from_all_conversations(ingress: IngressClient, stack: Stack) -> None:
    team, word = f"T{uuid4().hex[:8].upper()}", f"numbat{uuid4().hex[:8]}"
    eve, ada = Author(id="UEVE", name="Eve"), Author(id="UADA", name="Ada")
    long_thread, short_thread, own_thread = (keys.slack(team, "C1", f"170000000{number}.000100") for number in range(3))
    for key, number, notes in ((long_thread, 0, 25), (long_thread, 1, 0), (short_thread, 2, 0)):
        for author, text in ((ada, "my name is Ada"), (eve, f"my name is {word}")):
            await stack.model.script(ScriptedResponse(text="Noted."))  # an echo would repeat the notes of the other
            await answer_queued(ingress, key, text, f"m{number}{author.id}", author=author)
            if notes:
                await add_notes(ingress, key, [text] * notes, author=author)
    await answer_queued(ingress, own_thread, f"{word} alone", "m0", author=eve, expects_reply=False)
    threads = [long_thread, short_thread]

    async def listed(owner: str) -> list[str]:
        page = await ingress.call(handlers.DIRECTORY_LIST, owner, DirectoryRequest())
        return sorted(entry.conversation for entry in page.entries)

    await eventually(lambda: listed(f"person:slack:{team}:UEVE"), lambda seen: seen == sorted([*threads, own_thread]))
    done = await ingress.call(handlers.BACKGROUND_FORGET_PERSON, None, ForgetPersonRequest(person=f"slack:{team}:UEVE"))
    assert done.conversations == 3
    assert await eventually(lambda: find_text(stack, word), lambda found: not found) == []
    for key, count in ((long_thread, 2 + 25 + 2), (short_thread, 2)):
        page = await read_history(ingress, key, limit=200)
        assert {m.author.name for m in page.messages if m.author} == {"Ada"}
        assert len(page.messages) == count, "Ada's turns and notes"
    assert (await read_history(ingress, own_thread)).messages == []
    assert await listed(f"person:slack:{team}:UEVE") == []
    await eventually(lambda: listed(f"channel:slack:{team}:C1"), lambda seen: seen == sorted(threads))
    summary = await eventually(lambda: read_summary(stack, long_thread), lambda seen: seen["upto"])
    assert "Ada" in str(summary["text"]), "the summary was replaced"


async def test_web_person_is_deleted_with_all_conversations(ingress: IngressClient, stack: Stack) -> None:
    person, word = new_person_id(), f"bilby{uuid4().hex[:8]}"
    for number in range(2):
        await answer_queued(ingress, keys.web(person, f"c{number}"), f"{word} {number}", "m0")
    await ingress.call(handlers.BACKGROUND_FORGET_PERSON, None, ForgetPersonRequest(person=f"web:{person}"))
    assert await eventually(lambda: find_text(stack, word), lambda found: not found) == []
