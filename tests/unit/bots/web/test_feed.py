"""The memory limits of an event feed."""

from __future__ import annotations

import pytest

from bots.web import feed as feed_module
from bots.web.feed import EventFeed
from chat_service.ingress import IngressClient
from chat_service.live.memory import MemoryBus


async def test_a_feed_keeps_a_bounded_number_of_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "REPLAY_CHARACTERS", 1000)
    async with IngressClient.connected("http://127.0.0.1:9") as ingress:
        feed = EventFeed("a" * 26, ingress, MemoryBus())
        first = feed.last_id
        for number in range(50):
            feed.publish({"kind": "delta", "text": "x" * 100, "n": number})
        async with feed.window(first) as queue:
            assert queue.get_nowait() == (feed.last_id, {"kind": "resync"})
        assert feed._replay_size <= 1000


async def test_a_window_that_stops_reading_gets_a_resync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "WINDOW_BACKLOG", 10)
    async with IngressClient.connected("http://127.0.0.1:9") as ingress:
        feed = EventFeed("a" * 26, ingress, MemoryBus())
        async with feed.window(feed.last_id) as queue:
            for number in range(25):
                feed.publish({"kind": "delta", "n": number})
            events = [queue.get_nowait() for _ in range(queue.qsize())]
        assert any(event is not None and event[1] == {"kind": "resync"} for event in events)
        assert len(events) <= 10
