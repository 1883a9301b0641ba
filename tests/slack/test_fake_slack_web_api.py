"""The fake Slack's Web API refuses what Slack refuses; called with the real slack_sdk."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import SlackControl, make_file
from tests.fakes.slack.models import FaultKind, Json
from tests.fakes.slack.running import running_slack


def post(**content: Any) -> Json:
    return {"channel": "{channel}", "text": "x", **content}


def section(length: int) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": "x" * length}}


HEADER = {"type": "header", "text": {"type": "mrkdwn", "text": "x"}}
BUTTON = {"type": "button", "text": {"type": "plain_text", "text": "x" * 76}, "action_id": "a"}
STREAM = {"channel": "{channel}", "thread_ts": "{question}"}
REFUSED_CALLS: list[tuple[str, Json, str]] = [
    ("chat.sing", {}, "unknown_method"),
    ("chat.postMessage", post(channel="C404"), "channel_not_found"),
    ("chat.postMessage", post(channel="{public}"), "not_in_channel"),
    ("chat.postMessage", post(channel="{private}"), "channel_not_found"),
    ("chat.postMessage", post(channel="{archived}"), "is_archived"),
    ("chat.postMessage", post(thread_ts="1.000001"), "thread_not_found"),
    ("chat.postMessage", post(thread_ts="{reply}"), "cannot_reply_to_message"),
    ("chat.postMessage", post(text=""), "no_text"),
    ("chat.postMessage", post(text="x" * 40_001), "msg_too_long"),
    ("chat.postMessage", {"channel": "{channel}", "markdown_text": "x" * 12_001}, "msg_too_long"),
    ("chat.postMessage", post(blocks=[{"type": "markdown", "text": "x" * 12_001}]), "msg_too_long"),
    ("chat.postMessage", post(blocks=[section(3_001)]), "invalid_blocks"),
    ("chat.postMessage", post(blocks=[section(1)] * 51), "invalid_blocks"),
    ("chat.postMessage", post(blocks=[{"type": "unknown"}]), "invalid_blocks"),
    ("chat.postMessage", post(blocks=[HEADER]), "invalid_blocks"),
    ("chat.postMessage", post(blocks=[{"type": "actions", "elements": [BUTTON]}]), "invalid_blocks"),
    ("chat.postMessage", post(blocks="not JSON"), "invalid_blocks_format"),
    ("chat.postMessage", post(metadata={"event_type": "x"}), "invalid_metadata_format"),
    ("chat.postEphemeral", post(user="{outsider}"), "user_not_in_channel"),
    ("chat.update", post(ts="{question}"), "cant_update_message"),
    ("chat.update", post(ts="{parent}", text="x" * 4_001), "msg_too_long"),
    ("chat.update", post(ts="{stream}"), "streaming_state_conflict"),
    ("chat.delete", {"channel": "{channel}", "ts": "{question}"}, "cant_delete_message"),
    ("chat.delete", {"channel": "{channel}", "ts": "{stream}"}, "cant_delete_message"),
    ("chat.startStream", {**STREAM, "recipient_team_id": "T1"}, "missing_recipient_user_id"),
    ("chat.startStream", {**STREAM, "recipient_user_id": "{user}"}, "missing_recipient_team_id"),
    ("chat.appendStream", {"channel": "{channel}", "ts": "{stream}", "markdown_text": "x" * 12_001}, "msg_too_long"),
    ("chat.appendStream", {"channel": "{channel}", "ts": "{question}"}, "message_not_owned_by_app"),
    ("chat.appendStream", {"channel": "{channel}", "ts": "{reply}"}, "message_not_in_streaming_state"),
    ("conversations.history", {"channel": "{public}"}, "not_in_channel"),
    ("conversations.replies", {"channel": "{channel}", "ts": "1.000001"}, "thread_not_found"),
    ("reactions.add", {"channel": "{channel}", "timestamp": "{parent}", "name": "eyes"}, "already_reacted"),
    ("reactions.remove", {"channel": "{channel}", "timestamp": "{reply}", "name": "eyes"}, "no_reaction"),
    ("files.info", {"file": "{file}"}, "file_not_found"),
    ("agents.sessions.rename", {"channel_id": "{channel}", "thread_ts": "{question}", "title": "t"}, "not_authorized"),
]


@pytest.fixture(scope="module")
async def fake_slack() -> AsyncIterator[SlackControl]:
    async with running_slack() as control:
        yield control


@pytest.fixture
async def slack(fake_slack: SlackControl) -> AsyncIterator[SlackControl]:
    scopes = fake_slack.app.scopes
    yield fake_slack
    await fake_slack.clear_faults()
    await fake_slack.set_token_error(None)
    await fake_slack.set_rules(stream_seconds=300.0)
    await fake_slack.configure_app(scopes=scopes)


@pytest.fixture
def client(slack: SlackControl) -> Any:
    """The bot's AsyncWebClient; Any, because its annotations do not allow `**arguments` of mixed types."""
    return AsyncWebClient(token=slack.team.bot_token, base_url=slack.api_url, retry_handlers=[])


