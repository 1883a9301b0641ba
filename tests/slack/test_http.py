"""The same bot over HTTP events: signed, acknowledged when Restate has it, and delivered again when not."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import urllib.parse
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bots.common import texts
from tests.fakes.model import ModelControl
from tests.fakes.slack.control import settle
from tests.slack.conftest import Room, new_room
from tests.slack.stack import World, running_world
from tests.slack.test_answers import finished, shown
from tests.slack.test_talk import GATE, asks, history


@pytest.fixture(scope="module")
async def http_world(
    engine_binary: Path, model: ModelControl, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """A bot with a signing secret and no app token."""
    data = tmp_path_factory.mktemp("http")
    async with running_world(engine_binary, data, model, whole=False, http=True) as world:
        await world.slack.rules(retry_delays=[0.0, 1.0, 3.0])
        yield world


@pytest.fixture
async def room(http_world: World) -> Room:
    """A room over HTTP."""
    await http_world.model.clear()
    await http_world.slack.clear()
    return await new_room(http_world)


async def deliver(room: Room, body: bytes, content_type: str, secret: str, age: float = 0) -> int:
    """Send a request as Slack would, signed with `secret`."""
    stamp = str(int(time.time() - age))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": content_type,
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={digest}",
    }
    url = f"http://127.0.0.1:{room.world.bot.http_port}/slack/events"
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
        return response.status


def event(room: Room, ts: str, text: str, **envelope: Any) -> bytes:
    """A message event."""
    said = {"type": "message", "channel": room.direct, "channel_type": "im", "user": room.ada, "ts": ts, "text": text}
    said |= envelope.pop("said", {})
    given = {"type": "event_callback", "team_id": room.slack.team.id, "event_id": f"Ev{ts}", "event": said, **envelope}
    return json.dumps(given).encode()


async def press(
    room: Room, user: str, channel: str, message: dict[str, Any], action: str, value: str, url: str = ""
) -> int:
    """A pressed button, by whoever is said to have pressed it; `url` is where they are answered."""
    payload = {
        "type": "block_actions",
        "team": {"id": room.slack.team.id},
        "user": {"id": user, "team_id": room.slack.team.id},
        "channel": {"id": channel, "name": "x"},
        "message": message,
        "container": {"type": "message"},
        "response_url": url or f"{room.slack.url}/actions/T0/0/none",
        "actions": [{"type": "button", "action_id": action, "block_id": "b", "value": value, "action_ts": "1.1"}],
    }
    body = urllib.parse.urlencode({"payload": json.dumps(payload)}).encode()
    return await deliver(room, body, "application/x-www-form-urlencoded", room.slack.app.signing_secret)


async def test_a_conversation_over_http(room: Room) -> None:
    said, _ = await asks(room, room.ada, room.channel, f"<@{room.slack.bot}> my name is Ada")
    await room.slack.post(room.ada, room.channel, "what is my name?", thread_ts=said.ts)
    await room.slack.wait_reply(room.channel, said.ts, lambda m: "Your name is Ada" in shown(m))
    await room.slack.command(room.ada, room.channel, "/history")
    assert await room.slack.until(lambda: room.slack.ephemerals(room.channel, room.ada))


async def test_what_slack_has_not_signed_is_refused(room: Room) -> None:
    good = room.slack.app.signing_secret
    body, logged = event(room, f"{time.time():.6f}", "hello"), len(room.world.bot.log)
    assert await deliver(room, body, "application/json", "another secret") == 401
    assert await deliver(room, body, "application/json", good, age=600) == 401
    url = f"http://127.0.0.1:{room.world.bot.http_port}/slack/events"
    async with aiohttp.ClientSession() as session:
        for unsigned in (b"ssl_check=1&token=x", b"[]", b"{{{", body):
            for stamp in ("", "abc", str(int(time.time()))):
                headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": "v0=0", "X-Slack-Retry-Num": "1"}
                async with session.post(url, data=unsigned, headers=headers) as response:
                    assert response.status == 401, (unsigned, stamp)
    assert "Traceback" not in room.world.bot.log[logged:]
    await settle(0.3)
    assert await room.slack.replies(room.direct) == []


async def test_the_acknowledgement_waits_for_restate_and_the_redelivery_is_answered_once(
    room: Room, engine_binary: Path
) -> None:
    world, slack = room.world, room.slack
    ports = world.stack.engine.ports
    await world.stack.kill_engine()
    said = await slack.mention(room.ada, room.channel, "hello?")

    async def attempts() -> list[str | None]:
        found = [one for one in await slack.deliveries("events_api") if one.payload["event"].get("ts") == said.ts]
        return [a.failure for one in found for a in one.attempts if a.failure]

    refused = await slack.until(attempts, lambda found: len(found) >= 2)
    assert set(refused) <= {"http_error", "http_timeout"}
    waiting = [one for one in await slack.deliveries("events_api") if one.payload["event"].get("ts") == said.ts]
    assert waiting and all(one.state != "acked" for one in waiting), "Restate has none of it"
    await world.stack.start_engine(engine_binary, ports)
    await slack.wait_acked(said)
    await finished(room, room.channel, said.ts)
    retries = [one for one in await slack.deliveries("events_api") if one.payload["event"].get("ts") == said.ts]
    assert any(a.retry_num for one in retries for a in one.attempts)
    for one in retries:
        await slack.again(one.number, times=2)
    await asks(room, room.ada, room.channel, "and now?", thread_ts=said.ts)
    assert len(await slack.replies(room.channel)) == 2


async def test_in_a_grid_the_team_is_the_installing_workspace(room: Room) -> None:
    """There people and messages carry the ids of the organisation and of other workspaces in it."""
    await room.slack.post(room.ada, room.direct, "my name is Ada", silent=True)
    said = (await room.slack.messages(room.direct))[-1]
    grid = {"enterprise_id": "E0GRID", "is_enterprise_install": True, "context_enterprise_id": "E0GRID"}
    away = {"team": "T0OTHER", "user_team": "T0OTHER", "source_team": "T0OTHER", "enterprise": "E0GRID"}
    home = {"enterprise_id": "E0GRID", "team_id": room.slack.team.id, "user_id": room.slack.bot, "is_bot": True}
    body = event(
        room,
        said.ts,
        said.text,
        said=away,
        team_id="T0OTHER",
        context_team_id="T0OTHER",
        authorizations=[{**home, "is_enterprise_install": True}],
        **grid,
    )
    assert await deliver(room, body, "application/json", room.slack.app.signing_secret) == 200
    await room.slack.wait_reply(room.direct, said.ts, lambda m: "my name is Ada" in shown(m))
    whole = await history(room, room.direct, said.ts)
    assert [m.text for m in whole.messages if m.role == "user"] == ["my name is Ada"]


async def test_an_outsider_can_neither_stop_nor_retry_nor_judge(room: Room) -> None:
    """Slack shows the buttons to members only; who was one a moment ago may still press."""
    slack, model = room.slack, room.world.model
    private = await slack.add_channel("private", [room.ada], kind="group")
    number = await model.count()
    await model.script(GATE)
    said = await slack.mention(room.ada, private.id, "a secret")
    running = await model.wait(number)
    place = {"ts": said.ts, "thread_ts": said.ts}
    asked = await slack.command(room.ben, room.channel, "/history")
    url = asked.payload["response_url"]
    await slack.until(lambda: slack.ephemerals(room.channel, room.ben))
    inside = Room(room.world, slack, private.id, room.ada, room.ben, room.direct)
    assert await press(room, room.ben, private.id, place, "stop", "1") == 200
    await settle(0.5)
    assert (await history(inside, private.id, said.ts)).running is not None
    native = {"type": "agent_session_stopped", "thread_ts": said.ts, "user": room.ben, "streaming_message_ts": []}
    native |= {"channel": private.id, "event_ts": f"{time.time():.6f}"}
    envelope = {"type": "event_callback", "team_id": slack.team.id, "event_id": "EvNative", "event": native}
    signed = room.slack.app.signing_secret
    assert await deliver(room, json.dumps(envelope).encode(), "application/json", signed) == 200
    assert (await history(inside, private.id, said.ts)).running is not None
    assert await press(room, room.ada, private.id, place, "stop", "1") == 200
    await slack.until(lambda: history(inside, private.id, said.ts), lambda h: not h.running and len(h.messages) == 2)
    for action, value in (("retry", "1|2"), ("feedback", "up|2")):
        assert await press(room, room.ben, private.id, place, action, value, url) == 200
    told = await slack.until(lambda: slack.ephemerals(room.channel, room.ben), lambda found: len(found) == 3)
    assert [one.text for one in told[1:]] == [texts.NOT_READABLE] * 2
    whole = await history(inside, private.id, said.ts)
    assert len(whole.messages) == 2 and not whole.running and not whole.messages[-1].feedback
    assert running


async def test_what_slack_gave_up_on_is_found_when_it_has_to_try_again(room: Room) -> None:
    slack = room.slack
    root, _ = await asks(room, room.ada, room.channel, f"<@{slack.bot}> hello")
    reply = await slack.post(room.ada, room.channel, "my name is Ada", thread_ts=root.ts, silent=True)
    mention = await slack.mention(room.ada, room.channel, "and this one was eaten", silent=True)
    later, _ = await asks(room, room.ben, room.channel, "go on", thread_ts=root.ts)
    [delivery] = await slack.wait_acked(later)
    await slack.again(delivery.number)
    await slack.wait_reply(room.channel, mention.ts, lambda m: "this one was eaten" in shown(m), 40)
    said = ["hello", "go on", "my name is Ada"]
    held = await slack.until(
        lambda: history(room, room.channel, root.ts),
        lambda h: [m.text for m in h.messages if m.role == "user"] == said and not h.running and not h.waiting,
    )
    assert all(m.status == "answered" for m in held.messages) and reply
    assert len(await slack.replies(room.channel, root.ts)) == 3, "each is answered once"


async def test_what_slack_gave_up_on_is_found_even_when_nothing_tells_that(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    await model.clear()
    env = {"SLACK_HTTP_CATCHUP_SECONDS": "1"}
    async with running_world(engine_binary, tmp_path, model, http=True, env=env) as world:
        room = await new_room(world)
        await asks(room, room.ada, room.channel, f"<@{room.slack.bot}> hello")
        eaten = await room.slack.mention(room.ada, room.channel, "this one was eaten", silent=True)
        await room.slack.wait_reply(room.channel, eaten.ts, lambda m: "this one was eaten" in shown(m))
