"""Commands, buttons, shortcuts, modals, response URLs and manifests of the fake Slack, with real slack-bolt."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook.async_client import AsyncWebhookClient

from chat_service.child_process import running_child
from chat_service.engine.process import free_port
from tests.fakes.slack import Impossible, SlackControl
from tests.fakes.slack.running import running_slack
from tests.fakes.slack.trial import Trial
from tests.fork_server import ROOT

BUTTONS: list[dict[str, Any]] = [
    {
        "type": "actions",
        "elements": [
            {"type": "button", "action_id": "retry", "value": "7", "text": {"type": "plain_text", "text": "Go"}}
        ],
    },
    {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": "feedback",
                "positive_button": {"text": {"type": "plain_text", "text": "Good"}, "value": "good"},
                "negative_button": {"text": {"type": "plain_text", "text": "Bad"}, "value": "bad"},
            }
        ],
    },
]
OPTIONS = [{"text": {"type": "plain_text", "text": one}, "value": one} for one in ("always", "mention")]
MODAL: dict[str, Any] = {
    "type": "modal",
    "callback_id": "settings",
    "title": {"type": "plain_text", "text": "Settings"},
    "submit": {"type": "plain_text", "text": "Save"},
    "blocks": [
        {
            "type": "input",
            "block_id": "mode",
            "label": {"type": "plain_text", "text": "Mode"},
            "element": {
                "type": "static_select",
                "action_id": "mode",
                "options": OPTIONS,
                "initial_option": OPTIONS[0],
            },
        },
        {
            "type": "input",
            "block_id": "persona",
            "label": {"type": "plain_text", "text": "Persona"},
            "element": {"type": "plain_text_input", "action_id": "persona"},
        },
    ],
}
MANIFEST: dict[str, Any] = {
    "display_information": {"name": "Threadwell"},
    "features": {
        "bot_user": {"display_name": "Threadwell"},
        "slash_commands": [{"command": "/history", "description": "What was said"}],
        "shortcuts": [{"name": "History", "type": "message", "callback_id": "show", "description": "d"}],
        "app_home": {"messages_tab_enabled": True},
        "agent_view": {"agent_description": "Answers"},
    },
    "oauth_config": {"scopes": {"bot": ["chat:write", "commands", "assistant:write", "im:history"]}},
    "settings": {
        "event_subscriptions": {"bot_events": ["message.im"]},
        "interactivity": {"is_enabled": True},
        "socket_mode_enabled": True,
    },
}


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[SlackControl]:
    async with running_slack() as control:
        yield control


@pytest.fixture
async def slack(running: SlackControl) -> AsyncIterator[SlackControl]:
    app = running.app
    await running.clear()
    yield running
    await running.rules(ack_seconds=3.0)
    await running.configure(**{name: value for name, value in app.model_dump().items() if name != "app_id"})


@pytest.fixture
async def user(slack: SlackControl) -> str:
    return (await slack.add_user("asker")).id


@pytest.fixture
async def channel(slack: SlackControl, user: str) -> str:
    return (await slack.add_channel("talk", [user])).id


@pytest.mark.parametrize("transport", ["socket", "http"])
async def test_a_command_is_answered(slack: SlackControl, user: str, channel: str, transport: str) -> None:
    trial = Trial(slack)
    bodies: list[dict[str, Any]] = []

    @trial.app.command("/history")
    async def history(ack: Any, body: dict[str, Any]) -> None:
        bodies.append(body)
        await ack("here it is")

    async with getattr(trial, transport)():
        delivery = await slack.command(user, channel, "/history", "last week")
        assert delivery.state == "acked"
        [body] = bodies
        assert (body["command"], body["text"], body["channel_name"]) == ("/history", "last week", "talk")
        assert "thread_ts" not in body
        [told] = await slack.ephemerals(channel, user)
        assert told.text == "here it is"


async def test_a_command_nobody_answers_fails_once(slack: SlackControl, user: str, channel: str) -> None:
    await slack.rules(ack_seconds=0.3)
    trial = Trial(slack)

    @trial.app.command("/history")
    async def history(ack: Any) -> None:
        await asyncio.sleep(60)

    async with trial.socket():
        delivery = await slack.command(user, channel, "/history")
        assert delivery.state == "failed" and [one.failure for one in delivery.attempts] == ["timeout"]
    await slack.configure(commands=["/other"])
    with pytest.raises(Impossible, match="not a valid command"):
        await slack.command(user, channel, "/history")


@pytest.mark.parametrize("transport", ["socket", "http"])
async def test_buttons(slack: SlackControl, user: str, channel: str, transport: str) -> None:
    trial = Trial(slack)
    pressed: list[dict[str, Any]] = []

    async def press(ack: Any, body: dict[str, Any]) -> None:
        pressed.append(body)
        await ack()

    for name in ("retry", "feedback"):
        trial.app.action(name)(press)
    async with getattr(trial, transport)():
        posted = await trial.app.client.chat_postMessage(channel=channel, text="failed", blocks=BUTTONS)
        ts = posted["ts"]
        assert (await slack.click(user, channel, ts, "retry")).state == "acked"
        await slack.click(user, channel, ts, "feedback", "bad")
        first, second = (one["actions"][0] for one in pressed)
        assert (first["type"], first["value"]) == ("button", "7")
        assert (second["type"], second["value"]) == ("feedback_buttons", "bad")
        assert pressed[0]["message"]["ts"] == ts and pressed[0]["user"]["id"] == user
        with pytest.raises(Impossible, match="nothing to press"):
            await slack.click(user, channel, ts, "stop")
        outsider = (await slack.add_user("outsider")).id
        with pytest.raises(Impossible, match="not in"):
            await slack.click(outsider, channel, ts, "retry")
        await trial.app.client.chat_update(channel=channel, ts=ts, text="done", blocks=[])
        with pytest.raises(Impossible, match="nothing to press"):
            await slack.click(user, channel, ts, "retry")


async def test_an_ephemeral_button_is_for_one_person(slack: SlackControl, user: str, channel: str) -> None:
    second = (await slack.add_user("second")).id
    await slack.join(second, channel)
    trial = Trial(slack)

    @trial.app.action("retry")
    async def press(ack: Any, respond: Any) -> None:
        await ack()
        await respond(text="page two", replace_original=True)

    async with trial.socket():
        client = trial.app.client
        await client.chat_postEphemeral(channel=channel, user=user, text="page one", blocks=BUTTONS)
        [shown] = await slack.ephemerals(channel, user)
        with pytest.raises(Impossible, match="no message"):
            await slack.click(second, channel, shown.ts, "retry")
        await slack.click(user, channel, shown.ts, "retry")
        [shown] = await slack.until(lambda: slack.ephemerals(channel, user), lambda one: one[0].text == "page two")


async def test_a_response_url_is_good_for_five_uses_in_thirty_minutes(
    slack: SlackControl, user: str, channel: str
) -> None:
    trial = Trial(slack)
    trial.app.command("/history")(_acknowledged)
    since = len(await slack.calls())
    async with trial.socket():
        url = (await slack.command(user, channel, "/history")).payload["response_url"]
        other = (await slack.command(user, channel, "/history")).payload["response_url"]
        for number in range(5):
            answer = await AsyncWebhookClient(url).send(text=str(number), response_type="ephemeral")
            assert (answer.status_code, answer.body) == (200, "ok")
        answer = await AsyncWebhookClient(url).send(text="six")
        assert answer.status_code == 404 and "used_url" in answer.body
        assert [one.text for one in await slack.ephemerals(channel, user)] == list("01234")
        await AsyncWebhookClient(other).send(text="for all", response_type="in_channel")
        assert [one.text for one in await slack.replies(channel)] == ["for all"]
        await slack.advance(1801)
        answer = await AsyncWebhookClient(other).send(text="late")
        assert answer.status_code == 404 and "expired_url" in answer.body
        assert len(await slack.calls("response_url", since=since)) == 8


async def _acknowledged(ack: Any) -> None:
    await ack()


async def test_a_modal_is_opened_once_and_in_time(slack: SlackControl, user: str, channel: str) -> None:
    trial = Trial(slack)
    triggers: list[str] = []

    @trial.app.command("/chat-settings")
    async def settings(ack: Any, body: dict[str, Any]) -> None:
        triggers.append(body["trigger_id"])
        await ack()

    async def refused(trigger: str, view: dict[str, Any]) -> str:
        with pytest.raises(SlackApiError) as caught:
            await trial.app.client.views_open(trigger_id=trigger, view=view)
        return str(caught.value.response["error"])

    async with trial.socket():
        await slack.command(user, channel, "/chat-settings")
        assert await refused("made-up", MODAL) == "invalid_trigger_id"
        assert await refused(triggers[0], {**MODAL, "title": {"type": "plain_text", "text": "x" * 25}}) == (
            "invalid_arguments"
        )
        no_submit = {name: value for name, value in MODAL.items() if name != "submit"}
        assert await refused(triggers[0], no_submit) == "invalid_arguments"
        await trial.app.client.views_open(trigger_id=triggers[0], view=MODAL)
        assert await refused(triggers[0], MODAL) == "exchanged_trigger_id"
        await slack.command(user, channel, "/chat-settings")
        await slack.advance(4)
        assert await refused(triggers[1], MODAL) == "expired_trigger_id"


@pytest.mark.parametrize("transport", ["socket", "http"])
async def test_a_modal_is_filled_in(slack: SlackControl, user: str, channel: str, transport: str) -> None:
    trial = Trial(slack)
    states: list[Any] = []
    trial.app.shortcut("show")(_opens_modal)

    @trial.app.view("settings")
    async def submitted(ack: Any, view: dict[str, Any]) -> None:
        states.append(view["state"]["values"])
        if view["state"]["values"]["persona"]["persona"]["value"] == "bad":
            await ack(response_action="errors", errors={"persona": "not that"})
        else:
            await ack()

    async with getattr(trial, transport)():
        message = await slack.post(user, channel, "hello", silent=True)
        await slack.shortcut(user, channel, message.ts, "show")
        [view] = await slack.until(lambda: slack.views(user), lambda found: found)
        with pytest.raises(Impossible, match="persona must be filled in"):
            await slack.submit(user, view.id)
        with pytest.raises(Impossible, match="offers no"):
            await slack.submit(user, view.id, persona="x", mode="never")
        with pytest.raises(Impossible, match="sees no view"):
            await slack.submit((await slack.add_user("second")).id, view.id, persona="x")
        await slack.submit(user, view.id, persona="bad")
        assert (await slack.views(user))[0].open
        await slack.submit(user, view.id, persona="pirate", mode="mention")
        assert not (await slack.views(user))[0].open
        assert states[0]["mode"]["mode"]["selected_option"]["value"] == "always"
        assert states[1]["mode"]["mode"]["selected_option"]["value"] == "mention"
        assert states[1]["persona"]["persona"]["value"] == "pirate"


async def _opens_modal(ack: Any, body: dict[str, Any], client: Any) -> None:
    assert body["type"] == "message_action" and body["message"]["text"] == "hello"
    await client.views_open(trigger_id=body["trigger_id"], view=MODAL)
    await ack()


async def test_the_home_tab(slack: SlackControl, user: str) -> None:
    trial = Trial(slack)
    pressed: list[str] = []

    @trial.app.action("retry")
    async def press(ack: Any, body: dict[str, Any]) -> None:
        pressed.append(body["view"]["id"])
        await ack()

    async with trial.socket():
        await trial.app.client.views_publish(user_id=user, view={"type": "home", "blocks": BUTTONS})
        home = await slack.home(user)
        assert home is not None
        await slack.click_view(user, home.id, "retry")
        assert pressed == [home.id]
        stale: dict[str, Any] = {"user_id": user, "view": {"type": "home", "blocks": []}, "hash": "old"}
        with pytest.raises(SlackApiError, match="hash_conflict"):
            await trial.app.client.views_publish(**stale)


async def test_the_app_is_what_its_manifest_says(slack: SlackControl, user: str, channel: str) -> None:
    await slack.install(MANIFEST)
    trial = Trial(slack)
    trial.app.command("/history")(_acknowledged)
    async with trial.socket():
        await slack.command(user, channel, "/history")
        with pytest.raises(Impossible, match="not a valid command"):
            await slack.command(user, channel, "/chat-settings")
        message = await slack.mention(user, channel, "unheard: no app_mention, no message.channels")
        with pytest.raises(Impossible, match="no shortcut"):
            await slack.shortcut(user, channel, message.ts, "other")
        direct = await slack.direct(user)
        await slack.wait_acked(await slack.post(user, direct.id, "heard"))
        assert [one["text"] for one in trial.events] == ["heard"]
        with pytest.raises(SlackApiError, match="missing_scope"):
            await trial.app.client.users_info(user=user)


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("oauth_config", {"scopes": {"bot": ["chat:write", "commands", "assistant:write"]}}, "needs scope im:history"),
        ("oauth_config", {"scopes": {"bot": ["chat:sing"]}}, "unknown scope"),
        ("settings", {"event_subscriptions": {"bot_events": ["message.moon"]}}, "unknown event"),
        ("display_information", {"name": "x" * 36}, "35 characters"),
        ("settings", {"socket_mode_enabled": True}, "interactivity"),
    ],
)
async def test_a_manifest_that_slack_would_mark_in_red(
    slack: SlackControl, path: str, value: Any, complaint: str
) -> None:
    with pytest.raises(Impossible, match=complaint):
        await slack.install({**MANIFEST, path: value})


async def test_by_hand(slack: SlackControl) -> None:
    """`python -m tests.fakes.slack`: the settings are printed, lines are posted, and the bot's words come back."""
    port = free_port()
    command = [sys.executable, "-m", "tests.fakes.slack", "--port", str(port)]
    pipe = asyncio.subprocess.PIPE
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    async with running_child(command, env=env, stop_seconds=2, stdin=pipe, stdout=pipe) as process:
        assert process.stdin is not None and process.stdout is not None

        async def line(start: str) -> str:
            assert process.stdout is not None
            while not (read := (await process.stdout.readline()).decode().strip()).startswith(start):
                assert read, "it ended"
            return read

        assert (await asyncio.wait_for(line("export SLACK_API_URL="), 30)).endswith(f":{port}/api/")
        control = await SlackControl(f"http://127.0.0.1:{port}").connect()
        trial = Trial(control)

        async def answer() -> None:
            for event in trial.got("app_mention"):
                text = f"you said {event['text'][-5:]}"
                await trial.app.client.chat_postMessage(channel=event["channel"], text=text, thread_ts=event["ts"])

        trial.before = answer
        async with trial.socket():
            process.stdin.write(b"@bot hello\n")
            await process.stdin.drain()
            assert (await asyncio.wait_for(line("[bot"), 30)).endswith("you said hello")
