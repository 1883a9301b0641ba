"""What a person in Slack gets: answers in threads that never forget."""

from __future__ import annotations

from tests.slack.conftest import Room


async def test_a_mention_is_answered_in_a_thread_that_remembers(room: Room) -> None:
    slack = room.slack
    first = await slack.mention(room.ada, room.channel, "my name is Ada")
    reply = await slack.wait_reply(room.channel, first.ts, lambda m: m.text == "echo: my name is Ada")
    assert reply.thread_ts == first.ts
    second = await slack.post(room.ada, room.channel, "what is my name?", thread_ts=first.ts)
    await slack.wait_reply(room.channel, first.ts, lambda m: "Your name is Ada" in m.text)
    await slack.wait_acked(second)
    assert len(await slack.replies(room.channel)) == 2, "a mention comes twice and is answered once"
