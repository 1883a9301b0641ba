"""One reply per message, whatever Slack repeats and whatever the network eats."""

from __future__ import annotations

import asyncio

import pytest

from chat_service import handlers
from chat_service.contracts import TurnRequest
from tests.fakes.model.protocol import Behaviour
from tests.fakes.slack.control import settle
from tests.fakes.slack.models import FaultKind, Message
from tests.slack.conftest import Room, new_room
from tests.slack.stack import World
from tests.slack.test_answers import finished, shown
from tests.slack.test_talk import GATE, asks, history

NO_STREAM = "channel_type_not_supported"


async def test_the_same_event_four_times_is_answered_once(room: Room) -> None:
    slack = room.slack
    said = await slack.mention(room.ada, room.channel, "hello")
    for one in await slack.wait_acked(said):
        await slack.again(one.number, times=3)
    await finished(room, room.channel, said.ts)
    await asks(room, room.ada, room.channel, "and again", thread_ts=said.ts)
    assert len(await slack.replies(room.channel)) == 2


async def test_the_order_of_a_thread_is_kept(room: Room) -> None:
    slack = room.slack
    root, _ = await asks(room, room.ada, room.channel, f"<@{slack.bot}> start")
    said = await asyncio.gather(*(slack.post(room.ada, room.channel, f"line {n}", thread_ts=root.ts) for n in range(8)))
    order = [m.text for m in sorted(said, key=lambda m: m.ts)]
    whole = await slack.until(
        lambda: history(room, room.channel, root.ts),
        lambda h: not h.waiting and not h.running and len([m for m in h.messages if m.role == "user"]) == 9,
    )
    assert [m.text for m in whole.messages if m.role == "user"][1:] == order


METHODS = ("chat.startStream", "chat.appendStream", "chat.stopStream", "chat.postMessage", "chat.update")
KINDS: tuple[FaultKind, ...] = ("cut", "commit_cut", "commit_fail", "late_commit", "ratelimited", "fail")


async def test_what_the_network_eats_shows_nowhere(shared_world: World) -> None:
    """Every fault at every call a reply makes, side by side: each in a channel of its own."""
    await shared_world.model.clear()
    await shared_world.slack.clear()
    cases = [(method, kind) for method in METHODS for kind in KINDS]
    wrong = await asyncio.gather(*(_is_eaten(shared_world, *case) for case in cases), return_exceptions=True)
    told = [f"{case}: {error!r}" for case, error in zip(cases, wrong, strict=True) if error is not None]
    assert not told, "\n".join(told)


async def _is_eaten(world: World, method: str, kind: FaultKind) -> None:
    room = await new_room(world)
    slack = room.slack
    if method in ("chat.postMessage", "chat.update"):
        await slack.fault("chat.startStream", "refuse", error=NO_STREAM, contains=room.channel)
    await slack.fault(method, kind, delay=1.0, contains=room.channel)
    said = await slack.mention(room.ada, room.channel, "once please")
    await finished(room, room.channel, said.ts)
    await settle(2.0 if kind == "late_commit" else 0.2)
    [reply] = await slack.replies(room.channel, said.ts)
    assert shown(reply).count("once please") == 1, reply.revisions
    assert reply.stream is None or reply.stream.state == "completed", reply.stream


async def test_a_stream_that_slack_opens_late_leaves_no_second_message(room: Room) -> None:
    """Later than anybody waits before looking: it is found afterwards, also when it comes in the middle of the turn."""
    slack = room.slack
    await slack.fault("chat.startStream", "late_commit", delay=5.0, contains=room.channel)
    said = await slack.mention(room.ada, room.channel, "once please")
    await finished(room, room.channel, said.ts)
    late = lambda found: len(found) == 2  # noqa: E731
    await slack.until(lambda: slack.replies(room.channel, said.ts), late)
    await asks(room, room.ada, room.direct, "something else meanwhile")
    [reply] = await slack.until(lambda: slack.replies(room.channel, said.ts), lambda found: len(found) == 1)
    assert "once please" in shown(reply) and reply.stream and reply.stream.state == "completed"


async def test_a_word_to_one_person_is_never_said_twice(room: Room) -> None:
    slack = room.slack
    await slack.fault("chat.postEphemeral", "commit_cut", contains=room.ada)
    await slack.mention(room.ada, room.channel, "help")
    await asks(room, room.ada, room.channel, f"<@{slack.bot}> and a question")
    await settle(1.0)
    assert len(await slack.ephemerals(room.channel, room.ada)) == 1


@pytest.mark.parametrize("word", ["rate_limited", "team_added_to_org", "a_word_nobody_knows"])
@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
async def test_what_slack_refuses_for_a_moment_is_delivered_after_it(room: Room, method: str, word: str) -> None:
    slack = room.slack
    await slack.fault("chat.startStream", "refuse", error=NO_STREAM, contains=room.channel)
    await slack.fault(method, "refuse", error=word, times=2, contains=room.channel)
    said = await slack.mention(room.ada, room.channel, "be patient")
    [reply] = await finished(room, room.channel, said.ts)
    assert "be patient" in shown(reply)


