"""Forgetting: everything of the conversation goes, nothing late brings it back, and no repeat is answered again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from chat_service import handlers, keys
from chat_service.contracts import (
    Author,
    DirectoryPage,
    DirectoryRequest,
    FeedbackRequest,
    Inbound,
    Notes,
    RedactRequest,
    Reply,
    SearchRequest,
)
from chat_service.contracts.background import ForgetPersonRequest
from chat_service.domain.conversation import MAX_PEOPLE
from chat_service.ingress import IngressClient, IngressError
from tests.conversation.client import (
    new_web_key,
    queue_message,
    read_all_texts,
    read_history,
    send_message,
    start_message,
    wait_for_turn,
)
from tests.conversation.test_directory import new_person_id
from tests.conversation.test_summaries import read_summary
from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import ModelRequest, ScriptedResponse, text_of
from tests.processes import Stack, eventually, running_stack

CROWDED = 180.0
"""Seconds for what five hundred directories are told, at a time when much else is done."""


async def forget(ingress: IngressClient, key: str) -> None:
    await ingress.call(handlers.CHAT_FORGET, key, None)


async def count_records_with(stack: Stack, key: str, text: str) -> int:
    """Records of the conversation's objects that hold a text."""
    rows = await stack.query(
        f"SELECT count(1) AS n FROM state WHERE service_key = '{key}' AND value_utf8 LIKE '%{text}%'"
    )
    return int(rows[0]["n"])


async def test_deleted_conversation_leaves_nothing_in_state_or_prompts(
    ingress: IngressClient, stack: Stack, key: str
) -> None:
    for number in range(30):
        await send_message(ingress, key, f"wombat {number}", id=f"m{number}")
    assert await eventually(lambda: count_records_with(stack, key, "wombat"), lambda n: n >= 2)
    await forget(ingress, key)
    assert await eventually(lambda: count_records_with(stack, key, "wombat"), lambda n: n == 0) == 0
    page = await read_history(ingress, key)
    assert page.messages == [] and page.next_before is None and page.forgotten
    number = await stack.model.count_requests()
    await send_message(ingress, key, "what was it about?")
    sent = [text_of(m) for m in (await stack.model.wait_for_request(number)).body["messages"]]
    assert not any("wombat" in text for text in sent)
    assert not (await read_history(ingress, key)).forgotten


async def find_text(stack: Stack, text: str) -> list[str]:
    """Where in the engine's own tables a text still stands."""
    hexed = text.encode().hex()
    found = await stack.query(
        "SELECT concat('journal of ', id, ' ', entry_type) AS place FROM sys_journal "
        f"WHERE encode(raw, 'hex') LIKE '%{hexed}%' "
        f"UNION ALL SELECT concat('state of ', service_name, '/', service_key, ' ', key) FROM state "
        f"WHERE value_utf8 LIKE '%{text}%'"
    )
    whole = [
        str(row) for table in ("sys_invocation", "sys_inbox") for row in await stack.query(f"SELECT * FROM {table}")
    ]
    return [str(row["place"]) for row in found] + [row for row in whole if text in row]


async def test_deleted_conversation_leaves_nothing_in_the_engine(ingress: IngressClient, stack: Stack) -> None:
    """Not in state, not in a page, not in the journal of any finished turn, a summary or a title."""
    word, key = f"quokka{uuid4().hex[:8]}", new_web_key()
    await stack.model.script_titles(ScriptedResponse(text=f"About a {word}"))
    for number in range(28):
        await queue_message(ingress, key, f"my name is {word} {number}", f"m{number}")
        await wait_for_turn(ingress, key, f"m{number}")
    await eventually(lambda: find_text(stack, word), lambda places: any("summary" in p or "meta" in p for p in places))
    await forget(ingress, key)
    assert await eventually(lambda: find_text(stack, word), lambda found: not found) == []
    again = await queue_message(ingress, key, f"my name is {word} 0", "m0", at=datetime.now(UTC) - timedelta(hours=1))
    assert (await ingress.attach(again.invocation, Reply)).status in ("forgotten", "withdrawn")
    assert await eventually(lambda: find_text(stack, word), lambda found: not found) == [], "the repeat brought it back"


