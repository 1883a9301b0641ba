"""One reply per message, whatever the gateway repeats and whatever the network eats."""

from __future__ import annotations

import asyncio

import pytest

from tests.discord.rooms import GATE, Room, answered, asks, history, is_done, new_room
from tests.discord.stack import World
from tests.fakes.discord.models import FaultKind, Message

ROUTES = ("create_message", "edit_message")
KINDS: tuple[FaultKind, ...] = ("cut", "commit_cut", "commit_fail", "late_commit", "ratelimited", "fail")
LATER = 6.0
"""Seconds: a commit that comes after the message was looked for in vain, and posted a second time."""


async def test_the_same_event_again_is_answered_once(room: Room) -> None:
    discord = room.discord
    said = await discord.mention(room.ada, room.channel, "hello")
    for event in await discord.events_of(said):
        await discord.repeat(event, times=3)
    await answered(room, said)
    await asks(room, room.ada, room.channel, f"<@{discord.bot}> and again")
    assert len(await discord.replies(room.channel)) == 2


async def test_the_order_of_a_channel_is_kept(room: Room) -> None:
    discord = room.discord
    said = await asyncio.gather(*(discord.mention(room.ada, room.channel, f"line {n}") for n in range(8)))
    order = [m.content.split("> ")[1] for m in sorted(said, key=lambda m: int(m.id))]
    whole = await discord.until(
        lambda: history(room, room.channel),
        lambda h: not h.waiting and not h.running and len([m for m in h.messages if m.role == "user"]) == 8,
    )
    assert [m.text for m in whole.messages if m.role == "user"] == order


async def test_what_the_network_eats_shows_nowhere(shared_world: World) -> None:
    """Every fault at every call a reply makes, side by side: each in a channel of its own."""
    await shared_world.model.clear()
    await shared_world.discord.clear()
    cases = [*((route, kind, 1.0) for route in ROUTES for kind in KINDS), ("create_message", "late_commit", LATER)]
    wrong = await asyncio.gather(*(_is_eaten(shared_world, *case) for case in cases), return_exceptions=True)
    told = [f"{case}: {error!r}" for case, error in zip(cases, wrong, strict=True) if error is not None]
    assert not told, "\n".join(told)


async def _is_eaten(world: World, route: str, kind: FaultKind, delay: float) -> None:
    room = await new_room(world)
    status = 502 if route == "edit_message" else 500
    await room.discord.fault(route, kind, status=status, delay=delay, retry_after=0.5, contains=room.channel)
    said = await room.discord.mention(room.ada, room.channel, "once please")
    [reply] = await answered(room, said)
    if kind == "late_commit":
        await room.discord.until(
            lambda: room.discord.calls(route),
            lambda calls: any(one.fault == kind and one.committed and room.channel in one.path for one in calls),
        )
        [reply] = await room.discord.replies(room.channel)
    assert is_done(reply) and reply.content.count("once please") == 1, reply.revisions
    assert len(await room.discord.replies(room.channel)) == 1


async def test_a_global_rate_limit_delays_and_doubles_nothing(room: Room) -> None:
    await room.discord.fault("create_message", "ratelimited", retry_after=1.0, scope="global", contains=room.channel)
    _, reply, _ = await asks(room, room.ada, room.channel, f"<@{room.discord.bot}> hello")
    assert reply.content and len(await room.discord.replies(room.channel)) == 1


@pytest.mark.parametrize(
    ("route", "status", "code"),
    [("create_message", 403, 40004), ("create_message", 403, 20028), ("edit_message", 400, 30046)],
)
async def test_a_refusal_that_passes_is_waited_for(room: Room, route: str, status: int, code: int) -> None:
    """Sending switched off for a while, a channel written in too much, an old message edited too often."""
    await room.discord.fault(route, "refuse", status=status, code=code, times=2, contains=room.channel)
    _, reply, _ = await asks(room, room.ada, room.channel, f"<@{room.discord.bot}> hello")
    assert "hello" in reply.content and len(await room.discord.replies(room.channel)) == 1
    whole = await history(room, room.channel)
    assert not whole.messages[-1].undelivered


async def test_discord_away_longer_than_it_remembers_nonces(room: Room) -> None:
    """The post was taken, the answer to it was lost, and ten minutes later the nonce is forgotten."""
    discord = room.discord
    await discord.fault("create_message", "commit_cut", contains=room.channel)
    said = await discord.mention(room.ada, room.channel, "are you there?")
    await discord.until(lambda: discord.replies(room.channel, said))
    await discord.down()
    await discord.advance(700)
    await discord.until(lambda: history(room, room.channel), lambda h: h.messages and not h.running)
    await discord.up()
    [reply] = await answered(room, said)
    await discord.wait_connected()
    assert "are you there?" in reply.content and len(await discord.replies(room.channel)) == 1


