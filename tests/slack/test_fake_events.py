"""The fake Slack's events, taken by real slack-bolt over Socket Mode and over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.fakes.slack import Impossible, SlackControl, attached
from tests.fakes.slack.delivery import signature
from tests.fakes.slack.running import running_slack
from tests.fakes.slack.trial import Trial, fails, never


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[SlackControl]:
    async with running_slack() as control:
        yield control


@pytest.fixture
async def slack(running: SlackControl) -> AsyncIterator[SlackControl]:
    app = running.app
    await running.clear()
    await running.rules(ack_seconds=3.0, retry_delays=[0.0, 0.05, 0.05])
    yield running
    await running.clear()
    await running.token_error(None)
    await running.refuse_sockets(False)
    await running.configure(**{name: value for name, value in app.model_dump().items() if name != "app_id"})


@pytest.fixture
async def user(slack: SlackControl) -> str:
    return (await slack.add_user("asker", display_name="Asker")).id


@pytest.fixture
async def channel(slack: SlackControl, user: str) -> str:
    return (await slack.add_channel("talk", [user])).id


async def test_a_mention_comes_twice_with_one_timestamp(slack: SlackControl, user: str, channel: str) -> None:
    async with Trial(slack).socket() as trial:
        posted = await slack.mention(user, channel, "hello")
        await slack.wait_acked(posted)
        [mention], [message] = trial.got("app_mention"), trial.got("message")
        assert mention["ts"] == message["ts"] == posted.ts
        assert mention["event_id"] != message["event_id"]
        assert message["channel_type"] == "channel" and message["text"] == f"<@{slack.bot}> hello"
        elements = message["blocks"][0]["elements"][0]["elements"]
        assert elements[0] == {"type": "user", "user_id": slack.bot}


async def test_the_bot_hears_only_where_it_is_and_what_it_subscribed_to(slack: SlackControl, user: str) -> None:
    away = await slack.add_channel("away", [user], bot=False)
    secret = await slack.add_channel("secret", [user], kind="group")
    direct = await slack.direct(user)
    second = (await slack.add_user("second")).id
    group = await slack.direct(user, second)
    async with Trial(slack).socket() as trial:
        await slack.mention(user, away.id, "unheard")
        for one in (secret.id, direct.id, group.id):
            await slack.wait_acked(await slack.mention(user, one, "heard"))
        kinds = [one["channel_type"] for one in trial.got("message")]
        assert kinds == ["group", "im", "mpim"]
        assert [one["channel"] for one in trial.got("app_mention")] == [secret.id, group.id]
        await slack.configure(events=["message.im"])
        await slack.post(user, secret.id, "no longer heard")
        await slack.wait_acked(await slack.post(user, direct.id, "still heard"))
        await slack.configure(events=["message.im"], scopes=["chat:write"])
        await slack.post(user, direct.id, "no scope")
        assert [one["text"] for one in trial.got("message")][3:] == ["still heard"]
    assert [one for one in await slack.deliveries() if one.payload["event"].get("channel") == away.id] == []


async def test_edits_deletions_files_and_links(slack: SlackControl, user: str, channel: str) -> None:
    async with Trial(slack).socket() as trial:
        first = await slack.post(user, channel, "first", files=[attached("a.txt", b"abc")])
        await slack.edit(user, channel, first.ts, "second")
        await slack.unfurl(channel, first.ts, "A title", "https://example.org")
        await slack.delete(user, channel, first.ts)

        async def got() -> list[dict[str, Any]]:
            return trial.got("message")

        shared, edited, unfurled, deleted = await slack.until(got, lambda found: len(found) == 4)
        assert shared["subtype"] == "file_share" and shared["files"][0]["name"] == "a.txt"
        assert edited["subtype"] == "message_changed" and edited["message"]["edited"]["user"] == user
        assert (edited["message"]["text"], edited["previous_message"]["text"]) == ("second", "first")
        assert unfurled["subtype"] == "message_changed" and unfurled["message"]["text"] == "second"
        assert unfurled["message"]["attachments"][0]["title"] == "A title"
        assert deleted["subtype"] == "message_deleted" and deleted["deleted_ts"] == first.ts
        with pytest.raises(Impossible, match="did not write"):
            await slack.edit(slack.bot, channel, (await slack.post(user, channel, "mine")).ts, "x")


async def test_shares_bots_and_other_workspaces(slack: SlackControl, user: str, channel: str) -> None:
    other = await slack.add_user("partner", team="T0ELSEWHERE", display_name="Partner")
    helper = await slack.add_user("helper", is_bot=True)
    shared = await slack.add_channel("shared", [user, other.id, helper.id], shared_team_ids=["T0ELSEWHERE"])
    source = await slack.post(user, channel, "the words", silent=True)
    async with Trial(slack).socket() as trial:
        await slack.wait_acked(await slack.share(user, shared.id, channel, source.ts, "look"))
        await slack.wait_acked(await slack.post(other.id, shared.id, "from outside", files=[attached("x", b"x")]))
        await slack.wait_acked(await slack.post(helper.id, shared.id, "beep"))
        forwarded, outside, beep = trial.got("message")
        assert forwarded["attachments"][0]["text"] == "the words"
        assert outside["team"] == "T0ELSEWHERE" and outside["files"][0]["file_access"] == "check_file_info"
        assert beep["bot_id"] == helper.bot_id
    envelopes = [one.payload for one in await slack.deliveries("message")][-3:]
    assert {one["team_id"] for one in envelopes} == {slack.team.id} and envelopes[0]["is_ext_shared_channel"]


async def test_an_event_nobody_acknowledges_is_delivered_again(slack: SlackControl, user: str, channel: str) -> None:
    await slack.rules(ack_seconds=0.3)
    trial = Trial(slack)
    trial.before = fails
    async with trial.socket():
        posted = await slack.post(user, channel, "hello")

        async def delivery() -> Any:
            return next(one for one in await slack.deliveries("message") if one.payload["event"]["ts"] == posted.ts)

        failed = await slack.until(delivery, lambda one: one.state == "failed")
        assert [one.failure for one in failed.attempts] == ["timeout"] * 4
        assert trial.retries(posted.ts) == [("0", ""), ("1", "timeout"), ("2", "timeout"), ("3", "timeout")]
        assert len({one["event_id"] for one in trial.events}) == 1
        trial.before = None
        await slack.again(failed.number, times=2)
        await slack.until(delivery, lambda one: one.state == "acked" and len(one.attempts) == 6)


async def test_the_app_comes_back_after_disconnects(slack: SlackControl, user: str, channel: str) -> None:
    async with Trial(slack).socket() as trial:
        for end in (slack.disconnect, slack.cut_sockets):
            await end()
            await slack.wait_connected()
            await slack.wait_acked(await slack.post(user, channel, "still there?"))
        await slack.down()
        lost = await slack.post(user, channel, "lost")

        async def states() -> list[str]:
            found = await slack.deliveries("message")
            return [one.state for one in found if one.payload["event"]["ts"] == lost.ts]

        await slack.until(states, lambda found: found == ["failed"])
        await slack.up()
        await slack.wait_connected()
        await slack.wait_acked(await slack.post(user, channel, "back"))
        # An acknowledgement that a cut socket took with it brings the event a second time, as with Slack.
        by_ts = {one["ts"]: one["text"] for one in trial.got("message")}
        assert list(by_ts.values()) == ["still there?", "still there?", "back"]


async def test_a_socket_address_is_good_for_one_connection(slack: SlackControl) -> None:
    trial = Trial(slack)
    opened = await trial.app.client.apps_connections_open(app_token=slack.app.app_token)
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(opened["url"]) as ws:
            assert json.loads((await ws.receive()).data)["type"] == "hello"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(opened["url"])


async def test_home_stop_and_uninstall(slack: SlackControl, user: str) -> None:
    async with Trial(slack).socket() as trial:
        direct = await slack.open_home(user, "messages")
        question = await slack.post(user, direct, "question")
        with pytest.raises(Impossible, match="no stop button"):
            await slack.stop(user, direct, question.ts)
        started = await trial.app.client.chat_startStream(channel=direct, thread_ts=question.ts, markdown_text="a")
        assert await slack.stop(user, direct, question.ts) == [started["ts"]]
        append = trial.app.client.chat_appendStream
        with pytest.raises(Exception, match="stopped_by_user"):
            await append(channel=direct, ts=started["ts"], markdown_text="b")
        session = await slack.session(direct, question.ts)
        assert session is not None and session.status == "processing"  # the app has to leave it by itself
        await slack.uninstall()

        async def kinds() -> list[str]:
            return [one["type"] for one in trial.events if one["type"] != "message"]

        wanted = {"app_home_opened", "agent_session_stopped"}
        await slack.until(kinds, lambda found: wanted <= set(found))
        [stopped] = trial.got("agent_session_stopped")
        assert (stopped["thread_ts"], stopped["streaming_message_ts"]) == (question.ts, [started["ts"]])
        assert {one.event_type for one in await slack.deliveries()} >= {"app_uninstalled", "tokens_revoked"}
        with pytest.raises(Exception, match="account_inactive"):
            await trial.app.client.chat_postMessage(channel=direct, text="x")


async def test_nobody_does_what_slack_does_not_let_them(slack: SlackControl, user: str, channel: str) -> None:
    outsider = (await slack.add_user("outsider")).id
    with pytest.raises(Impossible, match="not in"):
        await slack.post(outsider, channel, "x")
    parent = await slack.post(user, channel, "x")
    reply = await slack.post(user, channel, "y", thread_ts=parent.ts)
    with pytest.raises(Impossible, match="opens no thread"):
        await slack.post(user, channel, "z", thread_ts=reply.ts)
    await slack.archive(channel)
    with pytest.raises(Impossible, match="archived"):
        await slack.post(user, channel, "x")


# --- HTTP ---------------------------------------------------------------------------------------------------
async def test_signed_events_are_taken_over_http(slack: SlackControl, user: str, channel: str) -> None:
    async with Trial(slack).http() as trial:
        posted = await slack.mention(user, channel, "hello")
        deliveries = await slack.wait_acked(posted)
        assert {one.attempts[0].status for one in deliveries} == {200}
        assert {one["type"] for one in trial.events} == {"app_mention", "message"}
        assert trial.retries(posted.ts) == [(None, None), (None, None)]


async def test_bolt_refuses_a_wrong_signature(slack: SlackControl) -> None:
    async with Trial(slack).http() as trial, aiohttp.ClientSession() as session:
        body = json.dumps({"type": "event_callback", "event": {"type": "message"}, "event_id": "Ev1"}).encode()
        for secret, age, status in (("wrong", 0, 401), (slack.app.signing_secret, 600, 401)):
            stamp = str(int(time.time()) - age)
            headers = {"X-Slack-Signature": signature(secret, stamp, body), "X-Slack-Request-Timestamp": stamp}
            async with session.post(trial.url, data=body, headers=headers) as response:
                assert response.status == status
        assert trial.events == []


async def test_over_http_what_fails_or_takes_too_long_comes_again(slack: SlackControl, user: str, channel: str) -> None:
    await slack.rules(ack_seconds=0.5)
    trial = Trial(slack)
    async with trial.http():
        trial.before = fails
        failed = await slack.post(user, channel, "fails")

        async def delivery(ts: str = failed.ts) -> Any:
            return next(one for one in await slack.deliveries("message") if one.payload["event"]["ts"] == ts)

        seen = await slack.until(delivery, lambda one: one.state == "failed")
        assert [(one.failure, one.status) for one in seen.attempts] == [("http_error", 500)] * 4
        assert trial.retries(failed.ts)[1:] == [("1", "http_error"), ("2", "http_error"), ("3", "http_error")]
        trial.before = never
        slow = await slack.post(user, channel, "slow")
        seen = await slack.until(lambda: delivery(slow.ts), lambda one: len(one.attempts) > 1)
        assert seen.attempts[0].failure == "http_timeout"


async def test_an_address_that_does_not_answer_the_challenge_is_refused(slack: SlackControl) -> None:
    with pytest.raises(Impossible, match="didn't respond"):
        await slack.request_url(f"{slack.url}/signin")
    assert slack.app.socket_mode
