"""Deliveries of the fake Slack: events, commands and interactions, received by real slack-bolt."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook.async_client import AsyncWebhookClient

from tests.fakes.slack import ImpossibleActionError, SlackControl
from tests.fakes.slack.models import Delivery, Json
from tests.fakes.slack.recording_app import RecordingApp, fail, wait_too_long
from tests.fakes.slack.running import running_slack


def text(content: str) -> Json:
    return {"type": "plain_text", "text": content}


BUTTON = {"type": "button", "action_id": "retry", "value": "7", "text": text("Retry")}
BLOCKS: list[Json] = [{"type": "actions", "elements": [BUTTON]}]
OPTIONS = [{"text": text(value), "value": value} for value in ("always", "mention")]
MODE = {"type": "static_select", "action_id": "mode", "options": OPTIONS, "initial_option": OPTIONS[0]}
PERSONA = {"type": "plain_text_input", "action_id": "persona"}
MODAL: Json = {
    "type": "modal",
    "callback_id": "settings",
    "title": text("Settings"),
    "submit": text("Save"),
    "blocks": [
        {"type": "input", "block_id": "mode", "label": text("Mode"), "element": MODE},
        {"type": "input", "block_id": "persona", "label": text("Persona"), "element": PERSONA},
    ],
}


class InteractiveApp(RecordingApp):
    """Acknowledges the command /test, the button and the modal, and records their payloads."""

    def __init__(self, slack: SlackControl) -> None:
        super().__init__(slack)
        self.payloads: list[Json] = []
        self.bolt.command("/test")(self._acknowledge)
        self.bolt.action("retry")(self._acknowledge)
        self.bolt.view("settings")(self._acknowledge)

    async def _acknowledge(self, ack: Any, body: Json) -> None:
        self.payloads.append(body)
        if self.before_ack is not None:
            await self.before_ack()
        await ack()


@pytest.fixture(scope="module")
async def fake_slack() -> AsyncIterator[SlackControl]:
    async with running_slack() as control:
        await control.set_rules(retry_delays=[0.0, 0.05, 0.05])
        yield control


@pytest.fixture
async def slack(fake_slack: SlackControl) -> AsyncIterator[SlackControl]:
    scopes, events = fake_slack.app.scopes, fake_slack.app.events
    yield fake_slack
    await fake_slack.clear_faults()
    await fake_slack.set_rules(ack_seconds=3.0)
    await fake_slack.configure_app(scopes=scopes, events=events)


@pytest.fixture
async def user(slack: SlackControl) -> str:
    return (await slack.add_user("asker")).id


@pytest.fixture
async def channel(slack: SlackControl, user: str) -> str:
    return (await slack.add_channel("talk", [user])).id


@pytest.fixture
async def app(slack: SlackControl) -> AsyncIterator[InteractiveApp]:
    async with InteractiveApp(slack).socket() as app:
        assert isinstance(app, InteractiveApp)
        yield app


async def read_delivery(slack: SlackControl, ts: str) -> Delivery:
    deliveries = await slack.deliveries("message")
    return next(delivery for delivery in deliveries if delivery.payload["event"]["ts"] == ts)


async def test_mention_causes_two_events_with_one_timestamp(slack: SlackControl, user: str, channel: str) -> None:
    async with RecordingApp(slack).socket() as app:
        posted = await slack.mention(user, channel, "hello")
        await slack.wait_until_acked(posted)
        [mention], [message] = app.events("app_mention"), app.events("message")
        assert mention["ts"] == message["ts"] == posted.ts
        assert mention["event_id"] != message["event_id"]


async def test_events_need_membership_subscription_and_scope(slack: SlackControl, user: str, channel: str) -> None:
    other = await slack.add_channel("other", [user], bot=False)
    direct = (await slack.open_conversation(user)).id
    async with RecordingApp(slack).socket() as app:
        await slack.mention(user, other.id, "the bot is not in the channel")
        for channel_id in (channel, direct):
            await slack.wait_until_acked(await slack.mention(user, channel_id, "received"))
        await slack.configure_app(events=["message.im"])
        await slack.post(user, channel, "not subscribed")
        await slack.wait_until_acked(await slack.post(user, direct, "subscribed"))
        await slack.configure_app(scopes=["chat:write"])
        await slack.post(user, direct, "no scope")
        assert [event["channel"] for event in app.events("app_mention")] == [channel]
        assert [event["channel"] for event in app.events("message")] == [channel, direct, direct]


@pytest.mark.parametrize("transport", ["socket", "http"])
async def test_failed_event_is_retried(slack: SlackControl, user: str, channel: str, transport: str) -> None:
    await slack.set_rules(ack_seconds=0.3)
    app = RecordingApp(slack)
    app.before_ack = fail
    reason = {"socket": "timeout", "http": "http_error"}[transport]
    async with getattr(app, transport)():
        posted = await slack.post(user, channel, "hello")
        failed = await slack.wait_until(lambda: read_delivery(slack, posted.ts), lambda found: found.state == "failed")
        assert [attempt.failure for attempt in failed.attempts] == [reason] * 4
        assert app.retry_headers(posted.ts)[1:] == [(str(number), reason) for number in (1, 2, 3)]
        app.before_ack = None
        await slack.redeliver(failed.number, times=2)
        await slack.wait_until(lambda: read_delivery(slack, posted.ts), lambda found: len(found.attempts) == 6)


async def test_stop_button_ends_the_stream(slack: SlackControl, user: str) -> None:
    async with RecordingApp(slack).socket() as app:
        direct = await slack.open_home(user, "messages")
        question = await slack.post(user, direct, "question")
        with pytest.raises(ImpossibleActionError, match="no stop button"):
            await slack.press_stop(user, direct, question.ts)
        stream = await app.client.chat_startStream(channel=direct, thread_ts=question.ts, markdown_text="a")
        assert await slack.press_stop(user, direct, question.ts) == [stream["ts"]]
        with pytest.raises(Exception, match="stopped_by_user"):
            await app.client.chat_appendStream(channel=direct, ts=stream["ts"], markdown_text="b")
        session = await slack.session(direct, question.ts)
        assert session is not None and session.status == "processing"


async def test_command_is_not_retried(slack: SlackControl, app: InteractiveApp, user: str, channel: str) -> None:
    assert (await slack.run_command(user, channel, "/test", "last week")).state == "acked"
    assert app.payloads[0]["text"] == "last week" and "thread_ts" not in app.payloads[0]
    await slack.set_rules(ack_seconds=0.3)
    app.before_ack = wait_too_long
    delivery = await slack.run_command(user, channel, "/test")
    await slack.set_rules(ack_seconds=3.0)
    assert [attempt.failure for attempt in delivery.attempts] == ["timeout"]


async def test_button_needs_a_visible_message(
    slack: SlackControl, app: InteractiveApp, user: str, channel: str
) -> None:
    posted = await app.client.chat_postMessage(channel=channel, text="failed", blocks=BLOCKS)
    assert (await slack.click(user, channel, posted["ts"], "retry")).state == "acked"
    action = app.payloads[0]["actions"][0]
    assert (action["type"], action["value"]) == ("button", "7")
    other = (await slack.add_user("other")).id
    with pytest.raises(ImpossibleActionError, match="is not in"):
        await slack.click(other, channel, posted["ts"], "retry")
    await slack.join(other, channel)
    ephemeral = await app.client.chat_postEphemeral(channel=channel, user=user, text="for you", blocks=BLOCKS)
    with pytest.raises(ImpossibleActionError, match="no message"):
        await slack.click(other, channel, ephemeral["message_ts"], "retry")
    with pytest.raises(ImpossibleActionError, match="no element"):
        await slack.click(user, channel, posted["ts"], "other")


async def test_response_url_expires(slack: SlackControl, app: InteractiveApp, user: str, channel: str) -> None:
    urls = [(await slack.run_command(user, channel, "/test")).payload["response_url"] for _ in range(2)]
    for number in range(5):
        assert (await AsyncWebhookClient(urls[0]).send(text=str(number))).status_code == 200
    assert "used_url" in (await AsyncWebhookClient(urls[0]).send(text="5")).body
    assert [message.text for message in await slack.ephemerals(channel, user)] == list("01234")
    await slack.advance_clock(1801)
    assert "expired_url" in (await AsyncWebhookClient(urls[1]).send(text="late")).body


async def test_modal_is_opened_once_and_in_time(
    slack: SlackControl, app: InteractiveApp, user: str, channel: str
) -> None:
    async def open_modal(trigger_id: str, **changes: Any) -> str:
        with pytest.raises(SlackApiError) as caught:
            await app.client.views_open(trigger_id=trigger_id, view={**MODAL, **changes})
        return str(caught.value.response["error"])

    first, second = [(await slack.run_command(user, channel, "/test")).payload["trigger_id"] for _ in range(2)]
    assert await open_modal("unknown") == "invalid_trigger_id"
    assert await open_modal(first, title=text("x" * 25)) == "invalid_arguments"
    assert await open_modal(first, submit=None) == "invalid_arguments"
    await app.client.views_open(trigger_id=first, view=MODAL)
    assert await open_modal(first) == "exchanged_trigger_id"
    await slack.advance_clock(4)
    assert await open_modal(second) == "expired_trigger_id"


async def test_modal_is_filled_in(slack: SlackControl, app: InteractiveApp, user: str, channel: str) -> None:
    trigger_id = (await slack.run_command(user, channel, "/test")).payload["trigger_id"]
    view_id = (await app.client.views_open(trigger_id=trigger_id, view=MODAL))["view"]["id"]
    with pytest.raises(ImpossibleActionError, match="persona must be filled in"):
        await slack.submit_view(user, view_id)
    with pytest.raises(ImpossibleActionError, match="does not offer"):
        await slack.submit_view(user, view_id, persona="x", mode="never")
    await slack.submit_view(user, view_id, persona="pirate")
    values = app.payloads[-1]["view"]["state"]["values"]
    assert values["persona"]["persona"]["value"] == "pirate"
    assert values["mode"]["mode"]["selected_option"]["value"] == "always"
    assert not (await slack.views(user))[0].open
