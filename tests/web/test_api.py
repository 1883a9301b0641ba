"""The HTTP API of the page on the real stack."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack, eventually
from tests.web.api_client import ApiClient
from tests.web.seeding import reply_text, seed_conversation


def message_texts(page: dict[str, Any]) -> list[str]:
    return [message["text"] for message in page["messages"]]


async def wait_for_messages(client: ApiClient, conversation: str, count: int = 2) -> dict[str, Any]:
    """Wait until the conversation has this many messages and no running turn; return its newest page."""

    def is_complete(page: dict[str, Any]) -> bool:
        return len(page["messages"]) == count and "running" not in page

    return await eventually(lambda: client.history(conversation), is_complete)


async def list_conversations(client: ApiClient) -> list[dict[str, Any]]:
    """Return the newest entries of the person's conversation list."""
    entries: list[dict[str, Any]] = (await client.request("GET", "/api/conversations")).body["entries"]
    return entries


async def stop_partial_reply(client: ApiClient, stack: Stack, conversation: str) -> dict[str, Any]:
    """Ask for a story and stop the reply after "Once upon"; return the stopped reply."""
    await stack.model.script(ScriptedResponse(kind="stall", text="Once upon"))
    async with client.events() as events:
        await client.send(conversation, "a story")
        turn = (await events.read_until("started"))[-1]["turn"]
        await events.read_until("delta")
    stop_path = f"/api/conversations/{conversation}/stop"
    other_turn = await client.request("POST", stop_path, {"turn": turn + 1})
    assert other_turn.body["stopped"] is False, "only the turn that the window shows is stopped"
    assert (await client.request("POST", stop_path, {"turn": turn})).body["stopped"] is True
    stopped: dict[str, Any] = (await wait_for_messages(client, conversation))["messages"][1]
    assert (stopped["text"], stopped["status"]) == ("Once upon", "stopped")
    return stopped


async def test_a_message_is_answered_and_listed(client: ApiClient, conversation: str) -> None:
    assert (await client.send(conversation, "hello")).status == 202
    page = await wait_for_messages(client, conversation)
    assert message_texts(page) == ["hello", "echo: hello"]
    assert page["messages"][1]["model"] == "scripted"
    entries = await eventually(
        lambda: list_conversations(client), lambda entries: [entry["title"] for entry in entries] == ["A fine title"]
    )
    assert entries[0]["conversation"] == conversation


async def test_a_message_sent_repeatedly_is_answered_once(client: ApiClient, conversation: str, stack: Stack) -> None:
    before = len(await stack.model.requests())
    responses = await asyncio.gather(*(client.send(conversation, "hello", id="same") for _ in range(4)))
    assert {response.status for response in responses} == {202}
    assert message_texts(await wait_for_messages(client, conversation)) == ["hello", "echo: hello"]
    assert (await client.send(conversation, "hello", id="same")).status == 202
    assert message_texts(await wait_for_messages(client, conversation)) == ["hello", "echo: hello"]
    assert len(await stack.model.requests()) == before + 1


async def test_a_timestamp_in_the_future_is_replaced(client: ApiClient, conversation: str) -> None:
    accepted = await client.send(conversation, "hello", at="2999-01-01T00:00:00Z")
    assert not accepted.body["at"].startswith("2999")
    assert not (await wait_for_messages(client, conversation))["messages"][0]["at"].startswith("2999")


async def test_queued_messages_are_listed_and_can_be_cancelled(
    client: ApiClient, conversation: str, stack: Stack
) -> None:
    await stack.model.script(ScriptedResponse(kind="gate"))
    number = await stack.model.count_requests()
    await client.send(conversation, "first")
    request = await stack.model.wait_for_question("first", number)
    positions = [(await client.send(conversation, text, id=text)).body["position"] for text in ("second", "third")]
    assert positions == [0, 1]
    page = await client.history(conversation)
    assert [message["message"] for message in page["waiting"]] == ["second", "third"]
    withdrawn = await client.request("POST", f"/api/conversations/{conversation}/withdraw", {"id": "second"})
    assert [message["message"] for message in withdrawn.body["messages"]] == ["second"]
    await stack.model.finish(request)
    page = await wait_for_messages(client, conversation, 4)
    assert message_texts(page)[2:] == ["third", "echo: third"]


