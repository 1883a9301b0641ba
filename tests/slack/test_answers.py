"""How the bot answers: streamed, formatted, split, and without power over anybody's attention."""

from __future__ import annotations

from typing import Any

import pytest

from chat_service import handlers, keys
from chat_service.contracts import TurnRequest
from chat_service.ingress import IngressError
from tests.fakes.model.protocol import Behaviour
from tests.fakes.slack.control import settle
from tests.fakes.slack.models import FaultKind, Message
from tests.slack.conftest import Room
from tests.slack.test_talk import GATE, asks, history, prompt


def shown(message: Message) -> str:
    """The Markdown that a message shows."""
    return "".join(b["text"] for b in message.blocks if b["type"] == "markdown") or message.text


async def finished(room: Room, channel: str, thread: str, parts: int = 1) -> list[Message]:
    """The bot's messages in a thread once the last one has its buttons."""

    def done(found: list[Message]) -> bool:
        kinds = {b["type"] for b in found[-1].blocks} if found else set()
        return (
            len(found) == parts
            and bool(kinds & {"context_actions", "actions"})
            and "'stop'" not in str(found[-1].blocks)
        )

    return await room.slack.until(lambda: room.slack.replies(channel, thread), done)


async def test_a_reply_streams_natively_into_one_message(room: Room) -> None:
    slack, model = room.slack, room.world.model
    number = await model.count()
    await model.script(GATE)
    said = await slack.mention(room.ada, room.channel, "stream this")
    running = await model.wait(number)
    await model.release(running.number, "The first words")
    await slack.wait_reply(room.channel, said.ts, lambda m: m.stream and m.text == "The first words")
    await model.release(running.number, " and the last.")
    await model.finish(running.number)
    [reply] = await finished(room, room.channel, said.ts)
    assert shown(reply) == "The first words and the last."
    assert reply.stream and reply.stream.state == "completed" and reply.metadata


async def test_where_there_is_no_native_streaming_the_message_is_updated_at_slacks_pace(room: Room) -> None:
    slack, model = room.slack, room.world.model
    await slack.fault("chat.startStream", "refuse", error="channel_type_not_supported")
    number = await model.count()
    await model.script(GATE)
    said = await slack.mention(room.ada, room.channel, "update this")
    running = await model.wait(number)
    for word in ("One", " two", " three", " four"):
        await model.release(running.number, word)
    message = await slack.wait_reply(room.channel, said.ts, lambda m: shown(m).startswith("One two three four"))
    assert "'stop'" in str(message.blocks)
    updates = [one for one in await slack.calls("chat.update") if one.args["ts"] == message.ts]
    assert len(updates) <= 3
    await model.finish(running.number)
    [reply] = await finished(room, room.channel, said.ts)
    assert shown(reply) == "One two three four" and reply.ts == message.ts


async def test_a_long_reply_arrives_whole_in_order_with_its_fences_intact(room: Room) -> None:
    lines = "\n".join(f"line {n:04d} = value" for n in range(800))
    text = f"Here is the code:\n\n```python\n{lines}\n```\n\nThat was it."
    assert len(text) > 10_000
    await room.world.model.script(Behaviour(text=text, chunk=4000))
    said = await room.slack.mention(room.ada, room.channel, "write a lot")
    parts = await finished(room, room.channel, said.ts, 2)
    assert all(len(shown(one)) <= 12_000 and shown(one).count("```") % 2 == 0 for one in parts)
    whole = "\n".join(shown(one) for one in parts)
    assert [line for line in whole.splitlines() if line.startswith("line ")] == lines.splitlines()
    assert whole.endswith("That was it.") and "```python" in shown(parts[1])
    assert len([one for one in parts if "feedback" in str(one.blocks)]) == 1


async def test_markdown_is_shown_as_slack_shows_it_best(room: Room) -> None:
    text = "# Title\n\n- a **bold** point\n- [a link](https://x.test)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n`code`"
    await room.world.model.script(Behaviour(text=text))
    said = await room.slack.mention(room.ada, room.channel, "format this")
    [reply] = await finished(room, room.channel, said.ts)
    assert [b["text"] for b in reply.blocks if b["type"] == "markdown"] == [text]


