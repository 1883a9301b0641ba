"""What Slack did not tell, because the bot was away: found afterwards, as far as Slack lets one look."""

from __future__ import annotations

import aiohttp
import pytest

from chat_service import handlers
from chat_service.contracts.channel import ChannelViewRequest
from tests.fakes.model.protocol import Behaviour
from tests.fakes.slack.control import settle
from tests.slack.conftest import Room
from tests.slack.test_answers import shown
from tests.slack.test_talk import asks, history, prompt


async def test_a_mention_in_an_older_thread_without_the_bot_is_found(frail: Room) -> None:
    world, slack = frail.world, frail.slack
    root = await slack.post(frail.ada, frail.channel, "my name is Ada")
    quiet = await slack.post(frail.ada, frail.channel, "another matter")
    await asks(frail, frail.ada, frail.channel, f"<@{slack.bot}> the channel was read up to here")
    await world.bot.close()
    called = await slack.mention(frail.ben, frail.channel, "what is her name?", thread_ts=root.ts, silent=True)
    await slack.post(frail.ben, frail.channel, "nobody is called", thread_ts=quiet.ts, silent=True)
    await world.bot.start()
    await slack.wait_reply(frail.channel, root.ts, lambda m: m.ts > called.ts and "what is her name?" in shown(m))
    await settle()
    assert len(await slack.replies(frail.channel)) == 2
    texts = [m.text for m in (await history(frail, frail.channel, root.ts)).messages if m.role == "user"]
    assert texts == ["my name is Ada", "what is her name?"]


async def test_edits_and_deletions_while_the_bot_was_away_reach_its_memory(frail: Room) -> None:
    world, slack = frail.world, frail.slack
    root, _ = await asks(frail, frail.ada, frail.channel, f"<@{slack.bot}> hello")
    await world.model.script(Behaviour(text="Pleased to meet you."))
    wrong, _ = await asks(frail, frail.ada, frail.channel, "my name is Grace", thread_ts=root.ts)
    gone, _ = await asks(frail, frail.ada, frail.channel, "the code is 1234", thread_ts=root.ts)
    kept, _ = await asks(frail, frail.ada, frail.channel, "this stays", thread_ts=root.ts)
    private = (await slack.direct(frail.ben)).id
    alone, _ = await asks(frail, frail.ben, private, "a thread of its own")
    await world.bot.close()
    await slack.edit(frail.ada, frail.channel, wrong.ts, "my name is Ada", silent=True)
    await slack.delete(frail.ada, frail.channel, gone.ts, silent=True)
    await slack.delete(frail.ben, private, alone.ts, silent=True)
    await world.bot.start()
    changed = await slack.until(
        lambda: history(frail, frail.channel, root.ts),
        lambda h: not any("1234" in m.text or "Grace" in m.text for m in h.messages if m.role == "user"),
    )
    assert [m.text for m in changed.messages if m.role == "user"] == ["hello", "my name is Ada", "", "this stays"]
    await slack.until(
        lambda: history(frail, private, alone.ts),
        lambda h: not any(m.text for m in h.messages if m.role == "user"),
    )
    await settle()
    assert len(await slack.replies(frail.channel)) == 4, "neither an edit nor a deletion is answered"
    _, seen = await asks(frail, frail.ada, frail.channel, "what is my name?", thread_ts=root.ts)
    asked = prompt(seen)
    assert "1234" not in asked
    assert "Grace" not in asked and "my name is Ada" in asked and kept


HALF = "half an emoji \ud83d"
"""What a client sends that cuts one in two."""


async def test_half_a_character_is_no_trouble_live_nor_afterwards(frail: Room) -> None:
    world, slack = frail.world, frail.slack
    root, _ = await asks(frail, frail.ada, frail.channel, f"<@{slack.bot}> {HALF}")
    await world.bot.close()
    texts = ("first missed", HALF, "second missed")
    missed = [await slack.mention(frail.ben, frail.channel, one, silent=True) for one in texts]
    await slack.post(frail.ben, frail.channel, f"{HALF} aside", thread_ts=root.ts, silent=True)
    await world.bot.start()
    for one in missed:
        await slack.wait_reply(frail.channel, one.ts)
    _, seen = await asks(frail, frail.ada, frail.channel, f"<@{slack.bot}> and now?", thread_ts=root.ts)
    assert "aside" in prompt(seen)