async def test_a_stopped_reply_is_kept_and_regenerated_once(client: ApiClient, conversation: str, stack: Stack) -> None:
    stopped = await stop_partial_reply(client, stack, conversation)
    count = len(await stack.model.requests())
    path, body = f"/api/conversations/{conversation}/regenerate", {"turn": stopped["turn"], "reply": stopped["seq"]}
    responses = await asyncio.gather(*(client.request("POST", path, body) for _ in range(3)))
    assert {response.status for response in responses} == {202}
    page = await wait_for_messages(client, conversation, 3)
    replies = [(message["text"], message["replaced"]) for message in page["messages"][1:]]
    assert replies == [("Once upon", True), ("echo: a story", False)]
    assert len(await stack.model.requests()) == count + 1, "three windows requested it; it is done once"


async def test_a_stopped_reply_is_continued_once(client: ApiClient, conversation: str, stack: Stack) -> None:
    stopped = await stop_partial_reply(client, stack, conversation)
    count = len(await stack.model.requests())
    await stack.model.script(ScriptedResponse(text="a time."))
    path, body = (
        f"/api/conversations/{conversation}/continue",
        {"reply": stopped["seq"], "length": len(stopped["text"])},
    )
    responses = await asyncio.gather(*(client.request("POST", path, body) for _ in range(3)))
    assert {response.status for response in responses} == {202}
    await eventually(lambda: client.history(conversation), lambda page: message_texts(page)[-1] == "Once upon a time.")
    await client.send(conversation, "thanks")
    page = await wait_for_messages(client, conversation, 4)
    assert message_texts(page) == ["a story", "Once upon a time.", "thanks", "echo: thanks"]
    assert len(await stack.model.requests()) == count + 2


async def test_an_earlier_version_is_selected_and_an_unknown_one_is_refused(
    client: ApiClient, conversation: str
) -> None:
    chat = f"/api/conversations/{conversation}"
    await client.send(conversation, "first")
    page = await wait_for_messages(client, conversation)
    await client.send(conversation, "better", replaces=page["messages"][0]["seq"])
    page = await wait_for_messages(client, conversation, 4)
    assert page["messages"][2]["versions"] == [1, 3]
    assert (await client.request("POST", f"{chat}/choose", {"seq": 1})).body == {"queued": False}
    shown = [m["text"] for m in (await client.history(conversation))["messages"] if not m["replaced"]]
    assert shown == ["first", "echo: first"]
    refused = await client.request("POST", f"{chat}/choose", {"seq": 99})
    assert (refused.status, refused.error) == (404, "this version is too far back to be shown again")


async def test_a_title_set_by_the_user_is_kept(client: ApiClient, conversation: str) -> None:
    await client.send(conversation, "hello")
    await wait_for_messages(client, conversation)
    chat = f"/api/conversations/{conversation}"
    assert (await client.request("PATCH", chat, {"title": "  My title  "})).status == 200
    await client.send(conversation, "more")
    page = await wait_for_messages(client, conversation, 4)
    assert page["title"] == "My title"
    assert (await client.request("PATCH", chat, {"title": ""})).status == 400


async def test_a_deleted_conversation_cannot_be_renamed(client: ApiClient, conversation: str) -> None:
    """Otherwise a window that has not yet received the deletion would put an empty conversation into the list."""
    path = f"/api/conversations/{conversation}"
    for _ in range(2):  # the second time, the conversation is used again after its deletion
        await client.send(conversation, "hello")
        assert (await client.request("PATCH", path, {"title": "Mine"})).status == 200, "before its first reply"
        await wait_for_messages(client, conversation)
        await client.request("DELETE", path)
        await eventually(lambda: list_conversations(client), lambda entries: entries == [])
        refused = await client.request("PATCH", path, {"title": "A ghost"})
        assert (refused.status, refused.error) == (404, "this conversation was deleted")
        assert await list_conversations(client) == []


async def test_a_title_set_during_a_reply_is_shown_at_once_and_kept(
    client: ApiClient, conversation: str, stack: Stack
) -> None:
    await stack.model.script(ScriptedResponse(kind="gate"))
    number = await stack.model.count_requests()
    await client.send(conversation, "hello")
    request = await stack.model.wait_for_question("hello", number)
    for title in ("Mine", "No, this one"):
        assert (await client.request("PATCH", f"/api/conversations/{conversation}", {"title": title})).status == 200
    page = await client.history(conversation)
    assert page["running"]
    assert page["title"] == "No, this one"

    async def listed_titles() -> list[str]:
        return [entry["title"] for entry in await list_conversations(client)]

    await eventually(listed_titles, lambda titles: titles == ["No, this one"])
    await stack.model.finish(request)
    assert (await wait_for_messages(client, conversation))["title"] == "No, this one"
    await client.send(conversation, "more")
    assert (await wait_for_messages(client, conversation, 4))["title"] == "No, this one"
    assert await listed_titles() == ["No, this one"]