async def test_model_output_pings_nobody_and_unfurls_nothing(room: Room) -> None:
    slack = room.slack
    text = (
        f"<!channel> <!here> <@{room.ben}> <!subteam^S123> <!Subteam^S123|@ops> @here `<!everyone>` @Channel "
        "<!CHANNEL> <!Here|here> <!group> <!DOCTYPE html> see https://x.test"
    )
    for refuse in (False, True):
        if refuse:
            await slack.fault("chat.startStream", "refuse", error="channel_type_not_supported")
        await room.world.model.script(Behaviour(text=text, chunk=3, delay=0.02))
        said = await slack.mention(room.ada, room.channel, "shout")
        [reply] = await finished(room, room.channel, said.ts)
        assert reply.pings == [] and not {"@here", "@channel"} & set(shown(reply).lower().split())
        assert "<!DOCTYPE html>" in shown(reply), "what pings nobody stays as it is"
        assert "channel" in shown(reply) and room.ben in shown(reply)
        assert not reply.unfurls and bool(reply.stream) is not refuse
    posts = [one for one in await slack.calls("chat.postMessage") if one.args.get("channel") == room.channel]
    assert posts and all(one.args["unfurl_links"] is False for one in posts)


async def test_what_the_stop_button_stops_can_be_tried_again(room: Room) -> None:
    slack, model = room.slack, room.world.model
    await slack.fault("chat.startStream", "refuse", error="channel_type_not_supported")
    number = await model.count()
    await model.script(GATE)
    said = await slack.mention(room.ada, room.channel, "a long story")
    running = await model.wait(number)
    await model.release(running.number, "Once upon")
    message = await slack.wait_reply(room.channel, said.ts, lambda m: "Once upon" in shown(m))
    await slack.click(room.ben, room.channel, message.ts, "stop")
    [stopped] = await finished(room, room.channel, said.ts)
    assert "Once upon" in shown(stopped) and "stopped" in shown(stopped)
    await slack.click(room.ada, room.channel, message.ts, "retry")
    await slack.wait_reply(room.channel, said.ts, lambda m: "a long story" in shown(m))
    assert len(await slack.replies(room.channel)) == 1, "the same message is answered anew"


async def test_slacks_own_stop_button_ends_the_reply_in_its_message(room: Room) -> None:
    slack, model = room.slack, room.world.model
    number = await model.count()
    await model.script(GATE)
    said = await slack.post(room.ada, room.direct, "a long story")
    running = await model.wait(number)
    await model.release(running.number, "Once upon")
    await slack.wait_reply(room.direct, said.ts, lambda m: "Once upon" in m.text)
    await slack.stop(room.ada, room.direct, said.ts)
    [reply] = await finished(room, room.direct, said.ts)
    assert "Once upon" in shown(reply) and "stopped" in shown(reply)
    session = await slack.until(lambda: slack.session(room.direct, said.ts), lambda s: s and s.status == "active")
    assert session is not None
    assert (await history(room, room.direct, said.ts)).messages[-1].status == "stopped"


async def test_slacks_stop_button_ends_a_session_in_which_nothing_runs(room: Room) -> None:
    """A session that was left in `processing`, whatever the reason, is not stuck in it."""
    slack, model = room.slack, room.world.model
    number = await model.count()
    await model.script(GATE)
    await slack.fault("agents.sessions.setStatus", "refuse", contains='"active"', error="thread_not_found")
    await slack.fault("chat.startStream", "refuse", error="channel_type_not_supported", contains=room.direct)
    said = await slack.post(room.ada, room.direct, "quick one")
    running = await model.wait(number)
    await slack.until(lambda: slack.session(room.direct, said.ts), lambda s: s and s.status == "processing")
    await model.release(running.number, "done")
    await model.finish(running.number)
    await finished(room, room.direct, said.ts)
    refused = lambda found: any(one.error == "thread_not_found" for one in found)  # noqa: E731
    await slack.until(lambda: slack.calls("agents.sessions.setStatus"), refused)
    await slack.stop(room.ada, room.direct, said.ts)
    await slack.until(lambda: slack.session(room.direct, said.ts), lambda s: s and s.status == "active")