async def test_what_slack_goes_on_refusing_has_an_end(room: Room) -> None:
    slack, model = room.slack, room.world.model
    await slack.fault("chat.startStream", "refuse", error=NO_STREAM, times=2, contains=room.channel)
    await slack.fault("chat.update", "refuse", error="a_word_nobody_knows", times=20, contains=room.channel)
    said = await slack.mention(room.ada, room.channel, "in vain")
    await undeliverable(room, said.ts, "a_word_nobody_knows")
    await slack.clear()
    # A reply that is shorter than the one it stands in for takes a message away; that it may not holds up nothing.
    await model.script(Behaviour(text="many words\n\n" * 1_000, chunk=4_000))
    long = await slack.mention(room.ada, room.channel, "at length")
    parts = await finished(room, room.channel, long.ts, 2)
    await slack.fault("chat.delete", "refuse", error="a_word_nobody_knows", times=20, contains=room.channel)
    await model.script(Behaviour(text="in short"))
    async with room.world.stack.ingress() as ingress:
        await ingress.send(handlers.CHAT_REGENERATE, room.world.key(room.channel, long.ts), TurnRequest())
    await slack.wait_reply(room.channel, long.ts, lambda m: shown(m) == "in short")
    await asks(room, room.ada, room.channel, "and now?", thread_ts=long.ts)
    assert len(parts) == 2


async def test_slack_away_delays_and_loses_nothing(room: Room) -> None:
    slack, model = room.slack, room.world.model
    number = await model.count()
    await model.script(GATE)
    said = await slack.mention(room.ada, room.channel, "are you there?")
    running = await model.wait(number)
    await slack.down("503")
    await model.release(running.number, "Yes.")
    await model.finish(running.number)
    await slack.until(lambda: history(room, room.channel, said.ts), lambda h: h.messages and not h.running)
    await settle(1.0)
    await slack.up()
    [reply] = await finished(room, room.channel, said.ts)
    assert shown(reply) == "Yes."
    await slack.wait_connected()


async def test_what_was_said_while_the_connection_was_gone_is_answered(room: Room) -> None:
    slack = room.slack
    root, _ = await asks(room, room.ada, room.channel, f"<@{slack.bot}> hello")
    await slack.refuse_sockets()
    await slack.cut_sockets()
    silent = await slack.mention(room.ada, room.channel, "nobody hears this", silent=True)
    reply = await slack.post(room.ada, room.channel, "nor this", thread_ts=root.ts, silent=True)
    await slack.refuse_sockets(False)
    await slack.wait_connected()
    await slack.wait_reply(room.channel, silent.ts, lambda m: "nobody hears this" in shown(m))
    await slack.wait_reply(room.channel, root.ts, lambda m: m.ts > reply.ts and "nor this" in shown(m))
    assert len(await slack.replies(room.channel)) == 3


async def test_an_address_of_a_socket_that_went_stale_is_asked_for_anew(room: Room) -> None:
    slack = room.slack
    before = len(await slack.calls("apps.connections.open"))
    await slack.refuse_sockets()
    await slack.cut_sockets()
    silent = await slack.mention(room.ada, room.channel, "nobody hears this", silent=True)
    await slack.until(lambda: slack.calls("apps.connections.open"), lambda calls: len(calls) > before)
    await slack.spoil_addresses()  # the client has one, is refused, and would be for ever
    await slack.refuse_sockets(False)
    await slack.wait_connected(patience=90)
    await slack.wait_reply(room.channel, silent.ts, lambda m: "nobody hears this" in shown(m))


async def test_who_does_not_answer_holds_nobody_up_for_long(room: Room) -> None:
    """A call that Slack took and never answers, is made again."""
    slack = room.slack
    await slack.fault("users.info", "hold", contains=room.ben)
    said = await slack.mention(room.ben, room.channel, "hello")
    await slack.wait_reply(room.channel, said.ts, lambda m: "hello" in shown(m), patience=45)
    await slack.release()


async def undeliverable(room: Room, thread: str, word: str) -> None:
    """The turn is kept with the reason, the operator's log has it."""
    whole = await room.slack.until(
        lambda: history(room, room.channel, thread), lambda h: h.messages and h.messages[-1].undelivered
    )
    assert word in str(whole.messages[-1].undelivered)
    assert thread in room.world.bot.log and "undelivered" in room.world.bot.log


@pytest.mark.parametrize("what", ["archived", "removed", "deleted", "revoked", "uninstalled", "scope"])
async def test_what_cannot_be_delivered_is_kept_told_and_holds_up_nothing(room: Room, what: str) -> None:
    slack, model, scopes = room.slack, room.world.model, room.slack.app.scopes
    number = await model.count()
    await model.script(GATE)
    said = await slack.mention(room.ada, room.channel, "too late")
    running = await model.wait(number)
    message: Message = await slack.wait_reply(room.channel, said.ts, lambda m: True)
    match what:
        case "archived":
            await slack.archive(room.channel)
        case "removed":
            await slack.leave(slack.bot, room.channel)
        case "deleted":
            boss = await slack.add_user("boss", is_admin=True)
            await slack.join(boss.id, room.channel)
            await slack.delete(boss.id, room.channel, message.ts)
        case "revoked":
            await slack.token_error("token_revoked")
        case "uninstalled":
            await slack.uninstall()
        case "scope":
            await slack.configure(scopes=[one for one in scopes if one != "chat:write"])
    await model.release(running.number, "An answer")
    await model.finish(running.number)
    words = {
        "archived": "is_archived",
        "removed": "channel",
        "deleted": "message_not_found",
        "revoked": "token_revoked",
        "uninstalled": "account_inactive",
        "scope": "missing_scope (scope chat:write)",
    }
    try:
        await undeliverable(room, said.ts, words[what])
        if what == "uninstalled":
            assert "the app was removed" in room.world.bot.log
    finally:
        await slack.token_error(None)
        await slack.configure(scopes=scopes)
    if what == "archived":
        await slack.archive(room.channel, archived=False)
    if what == "removed":
        await slack.join(slack.bot, room.channel)
    await slack.mention(room.ada, room.channel, "and now?", thread_ts=said.ts)
    await slack.wait_reply(room.channel, said.ts, lambda m: "and now?" in shown(m))