async def test_what_was_said_between_two_sessions_is_answered_in_order(room: Room) -> None:
    discord = room.discord
    await asks(room, room.ada, room.channel, f"<@{discord.bot}> hello")
    await asks(room, room.ada, room.direct, "hello")
    thread = await discord.start_thread(room.ada, room.channel, "aside", None, type=11)
    await discord.refuse_sockets()
    await discord.forget_sessions()
    await discord.cut_sockets()
    silent = [await discord.mention(room.ada, room.channel, f"nobody hears {n}", silent=True) for n in range(2)]
    aside = await discord.mention(room.ben, thread.id, "nor this", silent=True)
    direct = await discord.post(room.ada, room.direct, "nor that", silent=True)
    await discord.refuse_sockets(False)
    await discord.wait_connected()
    live = await discord.mention(room.ada, room.channel, "but this")
    for said in (*silent, aside, direct, live):
        await discord.wait_reply(said.channel, None, lambda m: is_done(m) and not m.deleted)
    whole = await discord.until(
        lambda: history(room, room.channel),
        lambda h: not h.running and not h.waiting and any(m.text == "but this" for m in h.messages),
    )
    texts = [m.text for m in whole.messages if m.role == "user"]
    assert texts == ["hello", "nobody hears 0", "nobody hears 1", "but this"]
    for channel in (thread.id, room.direct):
        await discord.until(lambda c=channel: history(room, c), lambda h: h.messages and not h.running)  # type: ignore[misc]


async def test_a_resumed_session_that_repeats_events_doubles_nothing(room: Room) -> None:
    discord = room.discord
    await discord.rules(replay_again=5)
    try:
        said, _, _ = await asks(room, room.ada, room.channel, f"<@{discord.bot}> hello")
        await discord.reconnect()
        await discord.wait_connected()
        missed = await discord.mention(room.ada, room.channel, "in between")
        await answered(room, missed)
        await answered(room, said)
        assert len(await discord.replies(room.channel)) == 2
    finally:
        await discord.rules(replay_again=0)


async def undeliverable(room: Room, channel: str, word: str) -> None:
    """The turn is kept with the reason, the operator's log has it."""
    whole = await room.discord.until(
        lambda: history(room, channel), lambda h: h.messages and h.messages[-1].undelivered
    )
    assert word in str(whole.messages[-1].undelivered)
    assert channel in room.world.bot.log and "undelivered" in room.world.bot.log


@pytest.mark.parametrize(
    ("what", "word"),
    [
        *[("channel gone", "10003"), ("bot removed", "50001"), ("permission missing", "50001")],
        *[("thread locked", "50013"), ("message deleted", "10008")],
    ],
)
async def test_what_cannot_be_delivered_is_kept_told_and_holds_up_nothing(room: Room, what: str, word: str) -> None:
    discord, model = room.discord, room.model
    place = room.channel
    if what == "thread locked":
        place = (await discord.start_thread(room.ada, room.channel, "aside", None, type=11)).id
    number = await model.count()
    await model.script(GATE)
    said = await discord.mention(room.ada, place, "too late")
    running = await model.wait(number)
    message: Message = await discord.wait_reply(place, said, lambda m: True)
    match what:
        case "channel gone":
            await discord.delete_channel(place)
        case "bot removed":
            await discord.leave(discord.bot, room.guild)
        case "permission missing":
            await discord.overwrite(place, discord.bot, deny=["view_channel"])
        case "thread locked":
            await discord.change_thread(room.ada, place, archived=True, locked=True)
        case "message deleted":
            await discord.delete(room.ada, place, message.id)
    await model.release(running.number, "An answer")
    await model.finish(running.number)
    await undeliverable(room, place, word)
    if what == "message deleted":
        await discord.until(lambda: discord.message(place, said.id), lambda m: not m.reactions)
    if what == "channel gone":
        return
    if what == "bot removed":
        await discord.join(discord.bot, room.guild)
    if what == "permission missing":
        await discord.overwrite(place, discord.bot, allow=["view_channel"])
    if what == "thread locked":
        await discord.change_thread(room.ada, place, archived=False, locked=False)
    again = await discord.mention(room.ada, place, "and now?")
    await answered(room, again)


async def test_an_archived_thread_goes_on(room: Room) -> None:
    discord, model = room.discord, room.model
    thread = await discord.start_thread(room.ada, room.channel, "aside", None, type=11)
    await asks(room, room.ada, thread.id, f"<@{discord.bot}> my name is Ada")
    await discord.advance(5 * 86_400)
    assert (await discord.channel(thread.id)).thread.archived  # type: ignore[union-attr]
    number = await model.count()
    await model.script(GATE)
    said = await discord.mention(room.ada, thread.id, "what is my name?")
    running = await model.wait(number)
    await discord.wait_reply(thread.id, said, lambda m: True)
    await discord.change_thread(room.ada, thread.id, archived=True)  # while it is being answered
    await model.release(running.number, "Ada, days later")
    await model.finish(running.number)
    [reply] = await answered(room, said)
    assert reply.content == "Ada, days later"
    assert "my name is Ada" in str((await model.requests(number))[0].body)
