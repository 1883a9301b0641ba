"""The text that is posted for a finished turn."""

from __future__ import annotations

import pytest

from bots.common.delivery import reply_text
from chat_service.contracts import Reply

LIMIT = "_(cut off here, at the model's limit: ask it to go on)_"
SHORTENED = "_(what you wrote was longer than this model can read: its middle was left out)_"


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (Reply(reply=" hi ", status="answered"), "hi"),
        (Reply(reply="hi", status="stopped"), "hi\n\n_(stopped)_"),
        (Reply(reply="", status="stopped"), "_(stopped)_"),
        (Reply(reply="hi", status="failed", error="no key"), "hi\n\n⚠️ no key"),
        (Reply(reply="hi", status="answered", cut="length"), f"hi\n\n{LIMIT}"),
        (Reply(reply="hi", status="answered", shortened=True), f"hi\n\n{SHORTENED}"),
        (Reply(reply="hi", status="answered", cut="length", shortened=True), f"hi\n\n{LIMIT}\n\n{SHORTENED}"),
    ],
)
def test_reply_text_says_how_the_turn_ended(reply: Reply, text: str) -> None:
    assert reply_text(reply) == text