@pytest.fixture
async def user(slack: SlackControl) -> str:
    return (await slack.add_user("asker", display_name="Asker")).id


@pytest.fixture
async def channel(slack: SlackControl, user: str) -> str:
    return (await slack.add_channel("talk", [user])).id


@pytest.fixture
async def ids(slack: SlackControl, client: Any, user: str, channel: str) -> dict[str, str]:
    """The ids for the placeholders in REFUSED_CALLS."""
    public = await slack.add_channel("public", [user], bot=False)
    private = await slack.add_channel("private", [user], kind="group", bot=False)
    archived = await slack.add_channel("archived", [user])
    await slack.archive(archived.id)
    question = await slack.post(user, channel, "question")
    hidden = await slack.post(user, private.id, "", files=[make_file("a.txt", b"x")])
    parent = (await client.chat_postMessage(channel=channel, text="parent"))["ts"]
    await client.reactions_add(channel=channel, timestamp=parent, name="eyes")
    reply = (await client.chat_postMessage(channel=channel, text="reply", thread_ts=parent))["ts"]
    recipient = {"recipient_team_id": slack.team.id, "recipient_user_id": user}
    stream = (await client.chat_startStream(channel=channel, thread_ts=parent, markdown_text="a", **recipient))["ts"]
    ids = {"user": user, "outsider": (await slack.add_user("outsider")).id, "channel": channel, "public": public.id}
    ids |= {"private": private.id, "archived": archived.id, "question": question.ts, "file": hidden.files[0]}
    return {**ids, "parent": parent, "reply": reply, "stream": stream}


async def read_error(call: Any) -> str:
    """Return the error code of a refused call."""
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_calls_are_refused(client: Any, ids: dict[str, str]) -> None:
    for method, arguments, error in REFUSED_CALLS:
        values = {name: value if isinstance(value, str) else json.dumps(value) for name, value in arguments.items()}
        for name, value in ids.items():
            values = {key: text.replace("{" + name + "}", value) for key, text in values.items()}
        assert await read_error(client.api_call(method, data=values)) == error, (method, str(values)[:200])


async def test_scope_and_token_are_checked(slack: SlackControl, client: Any, user: str, channel: str) -> None:
    await slack.configure_app(scopes=["chat:write", "channels:history"])
    with pytest.raises(SlackApiError) as caught:
        await client.users_info(user=user)
    assert (caught.value.response["error"], caught.value.response["needed"]) == ("missing_scope", "users:read")
    assert (await client.conversations_history(channel=channel))["ok"]
    assert await read_error(client.auth_test(token="xoxb-wrong")) == "invalid_auth"
    assert await read_error(client.auth_test(token="")) == "not_authed"
    await slack.set_token_error("token_revoked")
    assert await read_error(client.auth_test()) == "token_revoked"


async def test_history_is_paged_and_has_no_replies(slack: SlackControl, client: Any, user: str, channel: str) -> None:
    posted = [(await slack.post(user, channel, text)).ts for text in "01234"]
    metadata = {"event_type": "turn", "event_payload": {"id": "t1"}}
    await client.chat_postMessage(channel=channel, text="reply", thread_ts=posted[0], metadata=metadata)
    page = await client.conversations_history(channel=channel, limit=3)
    assert [message["text"] for message in page["messages"]] == ["4", "3", "2"] and page["has_more"]
    cursor = page["response_metadata"]["next_cursor"]
    rest = await client.conversations_history(channel=channel, limit=3, cursor=cursor)
    assert [message["text"] for message in rest["messages"]] == ["1", "0"] and not rest["has_more"]
    await slack.delete(user, channel, posted[0])
    tombstone, reply = (await client.conversations_replies(channel=channel, ts=posted[0]))["messages"]
    assert tombstone["subtype"] == "tombstone" and "metadata" not in reply
    _, reply = (await client.conversations_replies(channel=channel, ts=posted[0], include_all_metadata=True))[
        "messages"
    ]
    assert reply["metadata"] == metadata


