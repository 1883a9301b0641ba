"""Replies as Slack messages: no mentions, no incomplete mention in a preview, texts within Slack's limits."""

from __future__ import annotations

import pytest

from bots.slack.formatting import (
    MAX_FALLBACK_CHARACTERS,
    MAX_MESSAGE_CHARACTERS,
    neutralize_mentions,
    plain_text_fallback,
    split_reply,
    stable_prefix,
)


@pytest.mark.parametrize("text", ["<@U123>", "<!here>", "<!subteam^S1>", "@channel", "@Everyone", "`<!channel>`"])
def test_mentions_are_neutralized(text: str) -> None:
    assert "\u200b" in neutralize_mentions(text)
    assert neutralize_mentions(text).replace("\u200b", "") == text


@pytest.mark.parametrize("text", ["a <b> c", "<https://example.org>", "ada@example.org", "@ada"])
def test_other_text_is_unchanged(text: str) -> None:
    assert neutralize_mentions(text) == text


@pytest.mark.parametrize(("text", "visible"), [("hi <@U1", "hi <"), ("hi @chan", "hi "), ("hi <b> c", "hi <b> c")])
def test_preview_ends_before_an_incomplete_mention(text: str, visible: str) -> None:
    assert stable_prefix(text) == visible


def test_texts_fit_the_limits() -> None:
    text = "word " * 5_000
    assert all(len(part) <= MAX_MESSAGE_CHARACTERS for part in split_reply(text))
    assert len(plain_text_fallback(text)) <= MAX_FALLBACK_CHARACTERS
