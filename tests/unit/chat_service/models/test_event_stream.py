"""The parser for server-sent events, with what providers send."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chat_service.models.event_stream import EventStreamParser

STREAM = (
    b"\xef\xbb\xbf: welcome\n\ndata: one\n\n"
    b"event: delta\r\ndata:two\r\n\r\n"
    b"id: 7\rdata: th\xc3\xa4\rdata: ree\r\r"
    b"data: four"
)
EVENTS = [b"one", b"two", b"th\xc3\xa4\nree", b"four"]


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_events_are_the_same_however_the_bytes_are_split(cuts: list[int]) -> None:
    parser, found = EventStreamParser(), []
    edges = [0, *sorted(cuts), len(STREAM)]
    for start, end in pairwise(edges):
        found += parser.feed(STREAM[start:end])
    assert found + parser.close() == EVENTS
    assert parser.other == b""


def test_bytes_outside_of_events_are_kept() -> None:
    parser = EventStreamParser()
    assert parser.feed(b'{"choices":\n []}') + parser.close() == []
    assert parser.other == b'{"choices": []}'