@pytest.mark.parametrize("word", ["team_access_not_granted", "missing_scope"])
async def test_a_word_that_sounds_final_does_not_end_the_looking(frail: Room, word: str) -> None:
    world, slack = frail.world, frail.slack
    await asks(frail, frail.ada, frail.channel, f"<@{slack.bot}> hello")
    await world.bot.close()
    missed = await slack.mention(frail.ben, frail.channel, "missed", silent=True)
    await slack.fault("users.conversations", "refuse", error=word, contains="mpim", times=2)
    await world.bot.start()
    await slack.wait_reply(frail.channel, missed.ts, patience=60)


async def test_a_live_message_does_not_wait_for_a_history_that_cannot_be_read(room: Room) -> None:
    slack = room.slack
    root, _ = await asks(room, room.ada, room.channel, f"<@{slack.bot}> hello")
    await slack.fault("conversations.history", "fail", times=100, contains=room.channel)
    try:
        runs = len(await slack.calls("users.conversations"))
        await slack.disconnect()
        await slack.until(lambda: slack.calls("users.conversations"), lambda c: len(c) > runs)
        await slack.post(room.ada, room.channel, "still there?", thread_ts=root.ts)  # so its channel comes first
        await slack.until(lambda: slack.calls("conversations.history"), lambda c: any(_is_of(one, room) for one in c))
        for person, text in ((room.ben, "and for me?"), (room.ada, "and once more?")):
            said = await slack.post(person, room.channel, text, thread_ts=root.ts)
        await slack.wait_reply(room.channel, root.ts, lambda m: m.ts > said.ts and "once more?" in m.text, 15)
    finally:
        await slack.clear()


async def test_commands_are_not_carried_out_again_however_much_later_they_are_read_again(room: Room) -> None:
    slack = room.slack
    root, _ = await asks(room, room.ada, room.channel, f"<@{slack.bot}> hello")
    for count, command in enumerate(("reset", "help", "history"), start=1):
        await slack.mention(room.ada, room.channel, command, thread_ts=root.ts)
        await slack.until(lambda: slack.ephemerals(room.channel, room.ada), lambda f, n=count: len(f) == n)  # type: ignore[misc]
    await slack.until(lambda: _is_read(room))
    await slack.until(lambda: _forget_what_was_taken_in(room))  # as the engine does after a day
    runs, reads = len(await slack.calls("users.conversations")), len(await slack.calls("conversations.replies"))
    await slack.disconnect()
    await slack.until(lambda: slack.calls("users.conversations"), lambda c: len(c) > runs)
    await asks(room, room.ben, room.channel, "and now?", thread_ts=root.ts)  # it comes after what is read again
    assert any(root.ts in str(one) for one in (await slack.calls("conversations.replies"))[reads:])
    assert len(await slack.ephemerals(room.channel, room.ada)) == 3


async def _is_read(room: Room) -> bool:
    """Whether the channel counts as read as far as the thread."""
    scope = f"slack:{room.slack.team.id}:{room.channel}"
    async with room.world.stack.ingress() as ingress:
        place = await ingress.call(handlers.CHANNEL_GET, scope, ChannelViewRequest())
        [thread] = (await ingress.call(handlers.CHANNEL_GET_THREADS, scope, None)).threads
    return place.position >= thread.position


async def _forget_what_was_taken_in(room: Room) -> bool:
    """Whether all that was taken in is done with, and the engine knows none of it any more."""
    admin = f"http://127.0.0.1:{room.world.stack.engine.ports.admin}"
    query = "select id, status from sys_invocation where target_service_name = 'SlackIntake'"
    headers = {"Accept": "application/json"}
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{admin}/query", json={"query": query}, headers=headers) as response:
            rows = (await response.json())["rows"]
        for row in rows:
            if row["status"] == "completed":
                await session.patch(f"{admin}/invocations/{row['id']}/purge")
    return not rows


def _is_of(call: object, room: Room) -> bool:
    return room.channel in str(call) and "fault='fail'" in repr(call)
