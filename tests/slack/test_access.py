"""Who may use the bot, and how much of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from bots.common.classify import may_use
from chat_service import handlers, keys
from chat_service.contracts import Inbound
from chat_service.contracts.channel import ChannelRulesChange
from chat_service.contracts.quota import QuotaClaim
from chat_service.objects.queue import MAX_WAITING
from chat_service.settings import Settings
from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import Behaviour
from tests.slack.conftest import Room, new_room
from tests.slack.stack import World, running_world
from tests.slack.test_answers import finished, shown
from tests.slack.test_talk import GATE, asks, history, prompt, signs


@pytest.fixture(scope="module")
async def strict_world(
    engine_binary: Path, model: ModelControl, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """A bot with limits and a block list."""
    limits = {"PERSON_MESSAGES_PER_MINUTE": "2", "CHANNEL_TOKENS_PER_DAY": "100", "ACCESS_BLOCK": "U0000000099, C9"}
    async with running_world(engine_binary, tmp_path_factory.mktemp("strict"), model, env=limits) as world:
        yield await hearing(world)


@pytest.fixture(scope="module")
async def limited_world(
    engine_binary: Path, model: ModelControl, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """A bot with the other two limits."""
    limits = {"CHANNEL_MESSAGES_PER_MINUTE": "3", "PERSON_TOKENS_PER_DAY": "2000"}
    async with running_world(engine_binary, tmp_path_factory.mktemp("limited"), model, env=limits) as world:
        yield await hearing(world)


async def hearing(world: World) -> World:
    """The world once its bot knows itself connected: what was written before is caught up with, and does not count."""
    room = await new_room(world)
    await asks(room, room.ada, room.channel, f"<@{room.slack.bot}> hello")
    return world


async def told(room: Room, user: str, word: str, channel: str = "") -> None:
    """The person alone is told so."""
    await room.slack.until(
        lambda: room.slack.ephemerals(channel or room.channel, user), lambda found: any(word in m.text for m in found)
    )


async def rule(room: Room, scope: str, **change: object) -> None:
    """What an administrator decides."""
    async with room.world.stack.ingress() as ingress:
        await ingress.call(handlers.CHANNEL_SET_RULES, scope, ChannelRulesChange.model_validate(change))


async def test_messages_a_minute_are_limited_with_a_friendly_answer(strict_world: World) -> None:
    room = await new_room(strict_world)
    slack = room.slack
    said, _ = await asks(room, room.ada, room.direct, "one")
    for number, text in enumerate(("two", "three")):
        await slack.post(room.ada, room.direct, text, thread_ts=said.ts)
        if number == 0:
            await slack.until(lambda: slack.replies(room.direct), lambda found: len(found) == 2)
    await told(room, room.ada, "Too many messages", room.direct)
    assert len(await slack.replies(room.direct)) == 2
    await slack.until(lambda: slack.session(room.direct, said.ts), lambda s: s and s.status == "active")
    await slack.until(
        lambda: history(room, room.direct, said.ts),
        lambda h: [m.text for m in h.messages if m.role == "user"] == ["one", "two", "three"],  # context all the same
    )


async def test_what_was_written_while_nobody_listened_is_answered_however_much_it_is(limited_world: World) -> None:
    await limited_world.model.clear()
    room = await new_room(limited_world)
    slack = room.slack
    root, _ = await asks(room, room.ada, room.channel, f"<@{slack.bot}> hello")
    await slack.refuse_sockets()
    await slack.cut_sockets()
    lines = [f"line {number}" for number in range(4)]
    for line in lines:
        await slack.post(room.ada, room.channel, line, thread_ts=root.ts, silent=True)
    await slack.refuse_sockets(False)
    done = await slack.until(
        lambda: history(room, room.channel, root.ts),
        lambda h: (
            [m.text for m in h.messages if m.role == "user"] == ["hello", *lines] and not h.running and not h.waiting
        ),
    )
    assert all(m.status == "answered" for m in done.messages if m.role == "assistant")
    assert not await slack.ephemerals(room.channel, room.ada)


async def test_tokens_a_day_are_limited_with_a_friendly_answer(strict_world: World) -> None:
    room = await new_room(strict_world)
    await asks(room, room.ada, room.channel, f"<@{room.slack.bot}> {'word ' * 100}")
    for _ in range(3):  # what a turn has used is counted beside it
        await room.slack.mention(room.ben, room.channel, "and me?")
    await told(room, room.ben, "daily allowance")


async def test_a_channels_messages_a_minute_are_limited_whoever_writes_them(limited_world: World) -> None:
    await limited_world.model.clear()
    room = await new_room(limited_world)
    slack = room.slack
    for number, person in enumerate((room.ada, room.ben, room.ada), start=1):
        await slack.mention(person, room.channel, "hello")
        await slack.until(lambda: slack.replies(room.channel), lambda found, n=number: len(found) == n)  # type: ignore[misc]
    await slack.mention(room.ben, room.channel, "and me?")
    await told(room, room.ben, "Too many messages")
    await slack.until(lambda: signs(room, room.channel), lambda found: not found)
    await asks(room, room.ben, (await slack.direct(room.ben)).id, "elsewhere I may")
    assert len(await slack.replies(room.channel)) == 3


async def test_a_persons_tokens_a_day_are_limited_wherever_they_write(limited_world: World) -> None:
    await limited_world.model.clear()
    room = await new_room(limited_world)
    slack = room.slack
    await asks(room, room.ada, room.channel, f"<@{slack.bot}> {'word ' * 2_000}")
    used = f"slack:{slack.team.id}:{room.ada}"
    async with room.world.stack.ingress() as ingress:
        spent = QuotaClaim(id="look", tokens_per_day=2_000)  # what a turn has used is counted beside it
        look = lambda: ingress.call(handlers.QUOTA_CLAIM, used, spent.model_copy(update={"id": str(uuid4())}))  # noqa: E731
        await slack.until(look, lambda granted: not granted.is_allowed)
    await slack.post(room.ada, room.direct, "and here?")
    await told(room, room.ada, "daily allowance", room.direct)
    await asks(room, room.ben, room.channel, f"<@{slack.bot}> but I may")
    assert await slack.replies(room.direct) == []


async def test_trying_again_needs_what_asking_needs(room: Room) -> None:
    slack, scope = room.slack, f"slack:{room.slack.team.id}:{room.channel}"
    await room.world.model.script(Behaviour(kind="fail", status=401, body={"error": {"message": "no"}}))
    said = await slack.mention(room.ada, room.channel, "will fail")
    [failed] = await finished(room, room.channel, said.ts)
    await rule(room, scope, block=[room.ben])
    await slack.click(room.ben, room.channel, failed.ts, "retry")
    await told(room, room.ben, "may not answer you")
    await rule(room, scope, off=True)
    await slack.click(room.ada, room.channel, failed.ts, "retry")
    await told(room, room.ada, "switched off")
    assert len((await history(room, room.channel, said.ts)).messages) == 2, "nothing was tried"
    await rule(room, scope, off=False)
    await slack.click(room.ada, room.channel, failed.ts, "retry")
    await slack.wait_reply(room.channel, said.ts, lambda m: "will fail" in shown(m))


async def test_whoever_is_blocked_neither_stops_nor_judges_what_others_asked(room: Room) -> None:
    slack, model = room.slack, room.world.model
    await slack.fault("chat.startStream", "refuse", error="channel_type_not_supported", contains=room.channel)
    number = await model.count()
    await model.script(GATE)
    said = await slack.mention(room.ada, room.channel, "a long story")
    running = await model.wait(number)
    message = await slack.wait_reply(room.channel, said.ts, lambda m: "'stop'" in str(m.blocks))
    await rule(room, f"slack:{slack.team.id}:{room.channel}", block=[room.ben])
    await slack.click(room.ben, room.channel, message.ts, "stop")
    await told(room, room.ben, "may not answer you")
    await model.finish(running.number)
    [reply] = await finished(room, room.channel, said.ts)
    button = next(b for b in reply.blocks if b["type"] == "context_actions")["elements"][0]
    await slack.click(room.ben, room.channel, reply.ts, "feedback", button["negative_button"]["value"])
    await slack.until(lambda: slack.ephemerals(room.channel, room.ben), lambda found: len(found) == 2)
    whole = await history(room, room.channel, said.ts)
    assert whole.messages[-1].status == "answered" and not whole.messages[-1].feedback


async def test_a_blocked_person_does_not_stop_with_slacks_own_button_either(room: Room) -> None:
    slack, model = room.slack, room.world.model
    number = await model.count()
    await model.script(GATE)
    said = await slack.post(room.ada, room.direct, "a long story")
    running = await model.wait(number)
    await slack.until(lambda: slack.session(room.direct, said.ts), lambda s: s and s.status == "processing")
    scope = f"slack:{slack.team.id}:{room.direct}"
    await rule(room, scope, block=[room.ada])
    await slack.stop(room.ada, room.direct, said.ts)

    async def heard() -> bool:
        told = await slack.deliveries("agent_session_stopped")
        return any(one.state == "acked" and said.ts in str(one.payload) for one in told)

    await slack.until(heard)
    assert (await history(room, room.direct, said.ts)).running is not None
    await rule(room, scope, block=[])
    await model.release(running.number, "The end.")
    await model.finish(running.number)
    [reply] = await finished(room, room.direct, said.ts)
    assert "The end." in shown(reply)


async def test_a_message_that_finds_a_full_line_is_context_and_its_author_is_told(room: Room) -> None:
    slack, model = room.slack, room.world.model
    number = await model.count()
    await model.script(GATE)
    root = await slack.mention(room.ada, room.channel, "a long story")
    running = await model.wait(number)
    key = room.world.key(room.channel, root.ts)
    async with room.world.stack.ingress() as ingress:
        for n in range(MAX_WAITING):
            line = Inbound(message=f"line {n}", id=f"line-{n}", expects_reply=False)
            await ingress.call(handlers.QUEUE_ADD, key, line)
    late = await slack.post(room.ben, room.channel, "my name is Ben", thread_ts=root.ts)
    await told(room, room.ben, "A hundred messages wait")
    await model.finish(running.number)
    await slack.until(lambda: history(room, room.channel, root.ts), lambda h: not h.waiting and not h.running, 60)
    _, seen = await asks(room, room.ben, room.channel, "what is my name?", thread_ts=root.ts)
    assert "my name is Ben" in prompt(seen)
    assert (late.ts, "eyes") not in await signs(room, room.channel)


async def test_trying_again_counts_as_asking(strict_world: World) -> None:
    room = await new_room(strict_world)
    slack, model = room.slack, room.world.model
    for text in ("one", "two"):
        await model.script(Behaviour(kind="fail", status=401, body={"error": {"message": "no"}}))
        said = await slack.post(room.ada, room.direct, text)
        [failed] = await finished(room, room.direct, said.ts)
    await slack.click(room.ada, room.direct, failed.ts, "retry")
    await told(room, room.ada, "Too many messages", room.direct)
    assert len((await history(room, room.direct, said.ts)).messages) == 2


async def test_block_and_allow_lists_for_people_and_channels(room: Room) -> None:
    slack = room.slack
    scope = f"slack:{slack.team.id}:{room.channel}"
    await rule(room, scope, block=[room.ben])
    await slack.mention(room.ben, room.channel, "hello")
    await told(room, room.ben, "may not answer you")
    await asks(room, room.ada, room.channel, f"<@{slack.bot}> hello")
    await rule(room, scope, block=[], allow=[room.ben])
    await slack.mention(room.ada, room.channel, "hello")
    await told(room, room.ada, "may not answer you")
    await asks(room, room.ben, room.channel, f"<@{slack.bot}> hello")
    assert len(await slack.replies(room.channel)) == 2


async def test_a_workspace_can_be_switched_off(room: Room) -> None:
    slack = room.slack
    scope = f"slack:{slack.team.id}"
    await rule(room, scope, off=True)
    try:
        await slack.post(room.ada, room.direct, "hello")
        await told(room, room.ada, "switched off", room.direct)
    finally:
        await rule(room, scope, off=False)
    await asks(room, room.ada, room.direct, "hello again")


def test_the_deployments_lists_name_workspaces_channels_and_people() -> None:
    key = keys.parse("slack:T1:C1:1.1")
    assert key is not None
    for allow, block, person, may in (
        ("", "", "U1", True),
        ("", "U1", "U1", False),
        ("", "C1", "U1", False),
        ("T1", "", "U1", True),
        ("T2 U2", "", "U1", False),
        ("T2 U2", "", "U2", True),
    ):
        settings = Settings(_env_file=None, access_allow=allow, access_block=block)
        assert may_use(key, person, settings) is may, (allow, block, person)
