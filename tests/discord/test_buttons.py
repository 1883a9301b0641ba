"""The buttons of replies: stop, try again, and feedback."""

from __future__ import annotations

from tests.discord.stack import Server
from tests.discord.steps import (
    ask,
    hold_turn,
    is_complete,
    read_history,
    set_rules,
    wait_for_followup,
    wait_for_history,
    wait_for_reply,
    wait_for_reply_messages,
)
from tests.fakes.discord.models import Message
from tests.fakes.model.protocol import ScriptedResponse


async def ask_and_fail(server: Server, text: str) -> Message:
    """Ask a question whose turn fails; return the reply."""
    await server.model.script(ScriptedResponse(kind="fail", status=401, body={"error": {"message": "no"}}))
    return await wait_for_reply(server, await server.discord.mention(server.ada, server.channel, text))


async def test_stopped_reply_keeps_its_text_and_is_regenerated_once_in_the_same_message(server: Server) -> None:
    discord = server.discord
    turn = await hold_turn(server, server.ada, server.channel, "a long story")
    await turn.write("Once upon")
    preview = await discord.wait_reply(server.channel, turn.question, lambda m: "Once upon" in m.content)
    pressed = await discord.click(server.ben, server.channel, preview.id, "Stop")
    assert pressed.state == "answered"
    stopped = await wait_for_reply(server, turn.question)
    assert "Once upon" in stopped.content and "stopped" in stopped.content
    assert (await read_history(server, server.channel)).messages[-1].status == "stopped"
    for person in (server.ada, server.ben):
        await discord.click(person, server.channel, preview.id, "Try again")
    await discord.wait_until(
        lambda: discord.replies(server.channel, turn.question), lambda found: "a long story" in found[0].content
    )
    await ask(server, server.ada, server.channel, "something else")
    assert [reply.id for reply in await discord.replies(server.channel, turn.question)] == [preview.id]
    messages = (await read_history(server, server.channel)).messages
    assert len([message for message in messages if message.role == "assistant"]) == 3


async def test_regenerated_long_reply_replaces_all_messages_of_the_old_one(server: Server) -> None:
    """Its second message is posted anew: Discord still knows the nonce of the deleted one."""
    discord = server.discord
    text = "\n".join(f"first {number:05d}" for number in range(300))
    turn = await hold_turn(server, server.ada, server.channel, "twice")
    await turn.write(text)
    preview = await discord.wait_reply(server.channel, turn.question, lambda m: "first 00299" in m.content)
    await discord.click(server.ada, server.channel, preview.id, "Stop")
    old = await wait_for_reply_messages(server, turn.question, at_least=2)
    await server.model.script(ScriptedResponse(text=text.replace("first", "later"), chunk=3000))
    await discord.click(server.ada, server.channel, old[-1].id, "Try again")
    new = await discord.wait_until(
        lambda: discord.replies(server.channel, turn.question),
        lambda found: len(found) == 2 and all(is_complete(m) and "later" in m.content for m in found),
    )
    assert new[0].id == old[0].id and new[1].id != old[1].id
    assert not any("first" in message.content for message in new)


async def test_only_the_last_reply_can_be_regenerated(server: Server) -> None:
    failed = await ask_and_fail(server, "will fail")
    await ask(server, server.ada, server.channel, "something else")
    number = await server.model.count_requests()
    pressed = await server.discord.click(server.ben, server.channel, failed.id, "Try again")
    notice = await wait_for_followup(server, pressed)
    assert "Only the last reply" in notice.content and notice.ephemeral_to == server.ben
    assert await server.model.requests(number) == []


async def test_try_again_respects_the_off_switch_and_blocked_people(server: Server) -> None:
    discord = server.discord
    failed = await ask_and_fail(server, "will fail")
    number = await server.model.count_requests()
    for rules, text in (({"off": True}, "switched off"), ({"off": False, "block": [server.ben]}, "may not answer you")):
        await set_rules(server, server.channel, **rules)
        pressed = await discord.click(server.ben, server.channel, failed.id, "Try again")
        notice = await wait_for_followup(server, pressed)
        assert text in notice.content and notice.ephemeral_to == server.ben
    assert await server.model.requests(number) == []
    await discord.click(server.ada, server.channel, failed.id, "Try again")
    await discord.wait_until(lambda: discord.message(server.channel, failed.id), lambda m: "echo: " in m.content)


async def test_feedback_is_stored_with_the_reply(server: Server) -> None:
    _, reply, _ = await ask(server, server.ada, server.channel, "how was I?")
    up, down = (button["custom_id"] for button in reply.buttons())
    await server.discord.click(server.ada, server.channel, reply.id, up)
    await server.discord.click(server.ben, server.channel, reply.id, down)
    history = await wait_for_history(server, server.channel, lambda found: len(found.messages[-1].feedback) == 2)
    assert history.messages[-1].feedback == {server.ada: "up", server.ben: "down"}
