"""Threads: replies in a thread per question, archived threads, and channels where no thread can be created."""

from __future__ import annotations

from types import NoneType

from bots.common.events import PlatformEvent, intake_handler
from bots.discord.message_snapshot import MessageSnapshot
from chat_service.contracts import utc
from tests.discord.stack import DiscordStack, Server, create_server
from tests.discord.steps import (
    ask,
    hold_turn,
    is_complete,
    prompt_text,
    set_rules,
    start_thread,
    wait_for_history,
    wait_for_reply,
)
from tests.fakes.discord.control import BOT_PERMISSIONS
from tests.fakes.discord.models import Message


async def test_reply_in_a_thread_continues_there_without_mentions(server: Server) -> None:
    discord = server.discord
    await set_rules(server, server.channel, answer_in="thread")
    question = await discord.mention(server.ada, server.channel, "my name is Ada")
    await discord.wait_reply(question.id, None, is_complete)
    await ask(server, server.ben, question.id, "what is my name?", mention=False)
    other = await discord.mention(server.ada, server.channel, "what is my name?")
    reply = await discord.wait_reply(other.id, None, is_complete)
    assert reply.content == "I do not know your name."
    assert await discord.replies(server.channel) == []
    names = sorted(thread.name for thread in await discord.threads(server.channel))
    assert names == ["my name is Ada", "what is my name?"]


async def test_repeated_message_keeps_its_thread_after_a_change_of_settings(server: Server) -> None:
    """A backfill after a change of the settings finds the message again: it keeps its conversation."""
    discord = server.discord
    await set_rules(server, server.channel, answer_in="thread")
    question = await discord.mention(server.ada, server.channel, "only once")
    await discord.wait_reply(question.id, None, is_complete)
    await set_rules(server, server.channel, answer_in="channel")
    await send_to_intake_again(server, question)
    await ask(server, server.ada, server.channel, "and this in the channel")
    assert len(await discord.replies(server.channel)) == 1
    assert [reply.content[:5] for reply in await discord.replies(question.id) if reply.buttons()] == ["echo:"]
    await discord.edit(server.ada, server.channel, question.id, f"{server.mention} changed words")
    await wait_for_history(server, question.id, lambda found: found.messages[0].text == "changed words")


async def send_to_intake_again(server: Server, question: Message) -> None:
    """Send a message to the intake as a backfill does after Restate has forgotten its idempotency key."""
    event, *_ = await server.discord.create_events(question)  # one for each session of the bot
    snapshot = MessageSnapshot(
        id=question.id,
        channel_id=question.channel,
        guild_id=server.guild,
        text=event.data["content"],
        author_id=question.author,
        author_name="Ada",
        created_at=utc(question.created),
        mentions_bot=True,
    )
    async with server.stack.stack.ingress() as ingress:
        repeated = PlatformEvent(raw=snapshot.model_dump(mode="json"), backfill_run="again")
        sent = await ingress.send(intake_handler("discord"), snapshot.conversation, repeated)
        await ingress.attach(sent.invocationId, NoneType)


async def test_reply_goes_into_the_channel_where_no_thread_can_be_created(shared_discord: DiscordStack) -> None:
    server = await create_server(
        shared_discord, tuple(permission for permission in BOT_PERMISSIONS if permission != "create_public_threads")
    )
    await server.discord.change_role(server.guild, server.guild, deny=["create_public_threads"])
    await set_rules(server, server.channel, answer_in="thread")
    _, reply, _ = await ask(server, server.ada, server.channel, "hello")
    assert reply.channel == server.channel


async def test_thread_that_is_archived_during_a_turn_gets_the_reply(server: Server) -> None:
    discord = server.discord
    thread = await start_thread(server)
    await ask(server, server.ada, thread.id, "my name is Ada")
    await discord.change_thread(server.ada, thread.id, archived=True)
    turn = await hold_turn(server, server.ada, thread.id, "what is my name?")
    await discord.wait_reply(thread.id, turn.question, lambda m: True)
    await discord.change_thread(server.ada, thread.id, archived=True)
    await turn.finish("Ada, days later")
    reply = await wait_for_reply(server, turn.question)
    assert reply.content == "Ada, days later"
    assert "my name is Ada" in prompt_text(turn.request)
