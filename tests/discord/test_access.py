"""Access to the bot: allow and block lists, limits per person and per channel, and their notices."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.discord.stack import DiscordStack, Server, create_server
from tests.discord.steps import ask, read_history, start_thread, wait_for_history
from tests.fakes.discord.models import Channel, Message, User


@dataclass
class RestrictedServer:
    """A server that is not in the allow list itself; some of its members, and a channel, are in the lists."""

    server: Server
    cleo: User
    blocked_channel: Channel


@dataclass
class RestrictedBot:
    """A bot with access lists and limits.

    Attributes:
        restricted: only Ada has the allowed role, Cleo also has the blocked role, and one channel is blocked.
        allowed: an allowed server in which Ben is blocked.
    """

    restricted: RestrictedServer
    allowed: Server
    limited: Server


@pytest.fixture(scope="module")
async def restricted_bot(own_discord: DiscordStack) -> RestrictedBot:
    """Start the bot with access lists, and with limits of 2 messages per person and 3 per channel and minute."""
    await own_discord.restore_services()
    discord = own_discord.discord
    server, allowed, limited = [await create_server(own_discord) for _ in range(3)]
    blocked_channel = await discord.add_channel(server.guild, "other")
    crew = await discord.add_role(server.guild, "Crew")
    banned = await discord.add_role(server.guild, "Banned")
    cleo = await discord.add_user("cleo")
    await discord.join(cleo.id, server.guild, roles=[crew.id, banned.id])
    await discord.change_member(server.guild, server.ada, roles=[crew.id])
    await own_discord.bot.start(
        ACCESS_ALLOW=f"{crew.id} {allowed.guild} {limited.guild}",
        ACCESS_BLOCK=f"{blocked_channel.id}, {banned.id} {allowed.ben}",
        PERSON_MESSAGES_PER_MINUTE="2",
        CHANNEL_MESSAGES_PER_MINUTE="3",
    )
    return RestrictedBot(RestrictedServer(server, cleo, blocked_channel), allowed, limited)


async def first_reply(server: Server, message: Message) -> str:
    """Wait for the first reply to a message and return its text."""
    return (await server.discord.wait_reply(message.channel, message)).content


async def test_allow_and_block_lists_hold_servers_channels_roles_and_people(restricted_bot: RestrictedBot) -> None:
    server, allowed = restricted_bot.restricted.server, restricted_bot.allowed
    discord, blocked_channel = server.discord, restricted_bot.restricted.blocked_channel.id
    thread = await discord.start_thread(server.ada, blocked_channel, "aside")
    await ask(server, server.ada, server.channel, "my role is allowed")
    await ask(allowed, allowed.ada, allowed.channel, "my server is allowed")
    for place, person, channel in (
        (server, server.ben, server.channel),  # no allowed role
        (server, restricted_bot.restricted.cleo.id, server.channel),  # a blocked role
        (server, server.ada, blocked_channel),
        (server, server.ada, thread.id),  # a thread of the blocked channel
        (allowed, allowed.ben, allowed.channel),  # a blocked person
    ):
        message = await discord.mention(person, channel, "may I?")
        assert "may not answer" in await first_reply(place, message)


async def test_refusal_is_posted_once_per_person(restricted_bot: RestrictedBot) -> None:
    server = restricted_bot.allowed
    cleo = await server.discord.add_user("cleo-too")
    await server.discord.join(cleo.id, server.guild)
    channel = (await server.discord.add_channel(server.guild, "refusals")).id
    blocked = await server.discord.mention(server.ben, channel, "may I?")
    await first_reply(server, blocked)
    for number in range(3):
        await server.discord.mention(server.ben, channel, f"may I now? {number}")
    for number in range(2):
        await ask(server, cleo.id, channel, f"question {number}")
    limited = await server.discord.mention(cleo.id, channel, "and at once again")
    assert "Too many messages" in await first_reply(server, limited)
    again = await server.discord.mention(cleo.id, channel, "and again")
    await wait_for_history(server, channel, lambda found: found.messages[-1].text == "and again")
    # A later message that is answered: the replies to the earlier ones would be there by then.
    command = await server.discord.mention(cleo.id, channel, "help")
    await first_reply(server, command)
    assert not await server.discord.replies(channel, again)
    notices = [reply.reply_to for reply in await server.discord.replies(channel) if not reply.buttons()]
    assert notices == [blocked.id, limited.id, command.id]


async def test_limits_hold_per_person_and_per_channel_with_its_threads(restricted_bot: RestrictedBot) -> None:
    server = restricted_bot.limited
    for number in range(2):
        await ask(server, server.ada, server.channel, f"question {number}")
    message = await server.discord.mention(server.ada, server.channel, "above the person's limit")
    assert "Too many messages" in await first_reply(server, message)
    thread = await start_thread(server)
    await ask(server, server.ben, thread.id, "the third of this channel")
    message = await server.discord.mention(server.ben, thread.id, "above the channel's limit")
    assert "Too many messages" in await first_reply(server, message)
    # A refused message is not answered, but becomes context of the next question.
    messages = (await read_history(server, server.channel)).messages
    assert [m.status for m in messages if m.role == "user"] == ["answered", "answered", "noted"]
