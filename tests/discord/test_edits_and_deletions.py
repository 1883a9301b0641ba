"""Edits and deletions of messages change what the bot remembers, and are not answered."""

from __future__ import annotations

from tests.discord.stack import Server
from tests.discord.steps import ask, hold_turn, read_history, wait_for_history
from tests.fakes.discord.control import make_file


async def test_edit_changes_memory_and_is_not_answered(server: Server) -> None:
    discord = server.discord
    question, _, _ = await ask(server, server.ada, server.channel, "my name is Ada")
    await discord.unfurl(server.channel, question.id, "A title", "https://x.test")
    await discord.edit(server.ada, server.channel, question.id, f"{server.mention} my name is Grace")
    other = await discord.post(server.ben, server.channel, "hello")
    await discord.edit(server.ben, server.channel, other.id, f"{server.mention} hello")
    _, reply, _ = await ask(server, server.ada, server.channel, "what is my name?")
    assert reply.content == "Your name is Grace."
    assert len(await discord.replies(server.channel)) == 2


async def test_message_that_is_edited_to_an_empty_text_leaves_memory(server: Server) -> None:
    files = [make_file("a.txt", b"some text", "text/plain")]
    question, _, _ = await ask(server, server.ada, server.channel, "my name is Ada", files=files)
    await server.discord.edit(server.ada, server.channel, question.id, "")
    _, reply, _ = await ask(server, server.ada, server.channel, "what is my name?")
    assert reply.content == "I do not know your name."


async def test_deleted_messages_leave_memory_history_and_queue(server: Server) -> None:
    discord = server.discord
    questions = [
        (await ask(server, server.ada, server.channel, f"my name is {name}")).question
        for name in ("Ada", "Grace", "Zoe")
    ]
    await discord.delete(server.ada, server.channel, questions[0].id)
    await discord.bulk_delete(server.channel, [question.id for question in questions[1:]])
    turn = await hold_turn(server, server.ada, server.channel, "a slow one")
    waiting = await discord.mention(server.ada, server.channel, "never mind")
    await wait_for_history(server, server.channel, lambda found: len(found.waiting) == 1)
    await discord.delete(server.ada, server.channel, waiting.id)
    await wait_for_history(server, server.channel, lambda found: not found.waiting)
    await turn.finish("at last")
    _, reply, _ = await ask(server, server.ada, server.channel, "what is my name?")
    assert reply.content == "I do not know your name."
    texts = [message.text for message in (await read_history(server, server.channel)).messages]
    assert not any("never mind" in text or text.startswith("my name is") for text in texts)
