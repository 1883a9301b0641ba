"""A reply that Discord refuses for good is stored with the reason, logged, and holds up nothing."""

from __future__ import annotations

import pytest

from tests.discord.stack import Server
from tests.discord.steps import ask, hold_turn, start_thread, wait_for_history, wait_for_log, wait_for_reactions


@pytest.mark.parametrize(
    ("obstacle", "code"),
    [
        ("bot removed", "50001"),
        ("thread locked", "50013"),
        ("message deleted", "10008"),
    ],
)
async def test_undelivered_reply_is_stored_and_the_next_question_is_answered(
    server: Server, obstacle: str, code: str
) -> None:
    discord = server.discord
    channel = (await start_thread(server)).id if obstacle == "thread locked" else server.channel
    turn = await hold_turn(server, server.ada, channel, "too late")
    preview = await discord.wait_reply(channel, turn.question, lambda m: True)
    match obstacle:
        case "bot removed":
            await discord.leave(discord.bot, server.guild)
        case "thread locked":
            await discord.change_thread(server.ada, channel, archived=True, locked=True)
        case "message deleted":
            await discord.delete(server.ada, channel, preview.id)
    await turn.finish("An answer")
    history = await wait_for_history(server, channel, lambda found: found.messages and found.messages[-1].undelivered)
    assert code in str(history.messages[-1].undelivered)
    await wait_for_log(server, f"{server.conversation(channel)} is undelivered")
    match obstacle:
        case "bot removed":
            await discord.join(discord.bot, server.guild)
        case "thread locked":
            await discord.change_thread(server.ada, channel, archived=False, locked=False)
        case "message deleted":
            await wait_for_reactions(server, [turn.question], set())
    await ask(server, server.ada, channel, "and now?")