async def test_title_and_summary_written_during_a_deletion_leave_nothing(ingress: IngressClient, stack: Stack) -> None:
    """A title and a summary that the model still writes while the conversation is forgotten."""
    word, key, number = f"dunnart{uuid4().hex[:8]}", new_web_key(), await stack.model.count_requests()
    await stack.model.script_titles(ScriptedResponse(kind="gate"))
    await stack.model.script_summaries(ScriptedResponse(kind="gate"))
    for count in range(26):
        await queue_message(ingress, key, f"my name is {word} {count}", f"m{count}")
        await wait_for_turn(ingress, key, f"m{count}")

    async def written(kind: str) -> list[ModelRequest]:
        return [one for one in await stack.model.all_requests(number) if getattr(one, kind)]

    title = (await eventually(lambda: written("title")))[0]
    summary = (await eventually(lambda: written("summary")))[0]
    await forget(ingress, key)
    for gated in (title, summary):
        await stack.model.release(gated, f"It is about a {word}")
        await stack.model.finish(gated)
    assert await eventually(lambda: find_text(stack, word), lambda found: not found) == []


async def test_deletion_does_not_wait_for_a_title(ingress: IngressClient, stack: Stack) -> None:
    """Its input lies in the engine as long as the model takes: the forget does not wait for it."""
    word, key, number = f"dibbler{uuid4().hex[:8]}", new_web_key(), await stack.model.count_requests()
    await stack.model.script_titles(ScriptedResponse(kind="gate"))
    await queue_message(ingress, key, f"my name is {word}", "m0")
    await wait_for_turn(ingress, key, "m0")

    async def titles() -> list[ModelRequest]:
        return [one for one in await stack.model.all_requests(number) if one.is_title]

    title = (await eventually(titles))[0]

    async def held() -> list[str]:
        await stack.model.release(title, "still ")  # or it would be given up for silent
        return await find_text(stack, word)

    await forget(ingress, key)
    try:
        assert await eventually(held, lambda found: not found) == []
    finally:
        await stack.model.finish(title)


async def test_author_of_notes_is_deleted(ingress: IngressClient, stack: Stack) -> None:
    """Overheard, read up in a thread, or in a crowd of more than a conversation knows by heart."""
    team, word = f"T{uuid4().hex[:8].upper()}", f"potoroo{uuid4().hex[:8]}"
    key = keys.slack(team, "C1", "1700000000.000100")
    await queue_message(ingress, key, f"{word} aside", "m0", author=Author(id="UEVE", name="Eve"), expects_reply=False)
    await wait_for_turn(ingress, key, "m0")
    crowd = [
        Inbound(message=f"{word} {number}", id=f"n{number}", author=Author(id=f"U{number}", name=f"N{number}"))
        for number in range(MAX_PEOPLE + 3)
    ]
    # Each new person is a message to a directory, and the next call comes after those: so a few at a time.
    for first in range(0, len(crowd), 50):
        await ingress.call(handlers.CHAT_ADD_NOTES, key, Notes(messages=crowd[first : first + 50]))
    for person in ("UEVE", f"U{MAX_PEOPLE + 2}"):
        owner = f"slack:{team}:{person}"
        done = await ingress.call(handlers.BACKGROUND_FORGET_PERSON, None, ForgetPersonRequest(person=owner))
        assert done.conversations == 1, person
    for left in (f"{word} aside", f"{word} {MAX_PEOPLE + 2}"):
        await eventually(lambda left=left: find_text(stack, left), lambda found: not found, seconds=CROWDED)  # type: ignore[misc]
    last = f"person:slack:{team}:U{MAX_PEOPLE + 1}"

    async def listed() -> int:
        return len((await ingress.call(handlers.DIRECTORY_LIST, last, DirectoryRequest())).entries)

    assert await listed() == 1
    await forget(ingress, key)
    assert await eventually(listed, lambda count: count == 0, seconds=CROWDED) == 0
    assert await eventually(lambda: find_text(stack, word), lambda found: not found, seconds=CROWDED) == []


