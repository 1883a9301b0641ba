"""Each message gets one reply, whatever events the gateway repeats and whatever calls fail."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.discord.stack import DiscordStack, Server, create_server
from tests.discord.steps import (
    ask,
    is_complete,
    read_history,
    texts_of_users,
    wait_for_history,
    wait_for_reply,
    wait_until_idle,
)
from tests.fakes.discord.records import FaultKind

FAULTS: list[dict[str, Any]] = [
    {"route": "create_message", "kind": "cut"},
    {"route": "create_message", "kind": "commit_fail", "status": 500},
    {"route": "create_message", "kind": "late_commit", "delay": 1.0},
    # committed after the bot has looked for it in vain and has posted a second time
    {"route": "create_message", "kind": "late_commit", "delay": 6.0},
    {"route": "create_message", "kind": "ratelimited", "retry_after": 0.5, "scope": "global"},
    # sending is switched off for a while; too much was written in the channel; an old message was edited too often
    {"route": "create_message", "kind": "refuse", "status": 403, "code": 40004, "times": 2},
    {"route": "create_message", "kind": "refuse", "status": 403, "code": 20028, "times": 2},
    {"route": "edit_message", "kind": "refuse", "status": 400, "code": 30046, "times": 2},
    {"route": "edit_message", "kind": "commit_cut"},
    {"route": "edit_message", "kind": "fail", "status": 502},
    {"route": "edit_message", "kind": "ratelimited", "retry_after": 0.5},
]


async def test_resumed_session_that_repeats_events_answers_once(server: Server) -> None:
    discord = server.discord
    await discord.set_rules(replay_again=5)
    question, _, _ = await ask(server, server.ada, server.channel, "hello")
    await discord.request_reconnect()
    await discord.wait_connected()
    other = await discord.mention(server.ada, server.channel, "in between")
    await wait_for_reply(server, other)
    await wait_for_reply(server, question)
    assert len(await discord.replies(server.channel)) == 2


async def test_messages_of_a_channel_keep_their_order(server: Server) -> None:
    posted = await asyncio.gather(
        *(server.discord.mention(server.ada, server.channel, f"message {number}") for number in range(4))
    )
    order = [message.content.split("> ")[1] for message in sorted(posted, key=lambda message: int(message.id))]
    history = await wait_until_idle(server, server.channel, user_messages=4)
    assert texts_of_users(history) == order


async def test_failed_calls_neither_lose_nor_repeat_a_reply(shared_discord: DiscordStack) -> None:
    """Each fault that the bot treats differently, concurrently, each in a server of its own."""
    await shared_discord.reset_fakes()
    results = await asyncio.gather(
        *(_ask_with_fault(shared_discord, **fault) for fault in FAULTS), return_exceptions=True
    )
    failures = [f"{fault}: {error!r}" for fault, error in zip(FAULTS, results, strict=True) if error is not None]
    assert not failures, "\n".join(failures)


async def _ask_with_fault(stack: DiscordStack, route: str, kind: FaultKind, **options: Any) -> None:
    server = await create_server(stack)
    discord = server.discord
    await discord.add_fault(route, kind, contains=server.channel, **options)
    question = await discord.mention(server.ada, server.channel, "once please")
    await wait_for_reply(server, question)
    await discord.wait_until(
        lambda: discord.calls(route),
        lambda calls: any(
            call.fault == kind and server.channel in call.path and (call.committed or kind != "late_commit")
            for call in calls
        ),
    )
    [reply] = await discord.wait_until(lambda: discord.replies(server.channel), lambda found: len(found) == 1)
    assert is_complete(reply) and reply.content.count("once please") == 1, reply.revisions
    assert len(await discord.replies(server.channel)) == 1
    assert not (await read_history(server, server.channel)).messages[-1].undelivered


async def test_post_with_lost_response_is_found_after_its_nonce_has_expired(server: Server) -> None:
    """Discord takes the post, the response is lost, and Discord is unreachable until it has forgotten the nonce."""
    discord = server.discord
    await discord.add_fault("create_message", "commit_cut", contains=server.channel)
    question = await discord.mention(server.ada, server.channel, "are you there?")
    await discord.wait_until(lambda: discord.replies(server.channel, question))
    await discord.start_outage()
    await discord.set_rules(nonce_seconds=0.0)
    await wait_for_history(server, server.channel, lambda found: found.messages and not found.running)
    await discord.end_outage()
    reply = await wait_for_reply(server, question)
    await discord.wait_connected()
    assert "are you there?" in reply.content and len(await discord.replies(server.channel)) == 1
