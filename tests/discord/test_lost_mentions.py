"""A mention whose event was lost is answered as soon as somebody else calls, and only once."""

from __future__ import annotations

from tests.discord.rooms import Room, answered, asks, history, set_rules


async def test_a_mention_that_is_read_up_is_answered_once(room: Room) -> None:
    discord = room.discord
    await asks(room, room.ada, room.channel, f"<@{discord.bot}> hello")
    before = await discord.post(room.ben, room.channel, "a word before")
    lost = await discord.mention(room.ada, room.channel, "nobody heard this", silent=True)
    after = await discord.post(room.ben, room.channel, "a word later")
    await asks(room, room.ben, room.channel, f"<@{discord.bot}> and this?")
    [reply] = await answered(room, lost)
    assert "nobody heard this" in reply.content
    texts = [m.text for m in (await history(room, room.channel)).messages if m.role == "user"]
    assert texts[0] == "hello" and sorted(texts[1:3]) == [before.content, after.content]
    assert texts[3:] == ["nobody heard this", "and this?"]
    await discord.forget_sessions()  # so that it is found once more
    await discord.cut_sockets()
    silent = await discord.mention(room.ada, room.channel, "between two sessions", silent=True)
    await answered(room, silent)
    assert len(await discord.replies(room.channel)) == 4


async def test_a_mention_that_was_refused_stays_refused(room: Room) -> None:
    discord = room.discord
    await set_rules(room, room.channel, off=True)
    said = await discord.mention(room.ada, room.channel, "may I?")
    await discord.wait_reply(room.channel, said, lambda m: "switched off" in m.content)
    await set_rules(room, room.channel, off=False)
    await asks(room, room.ben, room.channel, f"<@{discord.bot}> and now?")
    assert len(await discord.replies(room.channel, said)) == 1
    assert len((await history(room, room.channel)).messages) == 3
