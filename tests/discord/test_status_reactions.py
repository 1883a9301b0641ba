"""The 👀 reaction shows that the bot has received a message, until it is answered."""

from __future__ import annotations

from tests.discord.stack import Server
from tests.discord.steps import hold_turn, wait_for_reactions, wait_for_reply


async def test_received_messages_have_a_reaction_until_they_are_answered(server: Server) -> None:
    turn = await hold_turn(server, server.ada, server.channel, "a very long turn")
    await turn.write("Still ")
    second = await server.discord.mention(server.ada, server.channel, "and this?")
    third = await server.discord.mention(server.ben, server.channel, "and that?")
    questions = [turn.question, second, third]
    await wait_for_reactions(server, questions, {"👀"})
    await turn.finish("writing.")
    await wait_for_reply(server, third)
    await wait_for_reactions(server, questions, set())
