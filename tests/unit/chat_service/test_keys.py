"""Conversation keys: one key per thread, one thread per key, and each key is valid in a URL."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat_service import keys

PERSON_ID = "abcdefghijklmnopqrstuvwxyz"

slack_keys = st.builds(
    keys.slack,
    st.from_regex(r"T[A-Z0-9]{1,10}", fullmatch=True),
    st.from_regex(r"[CDG][A-Z0-9]{1,10}", fullmatch=True),
    st.from_regex(r"[0-9]{10}\.[0-9]{6}", fullmatch=True),
)
discord_keys = st.builds(keys.discord, st.none() | st.integers(1, 2**63), st.integers(1, 2**63))
web_keys = st.builds(keys.web, st.just(PERSON_ID), st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True))


@given(slack_keys | discord_keys | web_keys)
@settings(max_examples=80)
def test_key_can_be_parsed_and_needs_no_url_encoding(key: str) -> None:
    parsed = keys.parse(key)
    assert parsed is not None and key.startswith(f"{parsed.platform}:")
    assert keys.quote(key) == key, "keys of platforms need no encoding"
    assert key.endswith(parsed.thread or parsed.channel)


@given(st.text(min_size=1, max_size=50))
def test_other_session_names_are_url_encoded(session: str) -> None:
    assert unquote(keys.quote(session)) == session.encode("utf-8", "replace").decode()
    assert not set(keys.quote(session)) & set("/?#% ") - {"%"}


@given(slack_keys | discord_keys | web_keys, slack_keys | discord_keys | web_keys)
@settings(max_examples=80)
def test_distinct_threads_have_distinct_keys(first: str, second: str) -> None:
    assert (keys.parse(first) == keys.parse(second)) == (first == second)


@pytest.mark.parametrize(
    "make",
    [
        lambda: keys.slack("T1:C9", "C1", "1.2"),
        lambda: keys.slack("T1", "C1", "yesterday"),
        lambda: keys.web("short", "c"),
        lambda: keys.web(PERSON_ID, "a/b"),
        lambda: keys.web(PERSON_ID, "a:b"),
    ],
)
def test_invalid_parts_of_a_key_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match="not a conversation key"):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("session", ["session123", "slack:T1:C1", "web:me:c", "discord:me:1", "slack:T1:C1:1.2:3"])
def test_other_strings_are_session_names(session: str) -> None:
    assert keys.parse(session) is None