async def test_deleting_ends_the_running_reply_and_keeps_nothing(
    client: ApiClient, conversation: str, stack: Stack
) -> None:
    await client.send(conversation, "my name is Ada")
    await wait_for_messages(client, conversation)
    await stack.model.script(ScriptedResponse(kind="stall", text="Well"))
    async with client.events() as events:
        await client.send(conversation, "talk")
        await events.read_until("delta")
    assert (await client.request("DELETE", f"/api/conversations/{conversation}")).status == 200
    await wait_for_messages(client, conversation, 0)
    await eventually(lambda: list_conversations(client), lambda entries: entries == [])
    await client.send(conversation, "what is my name?")
    page = await wait_for_messages(client, conversation)
    assert message_texts(page)[1] == "I do not know your name."


async def test_reset_keeps_the_history_and_clears_the_context(client: ApiClient, conversation: str) -> None:
    await client.send(conversation, "my name is Ada")
    await wait_for_messages(client, conversation)
    assert (await client.request("POST", f"/api/conversations/{conversation}/reset")).status == 200
    await client.send(conversation, "what is my name?")
    page = await wait_for_messages(client, conversation, 4)
    assert message_texts(page)[3] == "I do not know your name."


async def test_settings_are_changed_and_name_their_source(client: ApiClient, conversation: str) -> None:
    path = f"/api/conversations/{conversation}/settings"
    changed = await client.request("PATCH", path, {"set": {"temperature": 0.1}})
    temperature = next(setting for setting in changed.body["settings"] if setting["name"] == "temperature")
    assert (temperature["value"], temperature["source"]) == (0.1, "conversation")
    assert (await client.request("GET", path)).body == changed.body
    unset = await client.request("PATCH", path, {"unset": ["temperature"]})
    temperature = next(setting for setting in unset.body["settings"] if setting["name"] == "temperature")
    assert temperature["source"] != "conversation"
    assert (await client.request("PATCH", path, {"set": {"temperature": 9}})).status == 400
    refused = await client.request("PATCH", path, {"set": {"persona": "nobody"}})
    assert refused.status == 400
    assert "there is no persona" in refused.error


async def test_history_is_read_in_pages(client: ApiClient, conversation: str, stack: Stack) -> None:
    turns = 60
    await seed_conversation(stack, f"web:{await client.get_person_id()}:{conversation}", turns)
    await eventually(lambda: client.history(conversation), lambda page: page["messages"])
    pages: list[dict[str, Any]] = []
    query = "?limit=50"
    while query:
        pages.insert(0, await client.history(conversation, query))
        before = pages[0].get("next_before")
        query = f"?limit=50&before={before}" if before else ""
    assert len(pages) >= 3
    expected = [text for turn in range(1, turns + 1) for text in (f"question {turn}", reply_text(turn))]
    assert [text for page in pages for text in message_texts(page)] == expected


async def test_conversations_are_listed_in_pages_newest_first(client: ApiClient) -> None:
    for number in range(3):
        await client.send(f"c{number}", "hello")
        await wait_for_messages(client, f"c{number}")
    await eventually(lambda: list_conversations(client), lambda entries: len(entries) == 3)
    first = (await client.request("GET", "/api/conversations?limit=2")).body
    second = (await client.request("GET", f"/api/conversations?limit=2&cursor={first['cursor']}")).body
    listed = [entry["conversation"] for page in (first, second) for entry in page["entries"]]
    assert listed == ["c2", "c1", "c0"]


async def test_attachments_reach_the_model_and_the_history(client: ApiClient, conversation: str, stack: Stack) -> None:
    attachments = [{"name": "notes.txt", "media_type": "text/plain", "text": "the cat is called Ada"}]
    number = await stack.model.count_requests()
    await client.send(conversation, "read this", attachments=attachments)
    request = await stack.model.wait_for_question("read this", number)
    assert "the cat is called Ada" in str(request.body["messages"][-1]["content"])
    page = await wait_for_messages(client, conversation)
    assert page["messages"][0]["attachments"] == attachments
