"""Commands and buttons check the permissions of their user at the time of use."""

from __future__ import annotations

import pytest

from tests.discord.stack import Server
from tests.discord.steps import (
    ask,
    hold_turn,
    read_history,
    set_rules,
    start_thread,
    use_command,
    visible_text,
    wait_for_reply,
    wait_for_response,
)
from tests.fakes.discord.models import Interaction, Message

REFUSALS = {"blocked": "may not answer you", "without read permission": "may not read"}


@pytest.mark.parametrize("reason", REFUSALS)
async def test_person_without_access_reads_stops_and_changes_nothing(server: Server, reason: str) -> None:
    """Each button was shown while the person had access, and is used when they have none."""
    discord = server.discord
    for number in range(6):
        await discord.post(server.ada, server.channel, f"among us {number}")
    question, reply, _ = await ask(server, server.ada, server.channel, "among us alone")
    page = await use_command(server, server.ben, server.channel, "history")
    turn = await hold_turn(server, server.ada, server.channel, "a long one")
    growing = await discord.wait_reply(server.channel, turn.question, lambda m: m.buttons())
    if reason == "blocked":
        await set_rules(server, server.channel, block=[server.ben])
    else:
        await discord.set_overwrite(server.channel, server.ben, deny=["read_message_history"])
    ben, channel = server.ben, server.channel
    for used in (
        await discord.run_command(ben, channel, "history"),
        await discord.use_context_menu(ben, channel, "Show conversation history", question.id),
        await discord.click(ben, channel, page.id, "Export"),
        await discord.run_command(ben, channel, "stop"),
        await discord.run_command(ben, channel, "stop", everything=True),
        await discord.run_command(ben, channel, "reset"),
        await discord.run_command(ben, channel, "settings"),
        await discord.click(ben, channel, growing.id, "Stop"),
        await discord.click(ben, channel, reply.id, reply.buttons()[0]["custom_id"]),
    ):
        response = await wait_for_refusal(server, used, REFUSALS[reason])
        assert "among us" not in visible_text(response) and not response.embeds and not response.attachments
    await discord.click(ben, channel, page.id, "Older")
    await discord.wait_until(lambda: discord.message(channel, page.id), lambda m: REFUSALS[reason] in m.content)
    history = await read_history(server, channel)
    assert history.running is not None and not any(message.feedback for message in history.messages)
    await use_command(server, server.ada, channel, "stop")
    stopped = await wait_for_reply(server, turn.question)
    await wait_for_refusal(server, await discord.click(ben, channel, stopped.id, "Try again"), REFUSALS[reason])


async def wait_for_refusal(server: Server, used: Interaction, text: str) -> Message:
    """Wait until a response, or a message in addition to the pressed button's message, refuses with this text."""
    await server.discord.wait_until(
        lambda: server.discord.responses(used), lambda found: any(text in message.content for message in found)
    )
    return next(message for message in await server.discord.responses(used) if text in message.content)


async def test_blocked_manager_still_sees_the_settings(server: Server) -> None:
    await set_rules(server, server.channel, block=[server.ada])
    assert "model" in visible_text(await use_command(server, server.ada, server.channel, "settings"))


async def test_ask_is_refused_to_people_who_may_not_write_or_use_the_bot(server: Server) -> None:
    discord = server.discord
    thread = await start_thread(server)
    await discord.set_overwrite(server.channel, server.ben, deny=["send_messages", "send_messages_in_threads"])

    async def assert_refused(channel: str, text: str) -> None:
        response = await wait_for_response(
            server, await discord.run_command(server.ben, channel, "ask", question="BUY")
        )
        assert text in response.content and response.ephemeral_to == server.ben

    for channel in (server.channel, thread.id):
        await assert_refused(channel, "may not write in this channel")
    await discord.set_overwrite(server.channel, server.ben, allow=["send_messages"])
    await set_rules(server, server.channel, block=[server.ben])
    await assert_refused(server.channel, "may not answer you")
    await set_rules(server, server.channel, block=[], off=True)
    await assert_refused(server.channel, "switched off")
    assert not any("BUY" in message.content for message in await discord.messages(server.channel))
