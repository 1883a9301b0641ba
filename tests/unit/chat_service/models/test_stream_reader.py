"""Reading of Chat Completions streams: the text arrives whatever else a provider sends or omits."""

from __future__ import annotations

import json

import pytest

from chat_service.models.protocol import Endpoint, Failure, ModelError, Usage
from chat_service.models.stream_reader import StreamReader

HELLO = {"choices": [{"delta": {"content": "Hello"}}]}
STOP = {"choices": [{"delta": {}, "finish_reason": "stop"}]}


def read(*payloads: object, tail: bytes = b"") -> tuple[str, StreamReader]:
    reader = StreamReader(Endpoint(None, None, None), 20.0)
    reader.start("asked")
    text = "".join(reader.read(b"data: " + json.dumps(payload).encode() + b"\n\n") for payload in payloads)
    text += reader.read(tail) if tail else ""
    return text + reader.close(), reader


@pytest.mark.parametrize(
    "odd",
    [
        None,
        [],
        "ping",
        {},
        {"choices": None},
        {"choices": [None]},
        {"choices": [{"delta": None}]},
        {"choices": [{"index": 0}]},
        {"choices": [{"delta": {"content": None, "role": "assistant"}, "finish_reason": ""}]},
        {"choices": [], "usage": None},
        {"choices": [], "usage": {"prompt_tokens": None}},
        {"choices": [], "usage": {"prompt_tokens_details": None}, "model": 7},
        {"error": None, "choices": []},
    ],
)
def test_odd_chunk_is_ignored(odd: object) -> None:
    text, reader = read(odd, HELLO, odd, STOP, odd)
    assert text == "Hello"
    assert reader.finished().reason == "stop"


def test_text_may_be_a_list_of_parts_a_refusal_or_a_whole_message() -> None:
    parts = [{"type": "text", "text": "a"}, "b", {"type": "image"}, None]
    text, _ = read(
        {"choices": [{"delta": {"content": parts}}]},
        {"choices": [{"delta": {"refusal": "c"}}]},
        {"choices": [{"message": {"content": "d"}}]},
    )
    assert text == "abcd"


def test_model_usage_and_finish_reason_are_taken_from_the_last_chunk_that_has_them() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 3}}
    _, reader = read(HELLO, {"model": "real", **STOP}, {"choices": [], "usage": usage})
    finished = reader.finished()
    assert (finished.model, finished.reason, finished.usage) == ("real", "stop", Usage(5, 2, 3))


def test_done_ends_a_stream_without_a_finish_reason() -> None:
    text, reader = read(HELLO, tail=b"data: [DONE]\n\n")
    assert (text, reader.finished().reason, reader.finished().model) == ("Hello", "stop", "asked")


def test_stream_without_an_end_is_an_error() -> None:
    _, reader = read(HELLO)
    with pytest.raises(ModelError, match="ended in the middle"):
        reader.finished()


def test_event_that_breaks_off_is_an_error() -> None:
    with pytest.raises(ModelError, match="not JSON"):
        read(HELLO, tail=b'data: {"choices": [{"del')


def test_json_document_in_place_of_a_stream_is_a_reply() -> None:
    text, reader = read(tail=json.dumps({"choices": [{"message": {"content": "Hello"}}]}, indent=1).encode())
    assert (text, reader.finished().reason) == ("Hello", "stop")


def test_error_in_the_stream_is_reported() -> None:
    with pytest.raises(ModelError, match="overloaded") as raised:
        read(HELLO, {"error": {"message": "overloaded"}})
    assert raised.value.failure is Failure.RETRY
    with pytest.raises(ModelError) as raised:
        read({"error": {"message": "maximum context length is 900 tokens"}})
    assert (raised.value.failure, raised.value.context_tokens) == (Failure.TOO_LONG, 900)


def test_comments_alone_do_not_hide_a_stall() -> None:
    reader = StreamReader(Endpoint(None, None, None), 0.0)
    reader.start("asked")
    with pytest.raises(ModelError, match="sent nothing"):
        reader.read(b": keep-alive\n\n")
