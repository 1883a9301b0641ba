"""The page's API on the real stack, as a script sees it."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack, eventually
from tests.web.api_client import ApiClient


def said(page: dict[str, Any]) -> list[str]:
    return [message["text"] for message in page["messages"]]


async def answered(client: ApiClient, conversation: str, count: int = 2) -> dict[str, Any]:
    """The page, once it has this many messages and nothing is under way."""

    def is_there(page: dict[str, Any]) -> bool:
        return len(page["messages"]) == count and "running" not in page

    return await eventually(lambda: client.history(conversation), is_there)


async def test_a_message_is_answered_and_listed(client: ApiClient, conversation: str) -> None:
    assert (await client.send(conversation, "hello")).status == 202
    page = await answered(client, conversation)
    assert said(page) == ["hello", "echo: hello"]
    assert page["messages"][1]["model"] == "scripted"
    listed = await eventually(
        lambda: client.request("GET", "/api/conversations"),
        lambda seen: [one["title"] for one in seen.body["entries"]] == ["A fine title"],
    )
    assert listed.body["entries"][0]["conversation"] == conversation


async def test_the_same_message_sent_again_is_answered_once(client: ApiClient, conversation: str, stack: Stack) -> None:
    before = len(await stack.model.requests())
    answers = await asyncio.gather(*(client.send(conversation, "hello", id="same") for _ in range(4)))
    assert {one.status for one in answers} == {202}
    assert said(await answered(client, conversation)) == ["hello", "echo: hello"]
    assert (await client.send(conversation, "hello", id="same")).status == 202
    assert said(await answered(client, conversation)) == ["hello", "echo: hello"]
    assert len(await stack.model.requests()) == before + 1


async def test_a_time_from_the_future_is_not_believed(client: ApiClient, conversation: str) -> None:
    taken = await client.send(conversation, "hello", at="2999-01-01T00:00:00Z")
    assert not taken.body["at"].startswith("2999")
    assert not (await answered(client, conversation))["messages"][0]["at"].startswith("2999")


async def test_what_waits_is_seen_and_can_be_taken_back(client: ApiClient, conversation: str, stack: Stack) -> None:
    await stack.model.script(ScriptedResponse(kind="gate"))
    number = await stack.model.count_requests()
    await client.send(conversation, "first")
    asked = await stack.model.wait_for_question("first", number)
    places = [(await client.send(conversation, text, id=text)).body["position"] for text in ("second", "third")]
    assert places == [0, 1]
    page = await client.history(conversation)
    assert [one["message"] for one in page["waiting"]] == ["second", "third"]
    taken = await client.request("POST", f"/api/conversations/{conversation}/withdraw", {"id": "second"})
    assert [one["message"] for one in taken.body["messages"]] == ["second"]
    await stack.model.finish(asked.number)
    page = await answered(client, conversation, 4)
    assert said(page)[2:] == ["third", "echo: third"]


async def test_stop_keeps_what_was_said_and_answering_anew_replaces_it(
    client: ApiClient, conversation: str, stack: Stack
) -> None:
    await stack.model.script(ScriptedResponse(kind="stall", text="Once upon"))
    async with client.events() as events:
        await client.send(conversation, "a story")
        started = (await events.read_until("started"))[-1]
        await events.read_until("delta")
    chat = f"/api/conversations/{conversation}"
    wrong = await client.request("POST", f"{chat}/stop", {"turn": started["turn"] + 1})
    assert wrong.body["stopped"] is False, "a stop is for the turn that was seen"
    assert (await client.request("POST", f"{chat}/stop", {"turn": started["turn"]})).body["stopped"] is True
    page = await answered(client, conversation)
    stopped = page["messages"][1]
    assert (stopped["text"], stopped["status"]) == ("Once upon", "stopped")

    before = len(await stack.model.requests())
    again = {"turn": started["turn"], "reply": stopped["seq"]}
    answers = await asyncio.gather(*(client.request("POST", f"{chat}/regenerate", again) for _ in range(3)))
    assert {answer.status for answer in answers} == {202}
    page = await answered(client, conversation, 3)
    assert [(m["text"], m["replaced"]) for m in page["messages"][1:]] == [("Once upon", True), ("echo: a story", False)]
    assert len(await stack.model.requests()) == before + 1, "three windows pressed it: it is done once"


async def test_a_stopped_reply_goes_on_once_however_many_windows_ask(
    client: ApiClient, conversation: str, stack: Stack
) -> None:
    await stack.model.script(ScriptedResponse(kind="stall", text="Once upon"))
    async with client.events() as events:
        await client.send(conversation, "a story")
        started = (await events.read_until("started"))[-1]
        await events.read_until("delta")
    chat = f"/api/conversations/{conversation}"
    await client.request("POST", f"{chat}/stop", {"turn": started["turn"]})
    stopped = (await answered(client, conversation))["messages"][1]
    before = len(await stack.model.requests())
    on = {"reply": stopped["seq"], "length": len(stopped["text"])}
    await stack.model.script(ScriptedResponse(text="a time."))
    answers = await asyncio.gather(*(client.request("POST", f"{chat}/go-on", on) for _ in range(3)))
    assert {answer.status for answer in answers} == {202}
    await eventually(lambda: client.history(conversation), lambda page: said(page)[-1] == "Once upon a time.")
    await client.send(conversation, "thanks")
    assert said(await answered(client, conversation, 4)) == ["a story", "Once upon a time.", "thanks", "echo: thanks"]
    assert len(await stack.model.requests()) == before + 2


async def test_another_version_is_shown_and_one_that_is_not_there_is_a_line(
    client: ApiClient, conversation: str
) -> None:
    chat = f"/api/conversations/{conversation}"
    await client.send(conversation, "first")
    page = await answered(client, conversation)
    await client.send(conversation, "better", replaces=page["messages"][0]["seq"])
    page = await answered(client, conversation, 4)
    assert page["messages"][2]["versions"] == [1, 3]
    assert (await client.request("POST", f"{chat}/choose", {"seq": 1})).body == {"queued": False}
    shown = [m["text"] for m in (await client.history(conversation))["messages"] if not m["replaced"]]
    assert shown == ["first", "echo: first"]
    refused = await client.request("POST", f"{chat}/choose", {"seq": 99})
    assert (refused.status, refused.error) == (404, "this version is too far back to be shown again")


async def test_a_name_given_by_a_person_stays(client: ApiClient, conversation: str) -> None:
    await client.send(conversation, "hello")
    await answered(client, conversation)
    chat = f"/api/conversations/{conversation}"
    assert (await client.request("PATCH", chat, {"title": "  My title  "})).status == 200
    await client.send(conversation, "more")
    page = await answered(client, conversation, 4)
    assert page["title"] == "My title"
    assert (await client.request("PATCH", chat, {"title": ""})).status == 400


async def test_what_was_deleted_gets_no_name(client: ApiClient, conversation: str) -> None:
    """Or a window that has not heard of it yet would put an empty conversation into the list."""
    chat = f"/api/conversations/{conversation}"
    for _ in range(2):
        await client.send(conversation, "hello")
        assert (await client.request("PATCH", chat, {"title": "Mine"})).status == 200, (
            "before it is answered, and begun anew"
        )
        await answered(client, conversation)
        await client.request("DELETE", chat)
        await eventually(lambda: client.request("GET", "/api/conversations"), lambda seen: seen.body["entries"] == [])
        refused = await client.request("PATCH", chat, {"title": "A ghost"})
        assert (refused.status, refused.error) == (404, "this conversation was deleted")
        assert (await client.request("GET", "/api/conversations")).body["entries"] == []


async def test_a_name_given_in_mid_reply_shows_at_once_and_stays(
    client: ApiClient, conversation: str, stack: Stack
) -> None:
    await stack.model.script(ScriptedResponse(kind="gate"))
    number = await stack.model.count_requests()
    await client.send(conversation, "hello")
    asked = await stack.model.wait_for_question("hello", number)
    for title in ("Mine", "No, this one"):
        assert (await client.request("PATCH", f"/api/conversations/{conversation}", {"title": title})).status == 200
    during = await client.history(conversation)
    assert during["running"]
    assert during["title"] == "No, this one"

    async def listed() -> list[str]:
        page = await client.request("GET", "/api/conversations")
        return [entry["title"] for entry in page.body["entries"]]

    await eventually(listed, lambda titles: titles == ["No, this one"])
    await stack.model.finish(asked.number)
    after = await answered(client, conversation)
    assert after["title"] == "No, this one"
    waits = (
        "SELECT count(1) AS n FROM state WHERE service_name = 'Queue' AND key = 'title' "
        f"AND service_key LIKE '%{conversation}'"
    )
    await eventually(lambda: stack.query(waits), lambda rows: rows[0]["n"] == 0)
    await eventually(listed, lambda titles: titles == ["No, this one"])


async def test_deleting_ends_the_reply_and_leaves_nothing(client: ApiClient, conversation: str, stack: Stack) -> None:
    await client.send(conversation, "my name is Ada")
    await answered(client, conversation)
    await stack.model.script(ScriptedResponse(kind="stall", text="Well"))
    async with client.events() as events:
        await client.send(conversation, "talk")
        await events.read_until("delta")
    assert (await client.request("DELETE", f"/api/conversations/{conversation}")).status == 200
    await eventually(lambda: client.history(conversation), lambda page: not page["messages"] and "running" not in page)
    await eventually(lambda: client.request("GET", "/api/conversations"), lambda seen: seen.body["entries"] == [])
    await client.send(conversation, "what is my name?")
    page = await answered(client, conversation)
    assert said(page)[1] == "I do not know your name."


async def test_a_fresh_start_keeps_the_history_and_forgets_the_context(client: ApiClient, conversation: str) -> None:
    await client.send(conversation, "my name is Ada")
    await answered(client, conversation)
    assert (await client.request("POST", f"/api/conversations/{conversation}/reset")).status == 200
    await client.send(conversation, "what is my name?")
    page = await answered(client, conversation, 4)
    assert said(page)[3] == "I do not know your name."


async def test_settings_are_changed_and_say_where_they_come_from(client: ApiClient, conversation: str) -> None:
    path = f"/api/conversations/{conversation}/settings"
    changed = await client.request("PATCH", path, {"set": {"temperature": 0.1}})
    found = {one["name"]: one for one in changed.body["settings"]}
    assert (found["temperature"]["value"], found["temperature"]["source"]) == (0.1, "conversation")
    shown = await client.request("GET", path)
    assert shown.body == changed.body
    back = await client.request("PATCH", path, {"unset": ["temperature"]})
    assert {one["name"]: one["source"] for one in back.body["settings"]}["temperature"] != "conversation"
    assert (await client.request("PATCH", path, {"set": {"temperature": 9}})).status == 400
    unknown = await client.request("PATCH", path, {"set": {"persona": "nobody"}})
    assert unknown.status == 400
    assert "there is no persona" in unknown.error


async def test_history_comes_in_pages(client: ApiClient, conversation: str) -> None:
    for number in range(23):
        await client.send(conversation, f"m{number}")
        await answered(client, conversation, 2 * (number + 1))
    texts: list[str] = []
    query = "?limit=7"
    while True:
        page = await client.history(conversation, query)
        texts = said(page) + texts
        if "next_before" not in page:
            break
        query = f"?limit=7&before={page['next_before']}"
    assert texts == [text for number in range(23) for text in (f"m{number}", f"echo: m{number}")]


async def test_conversations_come_in_pages_newest_first(client: ApiClient) -> None:
    for number in range(5):
        await client.send(f"c{number}", "hello")
        await answered(client, f"c{number}")
    await eventually(lambda: client.request("GET", "/api/conversations"), lambda seen: len(seen.body["entries"]) == 5)
    first = (await client.request("GET", "/api/conversations?limit=3")).body
    second = (await client.request("GET", f"/api/conversations?limit=3&cursor={first['cursor']}")).body
    found = [one["conversation"] for page in (first, second) for one in page["entries"]]
    assert found == ["c4", "c3", "c2", "c1", "c0"]


async def test_files_come_along_and_come_back(client: ApiClient, conversation: str, stack: Stack) -> None:
    files = [{"name": "notes.txt", "media_type": "text/plain", "text": "the cat is called Ada"}]
    number = await stack.model.count_requests()
    await client.send(conversation, "read this", attachments=files)
    asked = await stack.model.wait_for_question("read this", number)
    assert "the cat is called Ada" in str(asked.body["messages"][-1]["content"])
    page = await answered(client, conversation)
    assert page["messages"][0]["attachments"] == files