async def test_stop_by_name_and_stop_all(room: Room) -> None:
    slack, model = room.slack, room.world.model
    number = await model.count()
    await model.script(GATE)
    said = await slack.mention(room.ada, room.channel, "first")
    await model.wait(number)
    waits = await slack.post(room.ada, room.channel, "second", thread_ts=said.ts)
    await slack.wait_acked(waits)
    await slack.until(lambda: history(room, room.channel, said.ts), lambda h: len(h.waiting) == 1)
    await slack.mention(room.ben, room.channel, "stop all", thread_ts=said.ts)
    whole = await slack.until(
        lambda: history(room, room.channel, said.ts), lambda h: not h.waiting and not h.running and h.messages
    )
    assert [m.status for m in whole.messages if m.role == "assistant"] == ["stopped"]

    async def marks() -> list[str]:
        return [name for m in await slack.messages(room.channel) if m.ts == waits.ts for name in m.reactions]

    await slack.until(marks, lambda found: not found)
    number = await model.count()
    await model.script(GATE)
    await slack.post(room.ada, room.channel, "third", thread_ts=said.ts)
    await model.wait(number)
    await slack.mention(room.ada, room.channel, "stop", thread_ts=said.ts)
    await slack.until(
        lambda: history(room, room.channel, said.ts), lambda h: not h.running and h.messages[-1].status == "stopped"
    )
    await slack.mention(room.ada, room.channel, "stop", thread_ts=said.ts)
    await slack.until(
        lambda: slack.ephemerals(room.channel, room.ada), lambda found: any("right now" in m.text for m in found)
    )
    await asks(room, room.ada, room.channel, "fourth", thread_ts=said.ts)


async def test_stop_is_a_command_wherever_the_name_stands(room: Room) -> None:
    slack, model = room.slack, room.world.model
    number = await model.count()
    await model.script(GATE)
    said = await slack.mention(room.ada, room.channel, "a long story")
    running = await model.wait(number)
    await slack.post(room.ada, room.channel, f"stop <@{slack.bot}>!", thread_ts=said.ts)
    await slack.until(lambda: history(room, room.channel, said.ts), lambda h: h.messages and not h.running)
    assert (await history(room, room.channel, said.ts)).messages[-1].status == "stopped"
    _, seen = await asks(room, room.ada, room.channel, f"what is <@{slack.bot}> for?", thread_ts=said.ts)
    assert "what is @" in prompt(seen) and "a long story" not in prompt(seen) and running


async def test_trying_an_older_reply_again_says_that_it_is_too_late(room: Room) -> None:
    slack, model = room.slack, room.world.model
    await model.script(Behaviour(kind="fail", status=401, body={"error": {"message": "no"}}))
    said = await slack.mention(room.ada, room.channel, "will fail")
    [failed] = await finished(room, room.channel, said.ts)
    number = await model.count()
    await model.script(GATE)
    await slack.post(room.ada, room.channel, "something else", thread_ts=said.ts)
    running = await model.wait(number)
    await slack.click(room.ben, room.channel, failed.ts, "retry")
    [told] = await slack.until(lambda: slack.ephemerals(room.channel, room.ben))
    assert "Only the last reply" in told.text
    await model.finish(running.number)
    await finished(room, room.channel, said.ts, 2)
    await slack.click(room.ada, room.channel, failed.ts, "retry")
    [told] = await slack.until(lambda: slack.ephemerals(room.channel, room.ada))
    assert "Only the last reply" in told.text
    await settle()
    assert len([m for m in (await history(room, room.channel, said.ts)).messages if m.role == "assistant"]) == 2


