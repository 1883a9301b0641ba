"""At each mention the bot first reads what was said in the thread meanwhile: all of it, or honestly later."""

from __future__ import annotations

from bots.common.texts import EARLIER_MESSAGES_OMITTED
from bots.slack.messenger import MAX_CONTEXT_MESSAGES
from chat_service import handlers
from chat_service.contracts import History, HistoryRequest
from chat_service.contracts.channel import ChannelView, ChannelViewRequest
from tests.fakes.slack.models import Message
from tests.slack.conftest import Room
from tests.slack.test_access import rule
from tests.slack.test_answers import finished
from tests.slack.test_talk import asks, history, prompt


async def test_a_thread_that_cannot_be_read_for_a_moment_is_read_all_the_same(room: Room) -> None:
    slack = room.slack
    await asks(room, room.ada, room.channel, f"<@{slack.bot}> from here on the channel is heard")
    root = await slack.post(room.ada, room.channel, "my name is Ada")
    await slack.fault("conversations.replies", "fail", times=2, contains=root.ts)
    await slack.fault("conversations.replies", "cut", contains=root.ts)
    _, seen = await asks(room, room.ben, room.channel, f"<@{slack.bot}> what is my name?", thread_ts=root.ts)
    assert "my name is Ada" in prompt(seen)


async def test_a_pause_that_slack_asks_one_reader_for_is_every_readers(room: Room) -> None:
    """Slack counts what is read per method and workspace."""
    slack = room.slack
    await asks(room, room.ada, room.channel, f"<@{slack.bot}> from here on the channel is heard")
    roots = [await slack.post(room.ada, room.channel, f"my name is {name}") for name in ("Ada", "Eve")]
    before = len(await slack.calls())
    await slack.fault("conversations.replies", "ratelimited", retry_after=2, contains=roots[0].ts)

    async def refused() -> float | None:
        return next((c.answered_at for c in await slack.calls(since=before) if c.status == 429), None)

    await slack.mention(room.ben, room.channel, "what is my name?", thread_ts=roots[0].ts)
    since = await slack.until(refused) or 0.0
    await slack.mention(room.ben, room.channel, "and what is mine?", thread_ts=roots[1].ts)
    for root in roots:
        await finished(room, room.channel, root.ts)
    read = await slack.calls("conversations.replies", since=before)
    assert {one.args["ts"] for one in read} >= {root.ts for root in roots}
    assert not [one for one in read if since < one.at < since + 2]


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


async def test_what_was_said_before_the_bot_is_told_to_be_quiet_is_read_at_the_next_mention(room: Room) -> None:
    slack = room.slack
    root = await slack.post(room.ada, room.channel, "my name is Ada")
    await slack.mention(room.ben, room.channel, "quiet", thread_ts=root.ts)
    await slack.until(lambda: slack.ephemerals(room.channel, room.ben))
    _, seen = await asks(room, room.ben, room.channel, f"<@{slack.bot}> what is my name?", thread_ts=root.ts)
    assert "my name is Ada" in prompt(seen)
    for count, said in ((2, "the sky is green"), (3, "among us")):
        await slack.mention(room.ben, room.channel, "quiet", thread_ts=root.ts)
        await slack.until(lambda n=count: _told(room, n))  # type: ignore[misc]
        await slack.wait_acked(await slack.post(room.ada, room.channel, said, thread_ts=root.ts))
    _, seen = await asks(room, room.ben, room.channel, f"<@{slack.bot}> what is its colour?", thread_ts=root.ts)
    assert "the sky is green" in prompt(seen) and "among us" in prompt(seen)


async def _told(room: Room, count: int) -> bool:
    return len(await room.slack.ephemerals(room.channel, room.ben)) >= count


async def test_what_was_said_while_mentions_were_required_is_read_at_the_next_mention(room: Room) -> None:
    slack, root = room.slack, await _missed(room, "my name is Ada")
    _, seen = await asks(room, room.ada, room.channel, "go on", thread_ts=root.ts)
    assert "my name is Ada" not in prompt(seen)
    _, seen = await asks(room, room.ada, room.channel, f"<@{slack.bot}> what is my name?", thread_ts=root.ts)
    assert "my name is Ada" in prompt(seen)


async def test_a_question_that_waits_for_more_lines_is_answered_though_it_is_read_by_the_next(room: Room) -> None:
    slack, root = room.slack, await _missed(room, "my name is Ada")
    await slack.post(room.ada, room.channel, "is it hot?", thread_ts=root.ts)
    await slack.mention(room.ben, room.channel, "or cold?", thread_ts=root.ts)

    def both(page: History) -> bool:
        asked = {m.text for m in page.messages if m.role == "user" and m.status in ("answered", "noted")}
        return {"is it hot?", "or cold?"} <= asked and not (page.running or page.waiting)

    held = await slack.until(lambda: history(room, room.channel, root.ts), both)
    assert {m.text: m.status for m in held.messages if m.role == "user"} == {
        "hello": "answered",
        "my name is Ada": "noted",
        "is it hot?": "answered",
        "or cold?": "answered",
    }


async def test_of_a_thread_that_is_too_long_the_beginning_is_read_and_what_is_left_out_is_said(room: Room) -> None:
    slack = room.slack
    root = await slack.post(room.ada, room.channel, "my name is Ada")
    for number in range(MAX_CONTEXT_MESSAGES + 5):
        await slack.post(room.ben, room.channel, f"line {number} ends", thread_ts=root.ts, silent=True)
    _, seen = await asks(room, room.ben, room.channel, f"<@{slack.bot}> what is my name?", thread_ts=root.ts)
    assert f"line {MAX_CONTEXT_MESSAGES + 4} ends" in prompt(seen)
    held = await history(room, room.channel, root.ts)
    async with room.world.stack.ingress() as ingress:
        older = HistoryRequest(limit=200, before=held.next_before)
        first = await ingress.call(handlers.CHAT_GET_HISTORY, room.world.key(room.channel, root.ts), older)
    texts = [m.text for m in [*first.messages, *held.messages] if m.role == "user"]
    lines = [f"line {number} ends" for number in range(6, MAX_CONTEXT_MESSAGES + 5)]
    assert texts == ["my name is Ada", EARLIER_MESSAGES_OMITTED, *lines, "what is my name?"]


async def _missed(room: Room, text: str) -> Message:
    """A thread in which this was said while mentions were required; no more are."""
    slack, scope = room.slack, f"slack:{room.slack.team.id}:{room.channel}"
    await rule(room, scope, reply_mode="mentions")
    root, _ = await asks(room, room.ada, room.channel, f"<@{slack.bot}> hello")
    await slack.wait_acked(await slack.post(room.ada, room.channel, text, thread_ts=root.ts))
    await slack.until(lambda: _place(room, root.ts), lambda p: p.thread is not None and bool(p.thread.gap_start))
    await rule(room, scope, reply_mode="threads")
    return root


async def _place(room: Room, thread: str) -> ChannelView:
    async with room.world.stack.ingress() as ingress:
        request = ChannelViewRequest(conversation=room.world.key(room.channel, thread))
        return await ingress.call(handlers.CHANNEL_GET, f"slack:{room.slack.team.id}:{room.channel}", request)
