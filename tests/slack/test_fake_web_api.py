"""The fake Slack's Web API, through the real slack_sdk: what works as in Slack, and what it refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncConnectionErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import SlackControl, attached
from tests.fakes.slack.running import running_slack


@dataclass
class Place:
    """A fresh channel with one person and the bot, and the client of the bot."""

    slack: SlackControl
    client: Any  # an AsyncWebClient, whose annotations do not let arguments be gathered in a dict
    user: str
    channel: str

    async def refused(self, call: Any) -> str:
        """The error of a call that must fail."""
        with pytest.raises(SlackApiError) as caught:
            await call
        return str(caught.value.response["error"])

    async def said(self, text: str = "hello", **more: Any) -> str:
        """The ts of a message of the bot's."""
        return str((await self.client.chat_postMessage(channel=self.channel, text=text, **more))["ts"])


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[SlackControl]:
    async with running_slack() as control:
        yield control


@pytest.fixture
async def place(running: SlackControl) -> AsyncIterator[Place]:
    await running.clear()
    app = running.app
    person = await running.add_user("asker", display_name="Asker")
    channel = await running.add_channel("talk", [person.id])
    client = AsyncWebClient(token=running.team.bot_token, base_url=running.api_url, retry_handlers=[])
    yield Place(running, client, person.id, channel.id)
    await running.clear()
    await running.token_error(None)
    await running.rules(posts_per_second=None, per_minute={}, stream_seconds=300.0, history_page=999)
    await running.configure(**{name: getattr(app, name) for name in ("scopes", "events", "agent", "native_streaming")})


# --- tokens and scopes --------------------------------------------------------------------------------------
async def test_the_token_is_checked(place: Place) -> None:
    answer = await place.client.auth_test()
    assert answer["user_id"] == place.slack.bot and answer["team_id"] == place.slack.team.id
    assert "chat:write" in answer.headers["X-OAuth-Scopes"]
    wrong = AsyncWebClient(token="xoxb-wrong", base_url=place.slack.api_url)
    assert await place.refused(wrong.auth_test()) == "invalid_auth"
    assert await place.refused(place.client.auth_test(token="")) == "not_authed"
    assert await place.refused(place.client.apps_connections_open(app_token=place.slack.team.bot_token)) == (
        "not_allowed_token_type"
    )
    for error in ("token_revoked", "account_inactive"):
        await place.slack.token_error(error)
        assert await place.refused(place.client.chat_postMessage(channel=place.channel, text="x")) == error


async def test_a_missing_scope_is_named(place: Place) -> None:
    await place.slack.configure(scopes=["chat:write", "channels:history"])
    with pytest.raises(SlackApiError) as caught:
        await place.client.users_info(user=place.user)
    assert caught.value.response["error"] == "missing_scope"
    assert caught.value.response["needed"] == "users:read"
    assert caught.value.response["provided"] == "chat:write,channels:history"
    assert (await place.client.conversations_history(channel=place.channel))["ok"]
    assert await place.refused(place.client.conversations_info(channel=place.channel)) == "missing_scope"


async def test_an_unknown_method_and_a_body_that_a_reading_method_ignores(place: Place) -> None:
    assert await place.refused(place.client.api_call("chat.sing")) == "unknown_method"
    read = place.client.api_call("conversations.info", json={"channel": place.channel})
    assert await place.refused(read) == "invalid_arguments"
    assert (await place.client.api_call("conversations.info", params={"channel": place.channel}))["ok"]
    form = await place.client.api_call("chat.postMessage", data={"channel": place.channel, "text": "by form"})
    assert form["message"]["text"] == "by form"


# --- posting ------------------------------------------------------------------------------------------------
async def test_posting_where_the_bot_may_not(place: Place) -> None:
    other = await place.slack.add_channel("public", [place.user], bot=False)
    hidden = await place.slack.add_channel("private", [place.user], kind="group", bot=False)
    post = place.client.chat_postMessage
    assert await place.refused(post(channel="C404", text="x")) == "channel_not_found"
    assert await place.refused(post(channel=other.id, text="x")) == "not_in_channel"
    assert await place.refused(post(channel=hidden.id, text="x")) == "channel_not_found"
    await place.slack.join(place.slack.bot, other.id)
    assert (await post(channel=other.id, text="x"))["ok"]
    await place.slack.archive(other.id)
    assert await place.refused(post(channel=other.id, text="x")) == "is_archived"
    assert await place.refused(post(channel=place.channel, text="x", thread_ts="1.000001")) == "thread_not_found"
    reply = await place.said(thread_ts=await place.said())
    assert await place.refused(post(channel=place.channel, text="x", thread_ts=reply)) == "cannot_reply_to_message"


