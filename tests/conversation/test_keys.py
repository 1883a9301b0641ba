"""Keys: two threads never share one, one thread never has two, and each survives a URL."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_service import keys

PERSON = "abcdefghijklmnopqrstuvwxyz"

slacks = st.builds(
    keys.slack,
    st.from_regex(r"T[A-Z0-9]{1,10}", fullmatch=True),
    st.from_regex(r"[CDG][A-Z0-9]{1,10}", fullmatch=True),
    st.from_regex(r"[0-9]{10}\.[0-9]{6}", fullmatch=True),
)
discords = st.builds(keys.discord, st.none() | st.integers(1, 2**63), st.integers(1, 2**63))
webs = st.builds(keys.web, st.just(PERSON), st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True))


@given(slacks | discords | webs)
def test_a_key_comes_apart_and_survives_a_url(key: str) -> None:
    parsed = keys.parse(key)
    assert parsed is not None and key.startswith(f"{parsed.platform}:")
    assert keys.quote(key) == key, "no platform's key needs encoding"
    assert key.endswith(parsed.thread or parsed.channel)


@given(st.text(min_size=1, max_size=50))
def test_any_other_string_survives_a_url(session: str) -> None:
    assert unquote(keys.quote(session)) == session.encode("utf-8", "replace").decode()
    assert not set(keys.quote(session)) & set("/?#% ") - {"%"}


@given(slacks | discords | webs, slacks | discords | webs)
def test_two_threads_never_share_a_key(one: str, other: str) -> None:
    assert (keys.parse(one) == keys.parse(other)) == (one == other)


@pytest.mark.parametrize(
    "make",
    [
        lambda: keys.slack("T1:C9", "C1", "1.2"),
        lambda: keys.slack("T1", "C1", "yesterday"),
        lambda: keys.web("short", "c"),
        lambda: keys.web(PERSON, "a/b"),
        lambda: keys.web(PERSON, "a:b"),
    ],
)
def test_what_cannot_be_a_part_is_refused(make: object) -> None:
    with pytest.raises(ValueError, match="not a conversation key"):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("session", ["session123", "slack:T1:C1", "web:me:c", "discord:me:1", "slack:T1:C1:1.2:3"])
def test_anything_else_is_a_session_of_somebodys_own(session: str) -> None:
    assert keys.parse(session) is None
