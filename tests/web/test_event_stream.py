"""The stream of server-sent events: live events, resumption after a disconnect, heartbeats."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from bots.web import sse
from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack, eventually
from tests.web.api_client import ApiClient, open_client
from tests.web.web_server import running_web_app


async def test_a_turn_is_streamed_from_waiting_to_done(client: ApiClient, conversation: str, stack: Stack) -> None:
    await stack.model.script(ScriptedResponse(text="All is well.", chunk=4, delay=0.06))
    async with client.events() as stream:
        await stream.read_until("resync")
        await client.send(conversation, "hello")
        events = await stream.read_until("done", conversation=conversation)
    kinds = [event["kind"] for event in events if event["conversation"] == conversation]
    assert kinds[:2] in (["waiting", "started"], ["started", "waiting"])
    text = ""
    for event in events:
        if event["kind"] == "delta":
            assert event.get("offset", 0) == len(text)
            text += event["text"]
    assert text == "All is well."
    assert kinds.count("delta") > 1
    assert (events[-1]["status"], events[-1]["turn"]) == ("answered", 1)


async def test_a_stream_is_resumed_after_the_last_event(client: ApiClient, conversation: str) -> None:
    async with client.events() as stream:
        await stream.read_until("resync")
        await client.send(conversation, "first")
        await stream.read_until("started")
        last = stream.last
        missed = await stream.read_until("done", conversation=conversation)
    assert last is not None
    for headers, query in (({"Last-Event-ID": last}, None), ({}, last)):
        async with client.events(query, **headers) as stream:
            events = await stream.read_until("done", conversation=conversation)
            assert events == [{"kind": "hello"}, *missed]


async def test_an_unknown_last_event_gets_a_resync(client: ApiClient) -> None:
    for last in ("deadbeef-7", "nonsense", None):
        async with client.events(last) as stream:
            assert [await stream.read(), await stream.read()] == [{"kind": "hello"}, {"kind": "resync"}]


async def test_a_window_that_missed_nothing_gets_no_event_twice(client: ApiClient, conversation: str) -> None:
    async with client.events() as stream:
        await stream.read_until("resync")
        last = stream.last
    async with client.events(last) as stream:
        assert await stream.read() == {"kind": "hello"}
        await client.send(conversation, "hello")
        assert (await stream.read())["kind"] in ("waiting", "started")


async def test_an_idle_stream_sends_heartbeats(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.05)
    async with running_web_app(stack) as url, open_client(url) as client, client.events() as stream:
        await stream.read_until("resync")
        assert [await stream.read() for _ in range(3)] == [{"kind": "beat"}] * 3


async def test_open_streams_end_when_the_page_stops(stack: Stack) -> None:
    async with asyncio.timeout(20), AsyncExitStack() as window:
        async with running_web_app(stack) as url:
            client = await window.enter_async_context(open_client(url))
            stream = await window.enter_async_context(client.events())
            await stream.read_until("resync")
        with pytest.raises(EOFError):
            await stream.read()


async def test_the_text_of_attachments_is_not_streamed(client: ApiClient, conversation: str) -> None:
    """A feed keeps its events in memory."""
    attachments = [{"name": "big.txt", "text": "needle " * 10_000}]
    async with client.events() as stream:
        await stream.read_until("resync")
        await client.send(conversation, "read", attachments=attachments)
        events = await stream.read_until("done", conversation=conversation)
    waiting = next(event for event in events if event["kind"] == "waiting")
    assert waiting["trimmed"] is True
    assert "needle needle" not in str([event for event in events if event["kind"] != "delta"])


async def test_two_windows_of_one_person_get_the_same_events(client: ApiClient, conversation: str) -> None:
    async with client.events() as first, client.events() as second:
        for stream in (first, second):
            await stream.read_until("resync")
        await client.send(conversation, "hello")
        events = [await stream.read_until("done", conversation=conversation) for stream in (first, second)]
        assert events[0] == events[1]


async def test_the_end_of_a_turn_is_streamed_without_a_live_bus(stack: Stack, conversation: str) -> None:
    """The page attaches to the turn and so receives its end; only the previews are missing."""
    await stack.model.clear_script()
    async with running_web_app(stack) as url, open_client(url) as client, client.events() as stream:
        await stream.read_until("resync")
        await client.send(conversation, "hello")
        events = await stream.read_until("done", conversation=conversation)
        assert not any(event["kind"] == "delta" for event in events)
        page = await eventually(lambda: client.history(conversation), lambda page: len(page["messages"]) == 2)
        assert page["messages"][1]["text"] == "echo: hello"
