"""The order in which events are handed over, and what becomes of repeats and of events over the limit."""

from __future__ import annotations

import pytest

from bots.common.ordered_queue import OrderedQueue, QueueFullError


async def test_events_are_handed_over_in_the_order_of_their_positions() -> None:
    handed_over: list[str] = []
    queue = OrderedQueue(max_waiting=3)

    async def send_event(id: str) -> None:
        handed_over.append(id)

    futures = [queue.put("C1", "C1:1", id, id, lambda id=id: send_event(id)) for id in ("1", "3", "2")]  # type: ignore[misc]
    assert queue.put("C1", "C1:1", "3", "3", lambda: send_event("repeat")) is futures[1]
    assert queue.first_waiting("C1") == "1" and queue.first_waiting("C2") is None
    with pytest.raises(QueueFullError):
        queue.put("C2", "C2:1", "4", "4", lambda: send_event("4"))
    for future in futures:
        await future
    assert handed_over == ["1", "2", "3"] and queue.is_empty
    await queue.close()
