"""Forums and media channels: a post is a thread, and its first message stands in it under the thread's own id."""

from __future__ import annotations

import pytest

from tests.discord.rooms import GATE, Room, answered, asks, history, prompt
from tests.fakes.discord.models import FORUM, MEDIA, Message


@pytest.mark.parametrize("kind", [FORUM, MEDIA])
async def test_a_post_is_answered_where_it_stands_and_its_title_is_read(room: Room, kind: int) -> None:
    discord = room.discord
    forum = await discord.add_channel(room.guild, "questions", kind)
    number = await room.model.count()
    await room.model.script(GATE)
    first = await discord.open_post(room.ada, forum.id, "My name is Ada", f"<@{discord.bot}> is it not?")
    await discord.until(lambda: discord.message(first.channel, first.id), lambda m: bool(m.reactions))
    running = await room.model.wait(number)
    assert "(a post with the title: My name is Ada)\nis it not?" in prompt(running)
    await room.model.release(running.number, "It is.")
    await room.model.finish(running.number)
    [reply] = await answered(room, first)
    assert reply.reply_to == first.id and reply.content == "It is."
    await discord.until(lambda: discord.message(first.channel, first.id), lambda m: not any(m.reactions.values()))
    _, reply, _ = await asks(room, room.ada, first.channel, f"<@{discord.bot}> what is my name?")
    assert reply.content == "Your name is Ada."
    other = await discord.open_post(room.ada, forum.id, "Who am I?", f"<@{discord.bot}> what is my name?")
    [reply] = await answered(room, other)
    assert reply.content == "I do not know your name.", "posts never mix"


async def test_a_post_that_says_nothing_but_its_title_is_a_question_and_a_command_stays_one(room: Room) -> None:
    discord = room.discord
    forum = await discord.add_channel(room.guild, "questions", FORUM)
    first = await discord.open_post(room.ada, forum.id, "Why is the sky blue?", f"<@{discord.bot}>")
    [reply] = await answered(room, first)
    assert "Why is the sky blue?" in reply.content
    helped = await discord.open_post(room.ada, forum.id, "What can it do?", f"<@{discord.bot}> help")
    await discord.wait_reply(helped.channel, helped, lambda m: "I am an AI assistant" in m.content)


async def test_what_is_set_for_a_forum_holds_in_all_its_posts(room: Room) -> None:
    discord = room.discord
    forum = await discord.add_channel(room.guild, "questions", FORUM)
    first = await discord.open_post(room.ada, forum.id, "Settings", "said among us")
    used = await discord.command(room.ada, first.channel, "settings", answer_to="everything", where="channel")
    [page] = await discord.until(lambda: discord.answers(used), lambda found: bool(found and found[0].embeds))
    assert "everything _(channel)_" in page.embeds[0]["description"]
    refused = await discord.command(room.ben, first.channel, "settings", answer_to="mentions", where="channel")
    [page] = await discord.until(lambda: discord.answers(refused), lambda found: bool(found and found[0].content))
    assert "manage" in page.content
    second = await discord.open_post(room.ben, forum.id, "Nobody is named", "and still")
    [reply] = await answered(room, second)
    assert "and still" in reply.content


async def test_what_was_posted_in_a_forum_while_nobody_listened_is_answered_closed_posts_too(room: Room) -> None:
    discord = room.discord
    forum = await discord.add_channel(room.guild, "questions", FORUM)
    known = await discord.open_post(room.ada, forum.id, "Known", f"<@{discord.bot}> hello")
    await answered(room, known)
    await discord.refuse_sockets()
    await discord.forget_sessions()
    await discord.cut_sockets()
    open_ = await discord.open_post(room.ada, forum.id, "Open", f"<@{discord.bot}> nobody hears", silent=True)
    closed = await discord.open_post(room.ben, forum.id, "Closed", f"<@{discord.bot}> nobody hears", silent=True)
    await discord.change_thread(room.ben, closed.channel, archived=True)
    more = await discord.mention(room.ada, known.channel, "and more", silent=True)
    await discord.refuse_sockets(False)
    await discord.wait_connected()
    for said in (open_, closed, more):
        [reply] = await answered(room, said)
        assert reply.channel == said.channel


async def test_the_first_message_of_a_post_is_edited_and_deleted_like_any_other(room: Room) -> None:
    discord = room.discord
    forum = await discord.add_channel(room.guild, "questions", FORUM)

    async def asked(text: str) -> Message:
        first = await discord.open_post(room.ada, forum.id, "A post", f"<@{discord.bot}> {text}")
        await answered(room, first)
        return first

    async def holds(post: Message, *texts: str) -> None:
        await discord.until(
            lambda: history(room, post.channel),
            lambda h: [m.text.rpartition("\n")[2] for m in h.messages if m.role == "user" and m.text] == list(texts),
        )

    edited, deleted = await asked("first words"), await asked("to be deleted")
    await discord.edit(room.ada, edited.channel, edited.id, f"<@{discord.bot}> other words")
    await discord.delete(room.ada, deleted.channel, deleted.id)
    await holds(edited, "other words")
    await holds(deleted)
    edited, deleted = await asked("first words"), await asked("to be deleted")
    await discord.refuse_sockets()
    await discord.forget_sessions()
    await discord.cut_sockets()
    await discord.edit(room.ada, edited.channel, edited.id, f"<@{discord.bot}> other words", silent=True)
    await discord.delete(room.ada, deleted.channel, deleted.id, silent=True)
    await discord.refuse_sockets(False)
    await discord.wait_connected()
    await holds(edited, "other words")
    await holds(deleted)