@pytest.mark.filterwarnings("ignore:The top-level `text`")
async def test_lengths_and_shapes(place: Place) -> None:
    async def post(**content: Any) -> str:
        return await place.refused(place.client.chat_postMessage(channel=place.channel, **content))

    def section(text: str) -> dict[str, Any]:
        return {"type": "section", "text": {"type": "mrkdwn", "text": text}}

    assert await post() == "no_text"
    assert await post(text="x" * 40_001) == "msg_too_long"
    assert await post(markdown_text="x" * 12_001) == "msg_too_long"
    assert await post(markdown_text="x", text="y") == "markdown_text_conflict"
    assert await post(blocks=[{"type": "markdown", "text": "x" * 12_001}], text="y") == "msg_too_long"
    assert await post(blocks=[section("x" * 3_001)], text="y") == "invalid_blocks"
    assert await post(blocks=[section("x")] * 51, text="y") == "invalid_blocks"
    assert await post(blocks=[{"type": "secton"}], text="y") == "invalid_blocks"
    assert (
        await post(blocks=[{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], text="y") == "invalid_blocks"
    )
    assert await post(blocks="no json", text="y") == "invalid_blocks_format"
    button = {"type": "button", "text": {"type": "plain_text", "text": "x" * 76}, "action_id": "a"}
    assert await post(blocks=[{"type": "actions", "elements": [button]}], text="y") == "invalid_blocks"
    assert await post(text="y", metadata={"event_type": "x"}) == "invalid_metadata_format"
    assert await place.slack.replies(place.channel) == []
    assert await place.said("x" * 40_000)
    blocks = [section("x" * 3_000), {"type": "markdown", "text": "x" * 12_000}]
    assert await place.said(blocks=blocks)


async def test_timestamps_only_grow_and_metadata_comes_back_when_asked_for(place: Place) -> None:
    metadata = {"event_type": "turn", "event_payload": {"id": "t1"}}
    found = [await place.said(str(number), metadata=metadata) for number in range(20)]
    assert found == sorted(set(found), key=float)
    plain = await place.client.conversations_history(channel=place.channel)
    assert "metadata" not in plain["messages"][0]
    whole = await place.client.conversations_history(channel=place.channel, include_all_metadata=True)
    assert whole["messages"][0]["metadata"] == metadata


async def test_changing_and_deleting(place: Place) -> None:
    theirs = (await place.slack.post(place.user, place.channel, "mine")).ts
    ours = await place.said()
    update, delete = place.client.chat_update, place.client.chat_delete
    assert await place.refused(update(channel=place.channel, ts=theirs, text="x")) == "cant_update_message"
    assert await place.refused(update(channel=place.channel, ts="1.000001", text="x")) == "message_not_found"
    assert await place.refused(update(channel=place.channel, ts=ours, text="x" * 4_001)) == "msg_too_long"
    assert await place.refused(delete(channel=place.channel, ts=theirs)) == "cant_delete_message"
    await update(channel=place.channel, ts=ours, text="better")
    [message] = await place.slack.replies(place.channel)
    assert [one.text for one in message.revisions] == ["hello", "better"]
    await delete(channel=place.channel, ts=ours)
    assert await place.refused(delete(channel=place.channel, ts=ours)) == "message_not_found"


async def test_a_deleted_parent_leaves_a_tombstone(place: Place) -> None:
    parent = await place.slack.post(place.user, place.channel, "question")
    await place.said("answer", thread_ts=parent.ts)
    await place.slack.delete(place.user, place.channel, parent.ts)
    thread = await place.client.conversations_replies(channel=place.channel, ts=parent.ts)
    assert [one.get("subtype") for one in thread["messages"]] == ["tombstone", None]


async def test_ephemeral_messages_reach_members_alone(place: Place) -> None:
    outsider = await place.slack.add_user("outsider")
    show = place.client.chat_postEphemeral
    assert await place.refused(show(channel=place.channel, user=outsider.id, text="x")) == "user_not_in_channel"
    await show(channel=place.channel, user=place.user, text="only you")
    assert [one.text for one in await place.slack.ephemerals(place.channel, place.user)] == ["only you"]
    history = await place.client.conversations_history(channel=place.channel)
    assert history["messages"] == []


async def test_what_pings_and_what_unfurls_is_seen(place: Place) -> None:
    await place.said(f"<!channel> and <@{place.user}> see https://example.org", unfurl_links=True)
    await place.said("&lt;!channel&gt; https://example.org", unfurl_links=False, unfurl_media=False)
    await place.said("safe", blocks=[{"type": "markdown", "text": "`<!here>`"}])
    loud, quiet, block = await place.slack.replies(place.channel)
    assert set(loud.pings) == {"!channel", f"@{place.user}"} and loud.unfurls
    assert quiet.pings == [] and not quiet.unfurls
    assert block.pings == ["!here"]


async def test_reactions_and_permalinks(place: Place) -> None:
    ts = await place.said()
    react = {"channel": place.channel, "timestamp": ts, "name": "eyes"}
    await place.client.reactions_add(**react)
    assert await place.refused(place.client.reactions_add(**react)) == "already_reacted"
    await place.client.reactions_remove(**react)
    assert await place.refused(place.client.reactions_remove(**react)) == "no_reaction"
    link = await place.client.chat_getPermalink(channel=place.channel, message_ts=ts)
    assert link["permalink"].endswith(f"/archives/{place.channel}/p{ts.replace('.', '')}")


# --- reading ------------------------------------------------------------------------------------------------
async def test_history_has_no_replies_and_pages(place: Place) -> None:
    first = (await place.slack.post(place.user, place.channel, "0")).ts
    for number in range(1, 5):
        await place.slack.post(place.user, place.channel, str(number))
    await place.slack.post(place.user, place.channel, "in the thread", thread_ts=first)
    page = await place.client.conversations_history(channel=place.channel, limit=3)
    assert [one["text"] for one in page["messages"]] == ["4", "3", "2"] and page["has_more"]
    cursor = page["response_metadata"]["next_cursor"]
    rest = await place.client.conversations_history(channel=place.channel, limit=3, cursor=cursor)
    assert [one["text"] for one in rest["messages"]] == ["1", "0"] and not rest["has_more"]
    assert rest["messages"][1]["reply_count"] == 1
    later = await place.client.conversations_history(channel=place.channel, oldest=first)
    assert [one["text"] for one in later["messages"]] == ["4", "3", "2", "1"]
    thread = await place.client.conversations_replies(channel=place.channel, ts=first)
    assert [one["text"] for one in thread["messages"]] == ["0", "in the thread"]
    assert (
        await place.refused(place.client.conversations_replies(channel=place.channel, ts="1.1")) == "thread_not_found"
    )
    await place.slack.leave(place.slack.bot, place.channel)
    assert await place.refused(place.client.conversations_history(channel=place.channel)) == "not_in_channel"


async def test_an_old_message_is_old(place: Place) -> None:
    new = await place.slack.post(place.user, place.channel, "new")
    old = await place.slack.post(place.user, place.channel, "old", age=90_000)
    assert float(new.ts) - float(old.ts) > 89_000
    page = await place.client.conversations_history(channel=place.channel)
    assert [one["text"] for one in page["messages"]] == ["new", "old"]


async def test_who_and_where(place: Place) -> None:
    user = (await place.client.users_info(user=place.user))["user"]
    assert user["profile"]["display_name"] == "Asker"
    assert await place.refused(place.client.users_info(user="U404")) == "user_not_found"
    assert place.user in [one["id"] for one in (await place.client.users_list())["members"]]
    info = (await place.client.conversations_info(channel=place.channel))["channel"]
    assert info["name"] == "talk" and info["is_member"] and not info["is_private"]
    members = await place.client.conversations_members(channel=place.channel)
    assert set(members["members"]) == {place.user, place.slack.bot}
    hidden = await place.slack.add_channel("hidden", [place.user], kind="group", bot=False)
    every = await place.client.conversations_list(types="public_channel,private_channel", limit=1000)
    names = [one["id"] for one in every["channels"]]
    assert place.channel in names and hidden.id not in names
    mine = await place.client.users_conversations(types="public_channel", limit=1000)
    assert place.channel in [one["id"] for one in mine["channels"]]
    direct = (await place.client.conversations_open(users=place.user))["channel"]["id"]
    assert direct == (await place.client.conversations_open(users=[place.user]))["channel"]["id"]
    assert (await place.client.chat_postMessage(channel=place.user, text="x"))["channel"] == direct
    assert (await place.client.team_info())["team"]["id"] == place.slack.team.id
    assert (await place.client.bots_info(bot=place.slack.team.bot_id))["bot"]["user_id"] == place.slack.bot
    assert "threadwell" in (await place.client.emoji_list())["emoji"]
    group = await place.slack.add_usergroup("ops", "Operators", [place.user])
    assert group in [one["id"] for one in (await place.client.usergroups_list())["usergroups"]]


# --- files --------------------------------------------------------------------------------------------------
async def test_files_need_the_token(place: Place) -> None:
    posted = await place.slack.post(place.user, place.channel, "see", files=[attached("a.txt", b"secret")])
    [message] = (await place.client.conversations_history(channel=place.channel))["messages"]
    [file] = message["files"]
    assert message["subtype"] == "file_share" and posted.files == [file["id"]]
    async with aiohttp.ClientSession() as session:
        good = {"Authorization": f"Bearer {place.slack.team.bot_token}"}
        async with session.get(file["url_private"], headers=good) as response:
            assert (response.status, await response.read()) == (200, b"secret")
        async with session.get(file["url_private"]) as response:
            assert (response.status, response.content_type) == (200, "text/html")
            assert b"secret" not in await response.read()
    hidden = await place.slack.add_channel("hidden", [place.user], kind="group", bot=False)
    unseen = await place.slack.post(place.user, hidden.id, "", files=[attached("b.txt", b"x")])
    assert await place.refused(place.client.files_info(file=unseen.files[0])) == "file_not_found"


async def test_an_upload_in_three_steps(place: Place) -> None:
    thread = await place.said()
    done = await place.client.files_upload_v2(
        channel=place.channel, thread_ts=thread, filename="export.md", content="# all of it", initial_comment="here"
    )
    assert done["file"]["name"] == "export.md"
    message = (await place.slack.replies(place.channel, thread))[-1]
    assert message.text == "here" and message.files == [done["file"]["id"]]
    unsent = await place.client.files_getUploadURLExternal(filename="x", length=3)
    complete = place.client.files_completeUploadExternal(files=[{"id": unsent["file_id"]}], channel_id=place.channel)
    assert await place.refused(complete) == "file_not_found"


# --- streams and sessions -----------------------------------------------------------------------------------
async def test_the_sdk_streams(place: Place) -> None:
    thread = await place.slack.post(place.user, place.channel, "question")
    stream = await place.client.chat_stream(
        channel=place.channel,
        thread_ts=thread.ts,
        recipient_team_id=place.slack.team.id,
        recipient_user_id=place.user,
        buffer_size=4,
    )
    await stream.append(markdown_text="Hello ")
    session = await place.slack.session(place.channel, thread.ts)
    assert session is not None and session.status == "processing"
    await stream.append(markdown_text="world")
    await stream.stop(metadata={"event_type": "turn", "event_payload": {"id": "t"}}, session_status="suspended")
    [reply] = await place.slack.replies(place.channel, thread.ts)
    assert reply.text == "Hello world" and reply.stream is not None and reply.stream.state == "completed"
    assert reply.metadata is not None
    session = await place.slack.session(place.channel, thread.ts)
    assert session is not None and session.status == "suspended"


async def test_what_streams_refuse(place: Place) -> None:
    thread = await place.slack.post(place.user, place.channel, "question")
    where = {"channel": place.channel, "thread_ts": thread.ts}
    to = {"recipient_team_id": place.slack.team.id, "recipient_user_id": place.user}
    start = place.client.chat_startStream
    assert await place.refused(start(**where, recipient_team_id=place.slack.team.id)) == "missing_recipient_user_id"
    assert await place.refused(start(**where, recipient_user_id=place.user)) == "missing_recipient_team_id"
    ts = (await start(**where, **to, markdown_text="a"))["ts"]
    this = {"channel": place.channel, "ts": ts}
    append, stop = place.client.chat_appendStream, place.client.chat_stopStream
    assert await place.refused(append(**this, chunks=[{"type": "markdown_text", "text": "b"}])) == (
        "streaming_mode_mismatch"
    )
    assert await place.refused(append(**this, markdown_text="x" * 12_000)) == "msg_too_long"
    assert await place.refused(place.client.chat_update(**this, text="x")) == "streaming_state_conflict"
    assert await place.refused(place.client.chat_delete(**this)) == "cant_delete_message"
    await stop(**this, markdown_text="b")
    assert await place.refused(append(**this, markdown_text="c")) == "message_not_in_streaming_state"
    assert await place.refused(stop(**this)) == "message_not_in_streaming_state"
    assert (await place.client.chat_update(**this, text="now it may"))["ok"]
    plain = await place.said(thread_ts=thread.ts)
    plainly = {"channel": place.channel, "ts": plain}
    assert await place.refused(append(**plainly, markdown_text="c")) == "message_not_in_streaming_state"
    theirs = {"channel": place.channel, "ts": thread.ts}
    assert await place.refused(append(**theirs, markdown_text="c")) == "message_not_owned_by_app"
    await place.slack.configure(native_streaming=False)
    assert await place.refused(start(**where, **to)) == "feature_disabled"


async def test_slack_ends_a_stream_by_itself(place: Place) -> None:
    thread = await place.slack.post(place.user, place.channel, "question")
    to = {"recipient_team_id": place.slack.team.id, "recipient_user_id": place.user}
    started = await place.client.chat_startStream(channel=place.channel, thread_ts=thread.ts, markdown_text="a", **to)
    this = {"channel": place.channel, "ts": started["ts"]}
    await place.client.chat_appendStream(**this, markdown_text="b")
    await place.slack.expire_stream(place.channel, started["ts"])
    assert await place.refused(place.client.chat_appendStream(**this, markdown_text="c")) == (
        "message_not_in_streaming_state"
    )
    assert (await place.client.chat_update(**this, text="whole"))["ok"]
    await place.slack.rules(stream_seconds=0.0)
    started = await place.client.chat_startStream(channel=place.channel, thread_ts=thread.ts, **to)
    stop = place.client.chat_stopStream(channel=place.channel, ts=started["ts"])
    assert await place.refused(stop) == "message_not_in_streaming_state"


async def test_sessions_status_and_prompts(place: Place) -> None:
    direct = (await place.slack.direct(place.user)).id
    thread = await place.slack.post(place.user, direct, "question")
    where = {"channel_id": direct, "thread_ts": thread.ts}
    client = place.client
    assert await place.refused(client.agents_sessions_rename(**where, title="t")) == "not_authorized"
    made = await client.agents_sessions_setStatus(**where, status="processing", title="first")
    assert made["agent_status"] == "processing" and "warning" not in made
    await client.agents_sessions_setStatus(**where, status="active", title="ignored")
    session = await place.slack.session(direct, thread.ts)
    assert session is not None and (session.status, session.title) == ("active", "first")
    await client.agents_sessions_rename(**where, title="second")
    assert await place.refused(client.agents_sessions_setStatus(**where, status="busy")) == "invalid_arguments"
    await client.assistant_threads_setStatus(**where, status="is thinking…")
    assert await place.slack.status(direct, thread.ts) == "is thinking…"
    await client.chat_postMessage(channel=direct, thread_ts=thread.ts, text="answer")
    assert await place.slack.status(direct, thread.ts) is None
    prompts = [{"title": "Hi", "message": "Hello"}]
    assert (await client.assistant_threads_setSuggestedPrompts(**where, prompts=prompts))["ok"]
    assert await place.slack.prompts(direct) == []  # with a thread Slack agrees and does nothing
    await client.assistant_threads_setSuggestedPrompts(channel_id=direct, prompts=prompts)
    assert await place.slack.prompts(direct) == prompts
    await place.slack.configure(events=["app_mention"])
    warned = await client.agents_sessions_setStatus(**where, status="processing")
    assert warned["warning"] == "missing_agent_session_stopped_event_subscription"
    await place.slack.configure(agent=False)
    assert await place.refused(client.agents_sessions_setStatus(**where, status="active")) == "not_agent_app"


# --- limits and faults --------------------------------------------------------------------------------------
async def test_posting_too_fast_is_refused_until_one_waits(place: Place) -> None:
    await place.slack.rules(posts_per_second=20.0, post_burst=1)
    await place.said("one")
    with pytest.raises(SlackApiError) as caught:
        for _ in range(20):
            await place.said("two")
    assert (caught.value.response.status_code, caught.value.response["error"]) == (429, "ratelimited")
    assert caught.value.response.headers["Retry-After"] == "1"
    await place.slack.rules(posts_per_second=None, per_minute={"conversations.replies": 1})
    ts = await place.said("three")
    await place.client.conversations_replies(channel=place.channel, ts=ts)
    assert await place.refused(place.client.conversations_replies(channel=place.channel, ts=ts)) == "ratelimited"


async def test_faults_before_and_after_the_commit(place: Place) -> None:
    post = place.client.chat_postMessage
    await place.slack.fault("chat.postMessage", "ratelimited", retry_after=7)
    with pytest.raises(SlackApiError) as caught:
        await post(channel=place.channel, text="limited")
    assert caught.value.response.headers["Retry-After"] == "7"
    await place.slack.fault("chat.postMessage", "refuse", error="fatal_error")
    assert await place.refused(post(channel=place.channel, text="refused")) == "fatal_error"
    for kind in ("cut", "fail", "commit_cut", "commit_fail"):
        await place.slack.fault("chat.postMessage", kind)
        with pytest.raises((SlackApiError, aiohttp.ClientError)):
            await post(channel=place.channel, text=kind)
    assert [one.text for one in await place.slack.replies(place.channel)] == ["commit_cut", "commit_fail"]
    await place.slack.fault("chat.postMessage", "late_commit", delay=0.2)
    with pytest.raises(aiohttp.ClientError):
        await post(channel=place.channel, text="late")
    assert "late" not in [one.text for one in await place.slack.replies(place.channel)]
    await place.slack.wait_reply(place.channel, holds=lambda one: one.text == "late")
    calls = [one for one in await place.slack.calls("chat.postMessage") if one.args["channel"] == place.channel]
    assert [one.committed for one in calls] == [False, False, False, False, True, True, True]


async def test_the_sdks_own_retry_posts_twice(place: Place) -> None:
    """Why a bot must not let the client retry: the fake shows the doubled message."""
    client = AsyncWebClient(
        token=place.slack.team.bot_token,
        base_url=place.slack.api_url,
        retry_handlers=[AsyncConnectionErrorRetryHandler(max_retry_count=1)],
    )
    await place.slack.fault("chat.postMessage", "commit_cut")
    await client.chat_postMessage(channel=place.channel, text="twice")
    assert [one.text for one in await place.slack.replies(place.channel)] == ["twice", "twice"]


async def test_faults_choose_and_calls_can_be_held(place: Place) -> None:
    await place.slack.fault("chat.postMessage", "refuse", contains="poison", error="chosen")
    await place.slack.fault("reactions.add", "refuse", skip=1, error="second")
    ts = await place.said("fine")
    assert await place.refused(place.client.chat_postMessage(channel=place.channel, text="poison")) == "chosen"
    await place.client.reactions_add(channel=place.channel, timestamp=ts, name="a")
    add = place.client.reactions_add(channel=place.channel, timestamp=ts, name="b")
    assert await place.refused(add) == "second"
    since = len(await place.slack.calls())
    await place.slack.fault("chat.postMessage", "commit_hold")
    held = asyncio.create_task(place.said("held"))
    await place.slack.wait_reply(place.channel, holds=lambda one: one.text == "held")
    await place.slack.wait_call("chat.postMessage", since=since)
    assert not held.done()
    await place.slack.release()
    assert await held


async def test_slack_can_be_away(place: Place) -> None:
    await place.slack.down()
    with pytest.raises(aiohttp.ClientError):
        await place.said("lost")
    await place.slack.down("503")
    assert await place.refused(place.client.chat_postMessage(channel=place.channel, text="x")) == "service_unavailable"
    await place.slack.up()
    assert await place.said("back")


async def test_everything_is_recorded(place: Place) -> None:
    since = len(await place.slack.calls())
    await place.said("seen")
    await place.refused(place.client.users_info(user="U404"))
    post, info = await place.slack.calls(since=since)
    assert (post.method, post.verb, post.args["text"], post.ok) == ("chat.postMessage", "POST", "seen", True)
    assert post.token == place.slack.team.bot_token and post.result["ts"]
    assert (info.method, info.verb, info.ok, info.error) == ("users.info", "GET", False, "user_not_found")
    assert json.dumps(info.args) == '{"user": "U404"}'
    assert post.answered_at is not None and post.answered_at >= post.at