async def test_old_messages_of_others_stay_listed_after_a_person_is_deleted(
    ingress: IngressClient, stack: Stack
) -> None:
    """Of the newest messages nothing is left then; older ones lie in pages."""
    team = f"T{uuid4().hex[:8].upper()}"
    key = keys.slack(team, "C1", "1700000000.000100")
    for name, number in (("ADA", 50), *(("EVE", 50),) * 3):
        author = Author(id=f"U{name}", name=name)
        said = [Inbound(message=f"{name} {n}", id=uuid4().hex, author=author) for n in range(number)]
        await ingress.call(handlers.CHAT_ADD_NOTES, key, Notes(messages=said))
    found = ForgetPersonRequest(person=f"slack:{team}:UEVE")
    assert (await ingress.call(handlers.BACKGROUND_FORGET_PERSON, None, found)).conversations == 1
    left = await eventually(lambda: read_history(ingress, key, limit=200), lambda page: len(page.messages) == 50)
    assert {m.author.name for m in left.messages if m.author} == {"ADA"}
    page = await ingress.call(handlers.DIRECTORY_LIST, f"person:slack:{team}:UADA", DirectoryRequest())
    assert [entry.conversation for entry in page.entries] == [key]
    hits = await ingress.call(handlers.CHAT_SEARCH, key, SearchRequest(text="ADA 3"))
    assert len(hits.messages) == 11
    bob = Author(id="UBOB", name="BOB")
    said = [Inbound(message=f"BOB {n}", id=uuid4().hex, author=bob) for n in range(100)]
    for first in (0, 50):
        await ingress.call(handlers.CHAT_ADD_NOTES, key, Notes(messages=said[first : first + 50]))
    expected = [f"ADA {n}" for n in range(50)] + [f"BOB {n}" for n in range(100)]
    assert await eventually(lambda: read_all_texts(ingress, key), lambda texts: texts == expected), (
        "also across what went"
    )
    again = ForgetPersonRequest(person=f"slack:{team}:UADA")
    assert (await ingress.call(handlers.BACKGROUND_FORGET_PERSON, None, again)).conversations == 1


@pytest.mark.parametrize("what", ["redact", "forget_person"])
async def test_late_title_does_not_contain_deleted_text(ingress: IngressClient, stack: Stack, what: str) -> None:
    team, word, number = (
        f"T{uuid4().hex[:8].upper()}",
        f"bandicoot{uuid4().hex[:8]}",
        await stack.model.count_requests(),
    )
    key = keys.slack(team, "C1", "1700000000.000100")
    await stack.model.script_titles(*[ScriptedResponse(kind="gate")] * 4)  # other conversations may still get theirs
    await queue_message(ingress, key, f"my name is {word}", "m1", author=Author(id="UEVE", name="Eve"))
    await wait_for_turn(ingress, key, "m1")
    if what == "forget_person":
        await queue_message(
            ingress, key, "a word of mine", "m0", author=Author(id="UADA", name="Ada"), expects_reply=False
        )
        await wait_for_turn(ingress, key, "m0")

    async def titles() -> list[ModelRequest]:
        return [one for one in await stack.model.all_requests(number) if one.is_title]

    about = await eventually(titles, lambda seen: any(word in str(one.body) for one in seen))
    title = next(one for one in about if word in str(one.body))
    if what == "redact":
        await ingress.call(handlers.QUEUE_REDACT, key, RedactRequest(id="m1"))
        await eventually(lambda: read_history(ingress, key), lambda page: not any(m.text for m in page.messages))
    else:
        person = ForgetPersonRequest(person=f"slack:{team}:UEVE")
        assert (await ingress.call(handlers.BACKGROUND_FORGET_PERSON, None, person)).conversations == 1
        await eventually(lambda: read_history(ingress, key), lambda page: len(page.messages) == 1)
    await stack.model.release(title, f"It is about a {word}")
    await stack.model.clear_script()
    for one in await titles():
        await stack.model.finish(one)
    assert await eventually(lambda: find_text(stack, word), lambda found: not found) == []


