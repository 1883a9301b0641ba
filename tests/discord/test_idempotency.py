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

ROUTES = ("create_message", "edit_message")
KINDS: tuple[FaultKind, ...] = ("cut", "commit_cut", "commit_fail", "late_commit", "ratelimited", "fail")
LATE_SECONDS = 6.0
"""A post that is committed after the bot has looked for it in vain and has posted a second time."""
TRANSIENT_REFUSALS = (
    ("create_message", 403, 40004),  # sending is switched off for a while
    ("create_message", 403, 20028),  # too much was written in the channel
    ("edit_message", 400, 30046),  # an old message was edited too often
)


async def test_repeated_event_is_answered_once(server: Server) -> None:
    discord = server.discord
    question = await discord.mention(server.ada, server.channel, "hello")
    for event in await discord.create_events(question):
        await discord.redeliver(event, times=3)
    await wait_for_reply(server, question)
    await ask(server, server.ada, server.channel, "and again")
    assert len(await discord.replies(server.channel)) == 2


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
        *(server.discord.mention(server.ada, server.channel, f"message {number}") for number in range(8))
    )
    order = [message.content.split("> ")[1] for message in sorted(posted, key=lambda message: int(message.id))]
    history = await wait_until_idle(server, server.channel, user_messages=8)
    assert texts_of_users(history) == order


async def test_failed_calls_neither_lose_nor_repeat_a_reply(shared_discord: DiscordStack) -> None:
    """Every fault at every call of a reply, concurrently, each in a server of its own."""
    await shared_discord.reset_fakes()
    faults: list[dict[str, Any]] = [
        {"route": route, "kind": kind, "status": 502 if route == "edit_message" else 500, "delay": 1.0}
        for route in ROUTES
        for kind in KINDS
    ]
    faults.append({"route": "create_message", "kind": "late_commit", "delay": LATE_SECONDS})
    faults += [
        {"route": route, "kind": "refuse", "status": status, "code": code, "times": 2}
        for route, status, code in TRANSIENT_REFUSALS
    ]
    results = await asyncio.gather(
        *(_ask_with_fault(shared_discord, **fault) for fault in faults), return_exceptions=True
    )
    failures = [f"{fault}: {error!r}" for fault, error in zip(faults, results, strict=True) if error is not None]
    assert not failures, "\n".join(failures)


async def _ask_with_fault(stack: DiscordStack, route: str, kind: FaultKind, **options: Any) -> None:
    server = await create_server(stack)
    discord = server.discord
    await discord.add_fault(route, kind, retry_after=0.5, contains=server.channel, **options)
    question = await discord.mention(server.ada, server.channel, "once please")
    reply = await wait_for_reply(server, question)
    if kind == "late_commit":
        await discord.wait_until(
            lambda: discord.calls(route),
            lambda calls: any(call.fault == kind and call.committed and server.channel in call.path for call in calls),
        )
        [reply] = await discord.wait_until(lambda: discord.replies(server.channel), lambda found: len(found) == 1)
    assert is_complete(reply) and reply.content.count("once please") == 1, reply.revisions
    assert len(await discord.replies(server.channel)) == 1
    assert not (await read_history(server, server.channel)).messages[-1].undelivered


async def test_global_rate_limit_neither_loses_nor_repeats_a_reply(server: Server) -> None:
    discord = server.discord
    await discord.add_fault("create_message", "ratelimited", retry_after=1.0, scope="global", contains=server.channel)
    _, reply, _ = await ask(server, server.ada, server.channel, "hello")
    assert reply.content and len(await discord.replies(server.channel)) == 1


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