async def test_after_a_fresh_start_trying_again_says_that_it_is_too_late(room: Room) -> None:
    slack = room.slack
    await room.world.model.script(Behaviour(kind="fail", status=401, body={"error": {"message": "no"}}))
    said = await slack.mention(room.ada, room.channel, "will fail")
    [failed] = await finished(room, room.channel, said.ts)
    await slack.mention(room.ada, room.channel, "reset", thread_ts=said.ts)
    await slack.until(lambda: slack.ephemerals(room.channel, room.ada))
    await slack.click(room.ben, room.channel, failed.ts, "retry")
    [told] = await slack.until(lambda: slack.ephemerals(room.channel, room.ben))
    assert "Only the last reply" in told.text


async def test_trying_again_a_question_that_was_deleted_says_so_and_asks_nothing(room: Room) -> None:
    slack, model = room.slack, room.world.model
    await model.script(Behaviour(kind="fail", status=401, body={"error": {"message": "no"}}))
    said = await slack.mention(room.ada, room.channel, "will fail")
    [failed] = await finished(room, room.channel, said.ts)
    await slack.delete(room.ada, room.channel, said.ts)
    await slack.until(
        lambda: history(room, room.channel, said.ts), lambda h: all(m.status == "forgotten" for m in h.messages)
    )
    number = await model.count()
    await slack.click(room.ada, room.channel, failed.ts, "retry")
    [told] = await slack.until(lambda: slack.ephemerals(room.channel, room.ada))
    assert "was deleted" in told.text
    async with room.world.stack.ingress() as ingress:
        key = keys.slack(slack.team.id, room.channel, said.ts)
        with pytest.raises(IngressError, match="no reply to regenerate"):
            await ingress.call(handlers.CHAT_REGENERATE, key, TurnRequest())
    assert await model.requests(number) == []


@pytest.mark.parametrize("slow", ["delay", "late_commit"])
async def test_a_mark_that_comes_later_than_the_answer_goes_all_the_same(room: Room, slow: FaultKind) -> None:
    slack = room.slack
    await slack.fault("reactions.add", slow, delay=4.0, contains=room.channel)
    said = await slack.mention(room.ada, room.channel, "quick one")
    await finished(room, room.channel, said.ts)

    async def marks() -> list[str]:
        return [name for m in await slack.messages(room.channel) if m.ts == said.ts for name in m.reactions]

    assert await marks() == [], "the answer was faster"
    committed = lambda found: any(one.committed and one.args["timestamp"] == said.ts for one in found)  # noqa: E731
    await slack.until(lambda: slack.calls("reactions.add"), committed)
    await slack.until(marks, lambda found: not found)
    await settle(0.5)
    assert await marks() == []


async def test_a_failed_turn_says_so_and_offers_to_try_again(room: Room) -> None:
    slack = room.slack
    await room.world.model.script(Behaviour(kind="fail", status=401, body={"error": {"message": "no"}}))
    said = await slack.mention(room.ada, room.channel, "will fail")
    [failed] = await finished(room, room.channel, said.ts)
    assert "retry" in str(failed.blocks) and "Traceback" not in shown(failed)
    for _ in range(2):
        await slack.click(room.ada, room.channel, failed.ts, "retry")
    await slack.wait_reply(room.channel, said.ts, lambda m: "will fail" in shown(m))
    await settle()
    assert len([m for m in (await history(room, room.channel, said.ts)).messages if m.role == "assistant"]) == 2


async def test_feedback_is_kept_with_the_turn(room: Room) -> None:
    slack = room.slack
    said = await slack.mention(room.ada, room.channel, "how was I?")
    [reply] = await finished(room, room.channel, said.ts)
    kept = await _press_feedback(room, said, reply, "up", room.ada)
    assert kept == {room.ada: "up"}
    kept = await _press_feedback(room, said, reply, "down", room.ben)
    assert kept == {room.ada: "up", room.ben: "down"}


