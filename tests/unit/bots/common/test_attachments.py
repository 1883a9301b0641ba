"""Which attached files are decoded as text, and with which encoding."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.common.attachments import decode_text

RUSSIAN = "Привет, как дела? Сегодня хорошая погода."
JAPANESE = "これは日本語のテキストです。よろしくお願いします。"


@given(st.text().filter(lambda text: "\0" not in text and not text.startswith("\ufeff")))
def test_utf_8_is_decoded_unchanged(text: str) -> None:
    assert decode_text(text.encode()) == text


@pytest.mark.parametrize(
    ("text", "encoding"), [("Größe", "cp1252"), ("Größe", "utf-16"), (RUSSIAN, "cp1251"), (JAPANESE, "shift_jis")]
)
def test_legacy_encodings_are_recognized(text: str, encoding: str) -> None:
    assert decode_text(text.encode(encoding)) == text


def test_binary_content_is_not_decoded() -> None:
    assert decode_text(b"PK\x03\x04" + random.Random(1).randbytes(500)) is None
    assert decode_text(b"a\0b") is None
