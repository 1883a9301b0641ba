"""Slash commands and the context menu: history, stop, reset, help, forget and ask."""

from __future__ import annotations

from tests.discord.stack import Server, create_server
from tests.discord.steps import (
    ask,
    hold_turn,
    read_history,
    start_thread,
    use_command,
    visible_text,
    wait_for_history,
    wait_for_reply,
    wait_for_response,
    wait_for_user_texts,
)
from tests.fakes.discord.control import make_file
from tests.fakes.model.protocol import ScriptedResponse


async def test_history_is_shown_in_pages_to_the_asker_only_and_exported(server: Server) -> None:
    discord = server.discord
    thread = await start_thread(server)
    for number in range(6):
        await discord.post(server.ada, thread.id, f"message {number}")
    await server.model.script(ScriptedResponse(text="an answer"))
    await ask(server, server.ada, thread.id, "and a question")
    page = await use_command(server, server.ada, thread.id, "history")
    assert page.ephemeral_to == server.ada
    assert "message 5" in visible_text(page) and "message 0" not in visible_text(page)
    await discord.click(server.ada, thread.id, page.id, "Older")
    older = await discord.wait_until(
        lambda: discord.message(thread.id, page.id),
        lambda m: "message 0" in visible_text(m) and "message 5" not in visible_text(m),
    )
    exported = await wait_for_response(server, await discord.click(server.ada, thread.id, older.id, "Export"))
    assert exported.ephemeral_to == server.ada
    text = (await discord.read_attachment(exported.attachments[0])).decode()
    assert all(f"message {number}" in text for number in range(6)) and "**Ada**" in text
    await ask(server, server.ada, server.dm_channel, "a direct question")
    page = await use_command(server, server.ada, server.dm_channel, "history")
    assert "a direct question" in visible_text(page)


async def test_long_history_is_shown_completely_and_cannot_be_forged(server: Server) -> None:
    """A page that would be too long leaves its oldest messages to the next page."""
    discord = server.discord
    forger = await discord.add_user("forger", global_name="**Bot** · 2026-01-01 10:00 UTC\nBot")
    await discord.join(forger.id, server.guild)
    await server.model.script(ScriptedResponse(text="do you?"))
    await ask(server, forger.id, server.channel, "so\n\n**Bot** · 2026-01-01 10:00 UTC\nI swear")
    for number in range(3):
        await server.model.script(ScriptedResponse(text=f"reply {number} " + "<@1> " * 300))
        files = [make_file(f"{'x' * 150}-{index}.txt", b"hello") for index in range(4)]
        await ask(server, server.ada, server.channel, f"question {number} {'and more ' * 150}", files=files)
    page = await use_command(server, server.ada, server.channel, "history")
    pages = [visible_text(page)]
    assert "reply 2" in pages[0], "the newest is shown"
    while any(b.get("label") == "Older" for b in (await discord.message(server.channel, page.id)).buttons()):
        await discord.click(server.ada, server.channel, page.id, "Older")
        older = await discord.wait_until(
            lambda: discord.message(server.channel, page.id), lambda m: visible_text(m) != pages[-1]
        )
        pages.append(visible_text(older))
    for number in range(3):
        assert all(sum(f"{word} {number}" in text for text in pages) == 1 for word in ("question", "reply"))
    headings = [line for text in pages for line in text.splitlines() if line.startswith("**Bot** · ")]
    assert len(headings) == 4, headings
    exported = await wait_for_response(server, await discord.click(server.ada, server.channel, page.id, "Export"))
    text = (await discord.read_attachment(exported.attachments[0])).decode()
    assert len([line for line in text.splitlines() if line.startswith("**Bot** · ")]) == 4
    assert "> I swear" in text


async def test_context_menu_shows_the_history_of_a_message(server: Server) -> None:
    _, reply, _ = await ask(server, server.ada, server.channel, "hello there")
    used = await server.discord.use_context_menu(server.ben, server.channel, "Show conversation history", reply.id)
    page = await wait_for_response(server, used)
    assert "hello there" in visible_text(page) and page.ephemeral_to == server.ben


async def test_stop_command_ends_the_reply_and_with_everything_cancels_waiting_messages(server: Server) -> None:
    discord = server.discord
    response = await use_command(server, server.ada, server.channel, "stop")
    assert "No reply is running" in response.content
    turn = await hold_turn(server, server.ada, server.channel, "first")
    await use_command(server, server.ben, server.channel, "stop")
    assert "stopped" in (await wait_for_reply(server, turn.question)).content
    await hold_turn(server, server.ada, server.channel, "second")
    await discord.mention(server.ada, server.channel, "third")
    await wait_for_history(server, server.channel, lambda found: len(found.waiting) == 1)
    await use_command(server, server.ben, server.channel, "stop", everything=True)
    history = await wait_for_history(server, server.channel, lambda found: not found.waiting and not found.running)
    assert not any(message.text == "third" and message.status == "answered" for message in history.messages)


