"""Events over HTTP: signatures, acknowledgements, redelivery."""

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
from tests.fakes.slack.models import Delivery, Message
from tests.slack.stack import SlackStack, Workspace, create_clean_workspace, running_slack_stack
from tests.slack.steps import (
    ask,
    hold_turn,
    read_history,
    texts_of_users,
    visible_text,
    wait_for_ephemerals,
    wait_for_history,
    wait_for_replies,
)


@pytest.fixture(scope="module")
async def http_slack(
    engine_binary: Path, model: ModelControl, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SlackStack]:
    """A stack whose bot has a signing secret and no app token."""
    data = tmp_path_factory.mktemp("http")
    async with running_slack_stack(engine_binary, data, model, whole=False, http=True) as stack:
        await stack.slack.set_rules(retry_delays=[0.0, 1.0, 3.0])
        yield stack


@pytest.fixture
async def workspace(http_slack: SlackStack) -> Workspace:
    """A new workspace in the stack that gets events over HTTP."""
    await http_slack.restore()
    return await create_clean_workspace(http_slack)


async def post_signed(
    workspace: Workspace, body: bytes, content_type: str = "application/json", *, secret: str = "", age: float = 0
) -> int:
    """Send a request as Slack does and return the status. Default `secret`: the right one; `age`: seconds."""
    timestamp = str(int(time.time() - age))
    key = (secret or workspace.slack.app.signing_secret).encode()
    digest = hmac.new(key, f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": content_type,
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": f"v0={digest}",
    }
    url = f"http://127.0.0.1:{workspace.bot.http_port}/slack/events"
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
        return response.status


def event_body(workspace: Workspace, event: dict[str, Any], **envelope: Any) -> bytes:
    """Return the request body of an event; `envelope`: fields around it."""
    body = {
        "type": "event_callback",
        "team_id": workspace.slack.team.id,
        "event_id": f"Ev{time.time()}",
        "event": event,
    }
    return json.dumps(body | envelope).encode()


def direct_message(workspace: Workspace, ts: str, text: str) -> dict[str, Any]:
    """Return the event of a direct message from Ada."""
    return {
        "type": "message",
        "channel": workspace.dm_channel,
        "channel_type": "im",
        "user": workspace.ada,
        "ts": ts,
        "text": text,
    }


async def press_button(
    workspace: Workspace, user: str, thread: Message, action: str, value: str, response_url: str = ""
) -> int:
    """Send a pressed button of a message in a thread, as if `user` had pressed it."""
    payload = {
        "type": "block_actions",
        "team": {"id": workspace.slack.team.id},
        "user": {"id": user, "team_id": workspace.slack.team.id},
        "channel": {"id": thread.channel, "name": "x"},
        "message": {"ts": thread.ts, "thread_ts": thread.ts},
        "container": {"type": "message"},
        "response_url": response_url or f"{workspace.slack.url}/actions/T0/0/none",
        "actions": [{"type": "button", "action_id": action, "block_id": "b", "value": value, "action_ts": "1.1"}],
    }
    body = urllib.parse.urlencode({"payload": json.dumps(payload)}).encode()
    return await post_signed(workspace, body, "application/x-www-form-urlencoded")


async def test_conversation_over_http(workspace: Workspace) -> None:
    question, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{workspace.slack.bot}> my name is Ada")
    await workspace.slack.post(workspace.ada, workspace.channel, "what is my name?", thread_ts=question.ts)
    await workspace.slack.wait_reply(workspace.channel, question.ts, lambda m: "Your name is Ada" in visible_text(m))
    await workspace.slack.run_command(workspace.ada, workspace.channel, "/history")
    await wait_for_ephemerals(workspace, workspace.ada, workspace.channel)


