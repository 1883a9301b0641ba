"""The stream of events: live, resumed where it ended, and told when it cannot be."""

from __future__ import annotations

import asyncio

import pytest

from bots.web import feed as event_feed
from bots.web import sse
from bots.web.feed import EventFeed
from chat_service.ingress import IngressClient
from chat_service.live.memory import MemoryBus
from tests.fakes.model.protocol import Behaviour
from tests.processes import Stack, eventually
from tests.web.site import Site, Visitor, visiting


async def test_a_turn_is_told_from_waiting_to_done(visitor: Visitor, conversation: str, stack: Stack) -> None:
    await stack.model.script(Behaviour(text="All is well.", chunk=4, delay=0.06))
    async with visitor.events() as events:
        await events.until("resync")
        await visitor.send(conversation, "hello")
        seen = await events.until("done", conversation=conversation)
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


async def test_a_stream_goes_on_where_it_ended(visitor: Visitor, conversation: str) -> None:
    async with visitor.events() as events:
        await events.until("resync")
        await visitor.send(conversation, "first")
        await events.until("started")
        last = events.last
        rest = await events.until("done", conversation=conversation)
    assert last is not None
    for headers, query in (({"Last-Event-ID": last}, None), ({}, last)):
        async with visitor.events(query, **headers) as events:
            seen = await events.until("done", conversation=conversation)
            assert seen[0] == {"kind": "hello"}
            assert seen[1:] == rest


async def test_a_gap_that_cannot_be_filled_is_told(visitor: Visitor) -> None:
    for last in ("deadbeef-7", "nonsense", None):
        async with visitor.events(last) as events:
            assert [await events.next(), await events.next()] == [{"kind": "hello"}, {"kind": "resync"}]


async def test_nothing_is_told_twice_to_who_missed_nothing(visitor: Visitor, conversation: str) -> None:
    async with visitor.events() as events:
        await events.until("resync")
        last = events.last
    async with visitor.events(last) as events:
        assert await events.next() == {"kind": "hello"}
        await visitor.send(conversation, "hello")
        assert (await events.next())["kind"] in ("waiting", "started")


async def test_a_quiet_stream_gives_signs_of_life(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.05)
    from bots.web.app import serving
    from chat_service.settings import Settings

    settings = Settings(_env_file=None, restate_ingress_url=stack.engine.ingress_url, web_port=0)
    async with serving(settings, bus=MemoryBus()) as url, visiting(url) as one, one.events() as events:
        await events.until("resync")
        assert [await events.next() for _ in range(3)] == [{"kind": "beat"}] * 3


async def test_open_streams_end_when_the_page_stops(stack: Stack) -> None:
    from bots.web.app import serving
    from chat_service.settings import Settings

    settings = Settings(_env_file=None, restate_ingress_url=stack.engine.ingress_url, web_port=0)
    async with asyncio.timeout(20):
        async with serving(settings, bus=MemoryBus()) as url:
            stack_of = visiting(url)
            one = await stack_of.__aenter__()
            streaming = one.events()
            events = await streaming.__aenter__()
            await events.until("resync")
        with pytest.raises(EOFError):
            await events.next()
        await streaming.__aexit__(None, None, None)
        await stack_of.__aexit__(None, None, None)


async def test_what_lies_in_files_is_not_kept_in_memory(visitor: Visitor, conversation: str) -> None:
    files = [{"name": "big.txt", "text": "needle " * 10_000}]
    async with visitor.events() as events:
        await events.until("resync")
        await visitor.send(conversation, "read", attachments=files)
        seen = await events.until("done", conversation=conversation)
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


async def test_two_windows_of_one_person_hear_the_same(site: Site, visitor: Visitor, conversation: str) -> None:
    async with visitor.events() as one, visitor.events() as two:
        for events in (one, two):
            await events.until("resync")
        await visitor.send(conversation, "hello")
        first, second = [await events.until("done", conversation=conversation) for events in (one, two)]
        assert first == second


async def test_an_end_the_bus_lost_is_told_all_the_same(stack: Stack, conversation: str) -> None:
    """No bus between this page and the chat service: the page's own attachment to the turn finds its end."""
    from tests.web.site import running_site

    async with running_site(stack) as apart, visiting(apart.url) as one, one.events() as events:
        await events.until("resync")
        await one.send(conversation, "hello")
        seen = await events.until("done", conversation=conversation)
        assert not any(event["kind"] == "delta" for event in seen)
        page = await eventually(lambda: one.history(conversation), lambda page: len(page["messages"]) == 2)
        assert page["messages"][1]["text"] == "echo: hello"