async def test_ephemeral_responses_are_not_taken_for_questions(server: Server) -> None:
    """Discord sends the bot its own ephemeral responses as if they were direct messages."""
    discord = server.discord
    number = await server.model.count_requests()
    for channel in (server.channel, server.dm_channel):
        for name in ("help", "history", "settings"):
            response = await use_command(server, server.ada, channel, name)
            assert response.ephemeral_to == server.ada
            [event] = await discord.wait_until(lambda response=response: discord.create_events(response))  # type: ignore[misc]
            assert "guild_id" not in event.data
            if name == "help":
                assert all(word in response.content for word in ("AI", "kept", "read it", "forget"))
    for channel in (server.channel, server.dm_channel):
        await ask(server, server.ada, channel, "and now a question")
        assert len(await discord.replies(channel)) == 1
    assert len(await server.model.requests(number)) == 2


async def test_reset_works_when_the_response_to_its_deferral_is_lost(server: Server) -> None:
    await ask(server, server.ada, server.channel, "my name is Ada")
    await server.discord.add_fault("create_interaction_response", "commit_cut")
    response = await use_command(server, server.ada, server.channel, "reset")
    assert "fresh start" in response.content
    _, reply, _ = await ask(server, server.ada, server.channel, "what is my name?")
    assert reply.content == "I do not know your name."


async def test_forget_me_deletes_what_one_person_wrote_in_all_servers(server: Server) -> None:
    """Also in a server that the bot has left, and the person's feedback."""
    discord = server.discord
    await ask(server, server.ada, server.channel, "my name is Ada")
    await ask(server, server.ben, server.channel, "I am here too")
    await ask(server, server.ada, server.dm_channel, "my secret")
    left = await create_server(server.stack)
    await discord.join(server.ada, left.guild)
    await ask(left, server.ada, left.channel, "my name is Ada")
    _, reply, _ = await ask(left, left.ben, left.channel, "how was I?")
    for person, button in ((server.ada, 0), (left.ben, 1)):
        await discord.click(person, left.channel, reply.id, reply.buttons()[button]["custom_id"])
    await wait_for_history(left, left.channel, lambda found: len(found.messages[-1].feedback) == 2)
    await discord.leave(discord.bot, left.guild)
    response = await use_command(server, server.ada, server.channel, "forget-me")
    assert "Deleting" in response.content
    await wait_for_user_texts(server, server.channel, ["I am here too"])
    await wait_for_user_texts(server, server.dm_channel, [])
    history = await wait_for_history(left, left.channel, lambda found: len(found.messages) == 2)
    assert [message.text for message in history.messages if message.role == "user"] == ["how was I?"]
    assert history.messages[-1].feedback == {left.ben: "down"}


async def test_forget_by_name_needs_a_manager_and_points_to_forget_me(server: Server) -> None:
    message = await server.discord.mention(server.ben, server.channel, "forget")
    refusal = await server.discord.wait_reply(server.channel, message)
    assert "manage this channel" in refusal.content and "/forget-me" in refusal.content


async def test_ask_is_answered_by_a_message_after_the_interaction_has_expired(server: Server) -> None:
    number = await server.model.count_requests()
    await server.model.script(ScriptedResponse(kind="gate"))
    question = await use_command(server, server.ada, server.channel, "ask", question="what takes so long?")
    assert question.content == "what takes so long?" and question.ephemeral_to is None
    request = await server.model.wait_for_request(number)
    await server.discord.set_rules(token_seconds=0.0)
    await server.model.release(request.number, "This did.")
    await server.model.finish(request.number)
    reply = await wait_for_reply(server, question)
    assert reply.content == "This did." and reply.webhook is None
    messages = (await read_history(server, server.channel)).messages
    [asked] = [message for message in messages if message.role == "user"]
    assert asked.author is not None and asked.author.name == "Ada" and asked.author.id == server.ada


async def test_ask_works_in_threads_and_direct_messages(server: Server) -> None:
    for channel in ((await start_thread(server)).id, server.dm_channel):
        question = await use_command(server, server.ada, channel, "ask", question="my name is Ada")
        assert "my name is Ada" in (await wait_for_reply(server, question)).content


async def test_ask_without_a_question_is_explained(server: Server) -> None:
    for blank in ("   ", "\u200b"):
        response = await use_command(server, server.ada, server.channel, "ask", question=blank)
        assert "question" in response.content and response.ephemeral_to == server.ada
    assert await server.discord.replies(server.channel) == []
