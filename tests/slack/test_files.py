"""What people attach: read where a model can read it, named to the person where not, and never in anybody's way."""

from __future__ import annotations

import pytest

from tests.fakes.slack.control import attached
from tests.slack.conftest import Room
from tests.slack.test_talk import asks, history, prompt


async def test_a_file_that_breaks_on_the_way_is_named_and_blocks_nothing(room: Room) -> None:
    slack = room.slack
    await slack.fault("files.download", "cut", contains="torn.txt")
    torn = attached("torn.txt", b"half of it " * 5_000)
    said, seen = await asks(room, room.ada, room.channel, f"<@{slack.bot}> what does it say?", files=[torn])
    [told] = await slack.until(lambda: slack.ephemerals(room.channel, room.ada))
    assert "torn.txt" in told.text and "half of it" not in prompt(seen)
    await asks(room, room.ada, room.channel, "and without it?", thread_ts=said.ts)


async def test_a_picture_that_just_overflows_the_limit_is_named_and_blocks_nothing(room: Room) -> None:
    """With the two characters before it, its text form is two characters too long; its size alone is not."""
    slack = room.slack
    files = [attached("two.txt", b"ab"), attached("large.png", b"\x89" * 196_606, "image/png")]
    said, seen = await asks(room, room.ada, room.channel, f"<@{slack.bot}> what is this?", files=files)
    [told] = await slack.until(lambda: slack.ephemerals(room.channel, room.ada))
    assert "large.png" in told.text and "two.txt" not in told.text and "two.txt" in prompt(seen)
    await asks(room, room.ada, room.channel, "and without it?", thread_ts=said.ts)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
async def test_a_text_is_read_in_whichever_usual_encoding_it_was_written(room: Room, encoding: str) -> None:
    slack = room.slack
    file = attached("masse.csv", "Raum;Größe\nCafé;fünf Meter\n".encode(encoding), "text/csv")
    _, seen = await asks(room, room.ada, room.channel, f"<@{slack.bot}> how large?", files=[file])
    assert "\nRaum;Größe\nCafé;fünf Meter" in prompt(seen) and not await slack.ephemerals(room.channel, room.ada)


async def test_an_html_file_is_text_and_slacks_sign_in_page_is_not(room: Room) -> None:
    slack = room.slack
    page = attached("page.html", b"<p>my name is Ada</p>", "text/html")
    _, seen = await asks(room, room.ada, room.channel, f"<@{slack.bot}> what is in there?", files=[page])
    assert "<p>my name is Ada</p>" in prompt(seen) and not await slack.ephemerals(room.channel, room.ada)
    scopes = slack.app.scopes
    await slack.configure(scopes=[one for one in scopes if one != "files:read"])
    try:
        _, seen = await asks(room, room.ada, room.channel, f"<@{slack.bot}> and now?", files=[page])
    finally:
        await slack.configure(scopes=scopes)
    [told] = await slack.until(lambda: slack.ephemerals(room.channel, room.ada))
    assert "page.html" in told.text and "Sign in" not in prompt(seen)


async def test_an_empty_file_and_words_that_show_nothing_are_no_question(room: Room) -> None:
    slack, before = room.slack, len(await room.world.model.requests())
    await slack.mention(room.ada, room.channel, "\u200b\u2060 \ufeff")
    await slack.mention(room.ada, room.channel, "\u3164", files=[attached("empty.txt", b"")])
    told = await slack.until(lambda: slack.ephemerals(room.channel, room.ada), lambda found: len(found) == 2)
    assert any("empty.txt" in one.text for one in told) and any("Write your question" in one.text for one in told)
    assert len(await room.world.model.requests()) == before and await slack.replies(room.channel) == []


async def test_files_in_the_thread_are_read_at_the_mention_and_the_rest_is_named(room: Room) -> None:
    slack = room.slack
    files = [attached("plan.md", b"the launch is on Friday", "text/markdown"), attached("a.bin", b"\x00", "x/bin")]
    root = await slack.post(room.ada, room.channel, "see the plan", files=files)
    await slack.post(room.ada, room.channel, "", thread_ts=root.ts, files=[attached("only.zip", b"\x00", "x/zip")])
    text = f"<@{slack.bot}> when is the launch?"
    said, seen = await asks(room, room.ben, room.channel, text, thread_ts=root.ts)
    assert "the launch is on Friday" in prompt(seen) and "only.zip" in prompt(seen)
    [told] = await slack.until(lambda: slack.ephemerals(room.channel, room.ben))
    assert "a.bin" in told.text and "only.zip" in told.text and "plan.md" not in told.text and said.ts


async def test_the_files_of_a_forwarded_message_are_read_too(room: Room) -> None:
    slack = room.slack
    plan = attached("plan.md", b"the launch is on Friday", "text/markdown")
    source = await slack.post(room.ben, room.channel, "see the plan", files=[plan])
    number = await room.world.model.count()
    await slack.share(room.ada, room.direct, room.channel, source.ts, "when is it?")
    seen = await room.world.model.wait(number)
    assert "the launch is on Friday" in prompt(seen) and "> see the plan" in prompt(seen)


async def test_a_file_that_its_author_takes_off_is_forgotten_and_the_others_stay(room: Room) -> None:
    slack = room.slack
    files = [attached("keep.txt", b"the launch is on Friday"), attached("oops.txt", b"the password is 1234")]
    root, seen = await asks(room, room.ada, room.channel, f"<@{slack.bot}> read these", files=files)
    assert "the password is 1234" in prompt(seen)
    await slack.edit(room.ada, room.channel, root.ts, f"<@{slack.bot}> read them well")
    await slack.until(lambda: history(room, room.channel, root.ts), lambda h: h.messages[0].text == "read them well")
    assert len((await history(room, room.channel, root.ts)).messages[0].attachments) == 2
    await slack.unattach(room.ada, room.channel, root.ts, "oops.txt")
    await slack.until(
        lambda: history(room, room.channel, root.ts),
        lambda h: [one.name for one in h.messages[0].attachments] == ["keep.txt"],
    )
    _, seen = await asks(room, room.ada, room.channel, "and now?", thread_ts=root.ts)
    assert "the launch is on Friday" in prompt(seen) and "1234" not in str(seen.body["messages"][1])