async def _press_feedback(room: Room, said: Message, reply: Message, value: str, user: str) -> dict[str, Any]:
    button = next(b for b in reply.blocks if b["type"] == "context_actions")["elements"][0]
    name = "positive_button" if value == "up" else "negative_button"
    await room.slack.click(user, room.channel, reply.ts, "feedback", button[name]["value"])
    [told] = await room.slack.until(lambda: room.slack.ephemerals(room.channel, user))
    assert ("👍" if value == "up" else "👎") in told.text, "seen by whoever pressed it"
    kept = await room.slack.until(
        lambda: history(room, room.channel, said.ts), lambda h: user in h.messages[-1].feedback
    )
    return dict(kept.messages[-1].feedback)


async def test_reset_starts_afresh(room: Room) -> None:
    slack = room.slack
    said, _ = await asks(room, room.ada, room.channel, f"<@{slack.bot}> my name is Ada")
    await slack.mention(room.ada, room.channel, "reset", thread_ts=said.ts)
    await slack.until(lambda: slack.ephemerals(room.channel, room.ada))
    await slack.post(room.ada, room.channel, "what is my name?", thread_ts=said.ts)
    await slack.wait_reply(room.channel, said.ts, lambda m: "I do not know" in shown(m))


async def test_help_and_home_say_what_this_is_and_what_is_kept(room: Room) -> None:
    slack = room.slack
    await slack.mention(room.ada, room.channel, "help")
    [told] = await slack.until(lambda: slack.ephemerals(room.channel, room.ada))
    await slack.open_home(room.ada)
    home = await slack.until(lambda: slack.home(room.ada))
    assert home is not None
    for text in (shown(told), str(home.view)):
        assert all(word in text for word in ("AI", "kept", "read it", "forget"))


async def test_what_is_commanded_in_a_direct_message_outside_any_thread_is_about_all_of_them(room: Room) -> None:
    slack, model = room.slack, room.world.model
    one, _ = await asks(room, room.ada, room.direct, "my name is Ada")

    async def told(word: str) -> Message:
        found = await slack.until(
            lambda: slack.ephemerals(room.direct, room.ada), lambda all_: any(word in str(m) for m in all_)
        )
        return next(m for m in found if word in str(m))

    await slack.post(room.ada, room.direct, "stop")
    await told("No reply is running")
    await slack.post(room.ada, room.direct, "history")
    assert "my name is Ada" in shown(await told("my name is Ada"))
    await slack.post(room.ada, room.direct, "reset")
    await told("starts a new conversation")
    number = await model.count()
    await model.script(GATE)
    other = await slack.post(room.ada, room.direct, "a long story")
    await model.wait(number)
    await slack.post(room.ada, room.direct, "stop")
    await slack.until(
        lambda: history(room, room.direct, other.ts), lambda h: h.messages and h.messages[-1].status == "stopped"
    )
    number = await model.count()
    await model.script(GATE)
    await slack.post(room.ada, room.direct, "once more", thread_ts=one.ts)
    await model.wait(number)
    waits = await slack.post(room.ada, room.direct, "and this?", thread_ts=one.ts)
    await slack.until(lambda: history(room, room.direct, one.ts), lambda h: len(h.waiting) == 1)
    await slack.post(room.ada, room.direct, "stop all")
    await told("Stopping")
    await slack.until(lambda: history(room, room.direct, one.ts), lambda h: not h.waiting and not h.running)
    await slack.post(room.ada, room.direct, "forget")
    assert "in any thread" in (await told("Forgotten")).text and waits
    for thread in (one, other):
        await slack.until(lambda ts=thread.ts: history(room, room.direct, ts), lambda h: not h.messages)  # type: ignore[misc]


async def test_forget_is_for_those_who_may(room: Room) -> None:
    slack = room.slack
    said, _ = await asks(room, room.ada, room.channel, f"<@{slack.bot}> remember me")
    await slack.mention(room.ben, room.channel, "forget", thread_ts=said.ts)
    await slack.until(lambda: slack.ephemerals(room.channel, room.ben))
    assert (await history(room, room.channel, said.ts)).messages
    boss = await slack.add_user("boss", is_admin=True)
    await slack.join(boss.id, room.channel)
    await slack.mention(boss.id, room.channel, "forget", thread_ts=said.ts)
    await slack.until(lambda: history(room, room.channel, said.ts), lambda h: not h.messages)