async def test_new_participant_is_deleted_during_their_first_turn(ingress: IngressClient, stack: Stack) -> None:
    team, word = f"T{uuid4().hex[:8].upper()}", f"wallaby{uuid4().hex[:8]}"
    key = keys.slack(team, "C1", "1700000000.000100")
    await queue_message(ingress, key, "hello", "m0", author=Author(id="UADA", name="Ada"))
    await wait_for_turn(ingress, key, "m0")
    await eventually(lambda: read_history(ingress, key), lambda page: page.title)
    await stack.model.script(ScriptedResponse(kind="gate"))
    number = await stack.model.count_requests()
    await queue_message(ingress, key, f"my name is {word}", "m1", author=Author(id="UEVE", name="Eve"))
    asked = await stack.model.wait_for_question(word, number)
    own = f"person:slack:{team}:UEVE"

    async def listed() -> int:
        return len((await ingress.call(handlers.DIRECTORY_LIST, own, DirectoryRequest())).entries)

    assert await eventually(listed) == 1
    person = ForgetPersonRequest(person=f"slack:{team}:UEVE")
    assert (await ingress.call(handlers.BACKGROUND_FORGET_PERSON, None, person)).conversations == 1
    await stack.model.finish(asked.number)
    assert await eventually(lambda: find_text(stack, word), lambda found: not found) == []


async def test_feedback_of_a_deleted_person_is_removed(ingress: IngressClient, stack: Stack) -> None:
    team, person = f"T{uuid4().hex[:8].upper()}", f"U{uuid4().hex[:8].upper()}"
    key = keys.slack(team, "C1", "1700000000.000100")
    for number in range(26):
        await queue_message(ingress, key, f"hello {number}", f"m{number}", author=Author(id="UADA", name="Ada"))
        await wait_for_turn(ingress, key, f"m{number}")
    liked = [(await read_history(ingress, key, before=5)).messages[-1], (await read_history(ingress, key)).messages[-1]]
    for reply in liked:
        given = FeedbackRequest(seq=reply.seq, person=person, value="up")
        await ingress.call(handlers.CHAT_SET_FEEDBACK, key, given)
    assert {m.seq for m in (await read_history(ingress, key, limit=200)).messages if m.feedback} == {
        m.seq for m in liked
    }
    found = ForgetPersonRequest(person=f"slack:{team}:{person}")
    assert (await ingress.call(handlers.BACKGROUND_FORGET_PERSON, None, found)).conversations == 1

    async def left() -> list[str]:
        """But for the person's own directory, which is emptied, and the wish to be forgotten."""
        own = ("Background", "Directory", "forget_person")
        return [place for place in await find_text(stack, person) if not any(one in place for one in own)]

    assert await eventually(
        lambda: read_history(ingress, key, limit=200), lambda p: not any(m.feedback for m in p.messages)
    )
    await eventually(left, lambda places: not any("state of" in one for one in places))
    assert len((await read_history(ingress, key, limit=200)).messages) == 52


@pytest.mark.parametrize("person", ["", "U1", "slack:T1", "slack:T1:", "web:short"])
async def test_invalid_person_id_is_refused(ingress: IngressClient, person: str) -> None:
    with pytest.raises(IngressError, match="is no person's id: slack:TEAM:USER"):
        await ingress.call(handlers.BACKGROUND_FORGET_PERSON, None, ForgetPersonRequest(person=person))


