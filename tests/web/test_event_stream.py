"""The stream of events: live, resumed where it ended, and told when it cannot be."""

from __future__ import annotations

import asyncio

import pytest

from bots.web import feed as event_feed
from bots.web import sse
from bots.web.feed import EventFeed
from chat_service.ingress import IngressClient
from chat_service.live.memory import MemoryBus
from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack, eventually
from tests.web.api_client import ApiClient, open_client
from tests.web.web_server import WebServer


async def test_a_turn_is_told_from_waiting_to_done(client: ApiClient, conversation: str, stack: Stack) -> None:
    await stack.model.script(ScriptedResponse(text="All is well.", chunk=4, delay=0.06))
    async with client.events() as events:
        await events.read_until("resync")
        await client.send(conversation, "hello")
        seen = await events.read_until("done", conversation=conversation)
    kinds = [event["kind"] for event in seen if event["conversation"] == conversation]
    assert kinds[:2] in (["waiting", "started"], ["started", "waiting"])
    text = ""
    for event in seen:
        if event["kind"] == "delta":
            assert event.get("offset", 0) == len(text)
            text += event["text"]
    assert text == "All is well."
    assert kinds.count("delta") > 1
    assert (seen[-1]["status"], seen[-1]["turn"]) == ("answered", 1)


async def test_a_stream_goes_on_where_it_ended(client: ApiClient, conversation: str) -> None:
    async with client.events() as events:
        await events.read_until("resync")
        await client.send(conversation, "first")
        await events.read_until("started")
        last = events.last
        rest = await events.read_until("done", conversation=conversation)
    assert last is not None
    for headers, query in (({"Last-Event-ID": last}, None), ({}, last)):
        async with client.events(query, **headers) as events:
            seen = await events.read_until("done", conversation=conversation)
            assert seen[0] == {"kind": "hello"}
            assert seen[1:] == rest


async def test_a_gap_that_cannot_be_filled_is_told(client: ApiClient) -> None:
    for last in ("deadbeef-7", "nonsense", None):
        async with client.events(last) as events:
            assert [await events.read(), await events.read()] == [{"kind": "hello"}, {"kind": "resync"}]


async def test_nothing_is_told_twice_to_who_missed_nothing(client: ApiClient, conversation: str) -> None:
    async with client.events() as events:
        await events.read_until("resync")
        last = events.last
    async with client.events(last) as events:
        assert await events.read() == {"kind": "hello"}
        await client.send(conversation, "hello")
        assert (await events.read())["kind"] in ("waiting", "started")


async def test_a_quiet_stream_gives_signs_of_life(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.05)
    from bots.web.app import serving
    from chat_service.settings import Settings

    settings = Settings(_env_file=None, restate_ingress_url=stack.engine.ingress_url, web_port=0)
    async with serving(settings, bus=MemoryBus()) as url, open_client(url) as client, client.events() as events:
        await events.read_until("resync")
        assert [await events.read() for _ in range(3)] == [{"kind": "beat"}] * 3


async def test_open_streams_end_when_the_page_stops(stack: Stack) -> None:
    from bots.web.app import serving
    from chat_service.settings import Settings

    settings = Settings(_env_file=None, restate_ingress_url=stack.engine.ingress_url, web_port=0)
    async with asyncio.timeout(20):
        async with serving(settings, bus=MemoryBus()) as url:
            stack_of = open_client(url)
            chat = await stack_of.__aenter__()
            streaming = chat.events()
            events = await streaming.__aenter__()
            await events.read_until("resync")
        with pytest.raises(EOFError):
            await events.read()
        await streaming.__aexit__(None, None, None)
        await stack_of.__aexit__(None, None, None)


async def test_what_lies_in_files_is_not_kept_in_memory(client: ApiClient, conversation: str) -> None:
    files = [{"name": "big.txt", "text": "needle " * 10_000}]
    async with client.events() as events:
        await events.read_until("resync")
        await client.send(conversation, "read", attachments=files)
        seen = await events.read_until("done", conversation=conversation)
    waiting = next(event for event in seen if event["kind"] == "waiting")
    assert waiting["trimmed"] is True
    assert "needle needle" not in str([event for event in seen if event["kind"] != "delta"])


async def test_a_feed_remembers_a_bounded_past(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_feed, "REPLAY_CHARACTERS", 1000)
    async with IngressClient.connected("http://127.0.0.1:9") as ingress:
        feed = EventFeed("a" * 26, ingress, MemoryBus())
        first = feed.last_id
        for number in range(50):
            feed.publish({"kind": "delta", "text": "x" * 100, "n": number})
        async with feed.window(first) as queue:
            assert queue.get_nowait() == (feed.last_id, {"kind": "resync"})
        assert feed._replay_size <= 1000


async def test_a_window_that_stops_reading_starts_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_feed, "WINDOW_BACKLOG", 10)
    async with IngressClient.connected("http://127.0.0.1:9") as ingress:
        feed = EventFeed("a" * 26, ingress, MemoryBus())
        async with feed.window(feed.last_id) as queue:
            for number in range(25):
                feed.publish({"kind": "delta", "n": number})
            seen = [queue.get_nowait() for _ in range(queue.qsize())]
        assert any(event is not None and event[1] == {"kind": "resync"} for event in seen)
        assert len(seen) <= 10


async def test_two_windows_of_one_person_hear_the_same(
    web_server: WebServer, client: ApiClient, conversation: str
) -> None:
    async with client.events() as one, client.events() as two:
        for events in (one, two):
            await events.read_until("resync")
        await client.send(conversation, "hello")
        first, second = [await events.read_until("done", conversation=conversation) for events in (one, two)]
        assert first == second


async def test_an_end_the_bus_lost_is_told_all_the_same(stack: Stack, conversation: str) -> None:
    """No bus between this page and the chat service: the page's own attachment to the turn finds its end."""
    from tests.web.web_server import running_web_server

    async with running_web_server(stack) as apart, open_client(apart.url) as client, client.events() as events:
        await events.read_until("resync")
        await client.send(conversation, "hello")
        seen = await events.read_until("done", conversation=conversation)
        assert not any(event["kind"] == "delta" for event in seen)
        page = await eventually(lambda: client.history(conversation), lambda page: len(page["messages"]) == 2)
        assert page["messages"][1]["text"] == "echo: hello"