async def test_ephemeral_message_in_a_thread_without_replies_is_lost(
    slack: SlackControl, client: Any, user: str, channel: str
) -> None:
    question = await slack.post(user, channel, "question")
    await client.chat_postEphemeral(channel=channel, user=user, text="lost", thread_ts=question.ts)
    await client.chat_postEphemeral(channel=channel, user=user, text="shown")
    assert [message.text for message in await slack.ephemerals(channel, user)] == ["shown"]


async def test_mentions_and_unfurls_are_recorded(slack: SlackControl, client: Any, user: str, channel: str) -> None:
    blocks = [{"type": "markdown", "text": "`<!here>`"}]
    await client.chat_postMessage(channel=channel, text=f"<@{user}> see https://example.org", blocks=blocks)
    escaped = "&lt;!here&gt; https://example.org"
    await client.chat_postMessage(channel=channel, text=escaped, unfurl_links=False, unfurl_media=False)
    first, second = await slack.replies(channel)
    assert (set(first.mentions), first.unfurls) == ({"!here", f"@{user}"}, True)
    assert (second.mentions, second.unfurls) == ([], False)


async def test_file_download_without_the_token_gets_a_page(
    slack: SlackControl, client: Any, user: str, channel: str
) -> None:
    await slack.post(user, channel, "see", files=[make_file("a.txt", b"secret")])
    [message] = (await client.conversations_history(channel=channel))["messages"]
    url, headers = message["files"][0]["url_private"], {"Authorization": f"Bearer {slack.team.bot_token}"}
    async with aiohttp.ClientSession() as session:
        async with session.get(url, headers=headers) as response:
            assert (response.status, await response.read()) == (200, b"secret")
        async with session.get(url) as response:
            assert (response.status, response.content_type) == (200, "text/html")


async def test_stream_ends_by_stop_or_by_itself(slack: SlackControl, client: Any, user: str) -> None:
    channel = (await slack.open_conversation(user)).id
    question = await slack.post(user, channel, "question")
    await client.assistant_threads_setStatus(channel_id=channel, thread_ts=question.ts, status="is thinking…")
    stream = {"channel": channel, "ts": (await client.chat_startStream(channel=channel, thread_ts=question.ts))["ts"]}
    session = await slack.session(channel, question.ts)
    assert session is not None and session.status == "processing"
    assert await slack.status(channel, question.ts) is None
    await client.chat_stopStream(**stream, markdown_text="answer")
    session = await slack.session(channel, question.ts)
    assert session is not None and session.status == "active"
    append = client.chat_appendStream(**stream, markdown_text="more")
    assert await read_error(append) == "message_not_in_streaming_state"
    assert (await client.chat_update(**stream, text="complete"))["ok"]
    await slack.set_rules(stream_seconds=0.0)
    expired = (await client.chat_startStream(channel=channel, thread_ts=question.ts))["ts"]
    assert await read_error(client.chat_stopStream(channel=channel, ts=expired)) == "message_not_in_streaming_state"


async def test_faults_apply_before_or_after_the_commit(slack: SlackControl, client: Any, channel: str) -> None:
    kinds: tuple[FaultKind, ...] = ("ratelimited", "refuse", "fail", "cut", "commit_fail", "commit_cut", "late_commit")
    for kind in kinds:
        await slack.add_fault("chat.postMessage", kind, contains=f"#{kind}", delay=0.1)
        with pytest.raises((SlackApiError, aiohttp.ClientError)):
            await client.chat_postMessage(channel=channel, text=f"#{kind}")
    await slack.wait_reply(channel, condition=lambda reply: reply.text == "#late_commit")
    replies = await slack.replies(channel)
    assert {reply.text for reply in replies} == {"#commit_cut", "#commit_fail", "#late_commit"}


async def test_outage_cuts_or_refuses_every_call(slack: SlackControl, client: Any) -> None:
    await slack.start_outage()
    with pytest.raises(aiohttp.ClientError):
        await client.auth_test()
    await slack.start_outage("503")
    assert await read_error(client.auth_test()) == "service_unavailable"
    await slack.end_outage()
    await client.auth_test()
