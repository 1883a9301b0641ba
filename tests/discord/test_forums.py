"""Forums and media channels: a post is a thread, and its first message is in it and has the thread's id."""

from __future__ import annotations

from tests.discord.stack import Server
from tests.discord.steps import (
    ask,
    lose_session,
    prompt_text,
    texts_of_users,
    use_command,
    visible_text,
    wait_for_history,
    wait_for_reactions,
    wait_for_reply,
)
from tests.fakes.discord.models import FORUM, MEDIA, Message
from tests.fakes.model.protocol import ScriptedResponse


async def test_post_is_answered_in_itself_and_its_title_is_read(server: Server) -> None:
    discord = server.discord
    forum = await discord.add_channel(server.guild, "questions", FORUM)
    media = await discord.add_channel(server.guild, "pictures", MEDIA)
    number = await server.model.count_requests()
    await server.model.script(ScriptedResponse(kind="gate"))
    first = await discord.create_forum_post(server.ada, forum.id, "My name is Ada", f"{server.mention} is it not?")
    await wait_for_reactions(server, [first], {"👀"})
    request = await server.model.wait_for_request(number)
    assert "(a post with the title: My name is Ada)\nis it not?" in prompt_text(request)
    await server.model.release(request.number, "It is.")
    await server.model.finish(request.number)
    reply = await wait_for_reply(server, first)
    assert reply.reply_to == first.id and reply.content == "It is."
    await wait_for_reactions(server, [first], set())
    _, reply, _ = await ask(server, server.ada, first.channel, "what is my name?")
    assert reply.content == "Your name is Ada."
    for channel in (forum, media):
        other = await discord.create_forum_post(
            server.ada, channel.id, "Who am I?", f"{server.mention} what is my name?"
        )
        assert (await wait_for_reply(server, other)).content == "I do not know your name.", "posts do not mix"


async def test_post_with_only_a_title_is_a_question_and_a_command_is_no_question(server: Server) -> None:
    discord = server.discord
    forum = await discord.add_channel(server.guild, "questions", FORUM)
    first = await discord.create_forum_post(server.ada, forum.id, "Why is the sky blue?", server.mention)
    assert "Why is the sky blue?" in (await wait_for_reply(server, first)).content
    command = await discord.create_forum_post(server.ada, forum.id, "What can it do?", f"{server.mention} help")
    await discord.wait_reply(command.channel, command, lambda m: "I am an AI assistant" in m.content)


async def test_settings_of_a_forum_hold_in_its_posts(server: Server) -> None:
    discord = server.discord
    forum = await discord.add_channel(server.guild, "questions", FORUM)
    first = await discord.create_forum_post(server.ada, forum.id, "Settings", "a remark")
    page = await use_command(server, server.ada, first.channel, "settings", answer_to="everything", where="channel")
    assert "everything _(channel)_" in visible_text(page)
    refusal = await use_command(server, server.ben, first.channel, "settings", answer_to="mentions", where="channel")
    assert "manage" in refusal.content
    second = await discord.create_forum_post(server.ben, forum.id, "No mention", "and still")
    assert "and still" in (await wait_for_reply(server, second)).content


async def test_first_message_of_a_post_is_edited_and_deleted(server: Server) -> None:
    forum = await server.discord.add_channel(server.guild, "questions", FORUM)
    edited, deleted = [await open_answered_post(server, forum.id) for _ in range(2)]
    await edit_and_delete(server, edited, deleted)


async def test_missed_posts_edits_and_deletions_are_found_also_in_archived_posts(own_server: Server) -> None:
    server, discord = own_server, own_server.discord
    forum = await discord.add_channel(server.guild, "questions", FORUM)
    known, edited, deleted = [await open_answered_post(server, forum.id) for _ in range(3)]
    text = f"{server.mention} is anybody there?"
    missed = [await discord.create_forum_post(server.ada, forum.id, "Open", text, silent=True)]
    missed.append(await discord.create_forum_post(server.ben, forum.id, "Closed", text, silent=True))
    await discord.change_thread(server.ben, missed[-1].channel, archived=True)
    missed.append(await discord.mention(server.ada, known.channel, "and more", silent=True))
    await edit_and_delete(server, edited, deleted, silent=True)
    for question in missed:
        assert (await wait_for_reply(server, question)).channel == question.channel


async def open_answered_post(server: Server, forum: str) -> Message:
    first = await server.discord.create_forum_post(server.ada, forum, "A post", f"{server.mention} first words")
    await wait_for_reply(server, first)
    return first


async def edit_and_delete(server: Server, edited: Message, deleted: Message, *, silent: bool = False) -> None:
    """Edit and delete first messages, and wait until the conversations have changed. With `silent` the bot gets no
    event, but starts a new session."""
    text = f"{server.mention} other words"
    await server.discord.edit(server.ada, edited.channel, edited.id, text, silent=silent)
    await server.discord.delete(server.ada, deleted.channel, deleted.id, silent=silent)
    if silent:
        await lose_session(server.discord)
    await wait_for_first_message(server, edited, ["other words"])
    await wait_for_first_message(server, deleted, [])


async def wait_for_first_message(server: Server, post: Message, texts: list[str]) -> None:
    """Wait until a post's conversation holds these messages of users, without the line with the post's title."""
    await wait_for_history(
        server,
        post.channel,
        lambda found: [text.rpartition("\n")[2] for text in texts_of_users(found) if text] == texts,
    )