async def test_request_without_a_valid_signature_is_refused(workspace: Workspace) -> None:
    logged = len(workspace.bot.log)
    body = event_body(workspace, direct_message(workspace, f"{time.time():.6f}", "hello"))
    assert await post_signed(workspace, body, secret="another secret") == 401
    assert await post_signed(workspace, body, age=600) == 401
    url = f"http://127.0.0.1:{workspace.bot.http_port}/slack/events"
    async with aiohttp.ClientSession() as session:
        for unsigned in (b"ssl_check=1&token=x", b"[]", b"{{{", body):
            for timestamp in ("", "abc", str(int(time.time()))):
                headers = {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": "v0=0"}
                async with session.post(url, data=unsigned, headers={**headers, "X-Slack-Retry-Num": "1"}) as response:
                    assert response.status == 401, (unsigned, timestamp)
    assert "Traceback" not in workspace.bot.log[logged:]
    await settle(0.3)
    assert await workspace.slack.replies(workspace.dm_channel) == []


async def test_acknowledgement_waits_for_restate_and_redelivery_is_answered_once(workspace: Workspace) -> None:
    slack = workspace.slack
    await workspace.stack.stack.kill_engine()
    question = await slack.mention(workspace.ada, workspace.channel, "hello?")

    async def read_deliveries() -> list[Delivery]:
        found = await slack.deliveries("events_api")
        return [delivery for delivery in found if delivery.payload["event"].get("ts") == question.ts]

    def failures(found: list[Delivery]) -> list[str]:
        return [attempt.failure for delivery in found for attempt in delivery.attempts if attempt.failure]

    refused = await slack.wait_until(read_deliveries, lambda found: len(failures(found)) >= 2)
    assert set(failures(refused)) <= {"http_error", "http_timeout"}
    assert all(delivery.state != "acked" for delivery in refused), "Restate has none of it"
    await workspace.stack.start_engine()
    await slack.wait_until_acked(question)
    await wait_for_replies(workspace, question)
    delivered = await read_deliveries()
    assert any(attempt.retry_num for delivery in delivered for attempt in delivery.attempts)
    for delivery in delivered:
        await slack.redeliver(delivery.number, times=2)
    await ask(workspace, workspace.ada, workspace.channel, "and now?", thread_ts=question.ts)
    assert len(await slack.replies(workspace.channel)) == 2


async def test_enterprise_grid_message_belongs_to_the_installing_workspace(workspace: Workspace) -> None:
    """In a grid, people and messages carry the ids of the organisation and of its other workspaces."""
    slack = workspace.slack
    question = await slack.post(workspace.ada, workspace.dm_channel, "my name is Ada", silent=True)
    grid = {"enterprise_id": "E0GRID", "is_enterprise_install": True}
    other = {"team": "T0OTHER", "user_team": "T0OTHER", "source_team": "T0OTHER", "enterprise": "E0GRID"}
    body = event_body(
        workspace,
        direct_message(workspace, question.ts, question.text) | other,
        **grid,
        team_id="T0OTHER",
        context_team_id="T0OTHER",
        context_enterprise_id="E0GRID",
        authorizations=[{**grid, "team_id": slack.team.id, "user_id": slack.bot, "is_bot": True}],
    )
    assert await post_signed(workspace, body) == 200
    await slack.wait_reply(workspace.dm_channel, question.ts, lambda m: "my name is Ada" in visible_text(m))
    assert texts_of_users(await read_history(workspace, question)) == ["my name is Ada"]


async def test_outsider_can_neither_stop_nor_retry_nor_rate(workspace: Workspace) -> None:
    """Slack shows the buttons to members only, but a person who has just left the channel can still press them."""
    slack = workspace.slack
    private = await slack.add_channel("private", [workspace.ada], kind="group")
    question = (await hold_turn(workspace, workspace.ada, private.id, f"<@{slack.bot}> a secret")).question
    command = await slack.run_command(workspace.ben, workspace.channel, "/history")
    response_url = command.payload["response_url"]
    await wait_for_ephemerals(workspace, workspace.ben, workspace.channel)
    assert await press_button(workspace, workspace.ben, question, "stop", "1") == 200
    await settle(0.5)
    assert (await read_history(workspace, question)).running is not None
    native_stop = {
        "type": "agent_session_stopped",
        "channel": private.id,
        "thread_ts": question.ts,
        "user": workspace.ben,
        "streaming_message_ts": [],
        "event_ts": f"{time.time():.6f}",
    }
    assert await post_signed(workspace, event_body(workspace, native_stop)) == 200
    assert (await read_history(workspace, question)).running is not None
    assert await press_button(workspace, workspace.ada, question, "stop", "1") == 200
    await wait_for_history(workspace, question, lambda h: not h.running and len(h.messages) == 2)
    for action, value in (("retry", "1|2"), ("feedback", "up|2")):
        assert await press_button(workspace, workspace.ben, question, action, value, response_url) == 200
    ephemerals = await wait_for_ephemerals(workspace, workspace.ben, workspace.channel, 3)
    assert [ephemeral.text for ephemeral in ephemerals[1:]] == [texts.NOT_READABLE] * 2
    conversation = await read_history(workspace, question)
    assert len(conversation.messages) == 2 and not conversation.running and not conversation.messages[-1].feedback


async def test_redelivery_starts_a_backfill(workspace: Workspace) -> None:
    """A redelivery shows that Slack may have given up on other events."""
    slack = workspace.slack
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> hello")
    await slack.post(workspace.ada, workspace.channel, "my name is Ada", thread_ts=root.ts, silent=True)
    missed = await slack.mention(workspace.ada, workspace.channel, "this event was lost", silent=True)
    later, _ = await ask(workspace, workspace.ben, workspace.channel, "go on", thread_ts=root.ts)
    [delivery] = await slack.wait_until_acked(later)
    await slack.redeliver(delivery.number)
    await slack.wait_reply(workspace.channel, missed.ts, lambda m: "this event was lost" in visible_text(m), 40)
    conversation = await wait_for_history(
        workspace,
        root,
        lambda h: sorted(texts_of_users(h)) == ["go on", "hello", "my name is Ada"] and not h.running and not h.waiting,
    )
    assert all(m.status == "answered" for m in conversation.messages)
    assert len(await slack.replies(workspace.channel, root.ts)) == 3, "each is answered once"


async def test_backfill_runs_periodically(workspace: Workspace) -> None:
    await workspace.bot.start(SLACK_HTTP_BACKFILL_SECONDS="1")
    await ask(workspace, workspace.ada, workspace.channel, f"<@{workspace.slack.bot}> hello")
    missed = await workspace.slack.mention(workspace.ada, workspace.channel, "this event was lost", silent=True)
    await workspace.slack.wait_reply(workspace.channel, missed.ts, lambda m: "this event was lost" in visible_text(m))