async def test_person_is_deleted_from_all_conversations(ingress: IngressClient, stack: Stack) -> None:
    team, word = f"T{uuid4().hex[:8].upper()}", f"numbat{uuid4().hex[:8]}"
    eve, ada = Author(id="UEVE", name="Eve"), Author(id="UADA", name="Ada")
    threads = [keys.slack(team, "C1", f"170000000{number}.000100") for number in range(2)]
    for key in threads:
        for number in range(26):
            author, text = (eve, f"my name is {word} {number}") if number % 2 else (ada, f"my name is Ada {number}")
            await queue_message(ingress, key, text, f"m{number}", author=author)
            await wait_for_turn(ingress, key, f"m{number}")
    alone = keys.slack(team, "C1", "1700000009.000100")
    await queue_message(ingress, alone, f"{word} alone", "m0", author=eve)
    await wait_for_turn(ingress, alone, "m0")

    async def listed(owner: str) -> list[str]:
        page = await ingress.call(handlers.DIRECTORY_LIST, owner, DirectoryRequest())
        return sorted(entry.conversation for entry in page.entries)

    await eventually(lambda: listed(f"person:slack:{team}:UEVE"), lambda seen: seen == sorted([*threads, alone]))
    done = await ingress.call(handlers.BACKGROUND_FORGET_PERSON, None, ForgetPersonRequest(person=f"slack:{team}:UEVE"))
    assert done.conversations == 3
    assert await eventually(lambda: find_text(stack, word), lambda found: not found) == []
    for key in threads:
        page = await read_history(ingress, key, limit=200)
        assert {m.author.name for m in page.messages if m.author} == {"Ada"}
        assert len(page.messages) == 26, "thirteen questions of the others, with their replies"
    assert (await read_history(ingress, alone)).messages == []
    assert await listed(f"person:slack:{team}:UEVE") == []
    await eventually(lambda: listed(f"channel:slack:{team}:C1"), lambda seen: seen == sorted(threads))
    summary = await eventually(lambda: read_summary(stack, threads[0]), lambda seen: seen["upto"])
    assert "Ada" in str(summary["text"]), "written anew of what is left"


async def test_web_person_is_deleted_with_all_conversations(ingress: IngressClient, stack: Stack) -> None:
    person, word = new_person_id(), f"bilby{uuid4().hex[:8]}"
    for number in range(2):
        await queue_message(ingress, keys.web(person, f"c{number}"), f"{word} {number}", "m0")
        await wait_for_turn(ingress, keys.web(person, f"c{number}"), "m0")
    await ingress.call(handlers.BACKGROUND_FORGET_PERSON, None, ForgetPersonRequest(person=f"web:{person}"))
    assert await eventually(lambda: find_text(stack, word), lambda found: not found) == []


