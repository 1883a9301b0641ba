"""At each mention the bot first reads what was said in the thread meanwhile: all of it, or honestly later."""

from __future__ import annotations

from tests.slack.conftest import Room
from tests.slack.test_access import rule
from tests.slack.test_talk import asks, prompt


async def test_a_thread_that_cannot_be_read_for_a_moment_is_read_all_the_same(room: Room) -> None:
    slack = room.slack
    await asks(room, room.ada, room.channel, f"<@{slack.bot}> from here on the channel is heard")
    root = await slack.post(room.ada, room.channel, "my name is Ada")
    await slack.fault("conversations.replies", "fail", times=2, contains=root.ts)
    await slack.fault("conversations.replies", "cut", contains=root.ts)
    _, seen = await asks(room, room.ben, room.channel, f"<@{slack.bot}> what is my name?", thread_ts=root.ts)
    assert "my name is Ada" in prompt(seen)


async def test_a_thread_that_cannot_be_read_is_left_to_the_next_mention(room: Room) -> None:
    slack = room.slack
    await asks(room, room.ada, room.channel, f"<@{slack.bot}> from here on the channel is heard")
    root = await slack.post(room.ada, room.channel, "my name is Ada")
    await slack.fault("conversations.replies", "fail", times=50, contains=root.ts)
    _, seen = await asks(room, room.ben, room.channel, f"<@{slack.bot}> hello", thread_ts=root.ts)
    await slack.clear()
    assert "my name is Ada" not in prompt(seen)
    await asks(room, room.ben, room.channel, "go on", thread_ts=root.ts)
    _, seen = await asks(room, room.ben, room.channel, f"<@{slack.bot}> what is my name?", thread_ts=root.ts)
    assert "my name is Ada" in prompt(seen)
    assert prompt(seen).count("go on") == 2, "what was here already is not noted again: once said, once echoed"


async def test_what_a_blocked_person_says_does_not_reach_the_model_by_a_mention(room: Room) -> None:
    slack = room.slack
    await rule(room, f"slack:{slack.team.id}:{room.channel}", block=[room.ada])
    root = await slack.post(room.ben, room.channel, "what shall we call it?")
    await slack.post(room.ada, room.channel, "my name is Ada", thread_ts=root.ts)
    _, seen = await asks(room, room.ben, room.channel, f"<@{slack.bot}> what do you think?", thread_ts=root.ts)
    assert "what shall we call it?" in prompt(seen) and "Ada" not in prompt(seen)


async def test_what_another_app_opened_the_thread_with_is_read_and_its_replies_are_not(room: Room) -> None:
    slack = room.slack
    app = await slack.add_user("pager", is_bot=True)
    await slack.join(app.id, room.channel)
    card = {"title": "Disk full", "title_link": "https://pager.test/1", "fallback": "Disk full"}
    root = await slack.post(app.id, room.channel, "ALARM on db-3", attachments=[card])
    await slack.post(app.id, room.channel, "still burning", thread_ts=root.ts)
    _, seen = await asks(room, room.ben, room.channel, f"<@{slack.bot}> what is this?", thread_ts=root.ts)
    assert "ALARM on db-3" in prompt(seen) and "Disk full" in prompt(seen) and "[Pager, " in prompt(seen)
    assert "still burning" not in prompt(seen)