async def test_messages_over_the_retention_age_are_deleted_by_a_durable_timer(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    await model.clear_script()
    async with (
        running_stack(engine_binary, tmp_path, model, retention_days="30") as stack,
        stack.ingress() as ingress,
    ):
        ahead = datetime(9999, 12, 31, tzinfo=UTC)  # and so many days more is no time at all
        for text in ("hi", "again"):
            assert (await send_message(ingress, "k", text, at=ahead)).status == "answered"
        old = datetime.now(UTC) - timedelta(days=40)
        key = new_web_key()
        for number in range(50):
            await queue_message(ingress, key, f"wombat {number}", f"m{number}", at=old, expects_reply=False)
        await queue_message(ingress, key, "of today", "new")
        await wait_for_turn(ingress, key, "new")
        page = await eventually(lambda: read_history(ingress, key), lambda page: len(page.messages) == 2)
        messages = page.messages
        assert [m.text for m in messages if m.role == "user"] == ["of today"]
        idle = new_web_key()
        await queue_message(ingress, idle, "the last word", "m0", at=old, expects_reply=False)
        emptied = await eventually(
            lambda: read_history(ingress, idle), lambda page: not (page.messages or page.waiting)
        )
        assert emptied.running is None
        assert await eventually(lambda: count_records_with(stack, idle, "the last word"), lambda count: not count) == 0
        rows = await stack.query(f"SELECT count(1) AS n FROM state WHERE service_key = '{key}' AND key LIKE 'page:%'")
        assert rows[0]["n"] == 0

        async def timers() -> list[str]:
            # All columns: the engine leaves the start out when it is asked for alone.
            rows = await stack.query(
                f"SELECT * FROM sys_invocation WHERE target_handler_name = 'expire' AND target_service_key = '{key}'"
            )
            return [str(row["scheduled_start_at"])[:10] for row in rows if row["status"] == "scheduled"]

        due = [(messages[-1].at + timedelta(days=30)).date().isoformat()]
        assert await eventually(timers, lambda seen: seen == due) == due, "one timer, for what is left"
        repeat = await queue_message(ingress, key, "wombat 3", "m3", at=old)
        assert (await ingress.attach(repeat.invocation, Reply)).status in ("forgotten", "withdrawn")


async def test_repeat_of_a_deleted_message_is_not_answered(ingress: IngressClient, stack: Stack, key: str) -> None:
    at = datetime.now(UTC)
    for number in range(25):
        await send_message(ingress, key, f"m{number}", id=f"m{number}", at=at)
    await forget(ingress, key)
    before = len(await stack.model.requests())

    async def repeat(name: str) -> str:
        return (await send_message(ingress, key, name, id=name, at=at)).status

    assert [await repeat(name) for name in ("m0", "m24")] == ["forgotten", "forgotten"]
    assert len(await stack.model.requests()) == before
    assert (await read_history(ingress, key)).messages == []


async def test_late_transcript_append_does_not_restore_a_deleted_conversation(
    ingress: IngressClient, stack: Stack, key: str
) -> None:
    """A page that is written again after the forget, as when an interrupted send is taken up by a new version."""
    for number in range(21):
        await send_message(ingress, key, f"wombat {number}", id=f"m{number}")

    async def written() -> list[dict[str, object]]:
        return await stack.query(
            "SELECT id FROM sys_invocation WHERE target_service_name = 'Transcript' AND target_handler_name = 'append' "
            f"AND target_service_key = '{key}' AND status = 'completed'"
        )

    late = str((await eventually(written))[0]["id"])
    await forget(ingress, key)
    await eventually(lambda: count_records_with(stack, key, "wombat"), lambda n: n == 0)
    again = await stack.change_invocation(late, "restart-as-new")

    async def ended() -> bool:
        rows = await stack.query(f"SELECT status FROM sys_invocation WHERE id = '{again['new_invocation_id']}'")
        return [row["status"] for row in rows] == ["completed"]

    await eventually(ended)
    assert await count_records_with(stack, key, "wombat") == 0


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
        await forget(ingress, key)
    page = await eventually(lambda: read_history(ingress, key), lambda page: not page.messages and not page.waiting)
    assert page.running is None
    await queue_message(ingress, key, "later", "m2")
    assert (await wait_for_turn(ingress, key, "m2")).reply == "echo: later"


async def test_deleted_conversation_leaves_the_directory(ingress: IngressClient) -> None:
    person = new_person_id()
    key = keys.web(person, "c")
    await queue_message(ingress, key, "hi", "m0")
    await wait_for_turn(ingress, key, "m0")

    async def listed() -> DirectoryPage:
        return await ingress.call(handlers.DIRECTORY_LIST, f"person:web:{person}", DirectoryRequest())

    await eventually(listed, lambda page: page.entries)
    await forget(ingress, key)
    await eventually(listed, lambda page: not page.entries)


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
    assert await ingress.call_or_queue(handlers.CHAT_RESET, key, None, timeout=0.2) is None, "told, not hung"
    await stack.model.release(number, "hi")
    await stack.model.finish(number)
    assert (await reply).reply == "hi"
