"""Replies as Discord messages: within the length limit, never blank, and with Markdown that Discord renders."""

from __future__ import annotations

import random

import pytest

from bots.discord import formatting
from bots.discord.formatting import ButtonId, to_discord_markdown

TABLE = "| a | b |\n|---|---|\n| 1 | 2 |"


def test_chunks_and_previews_fit_and_are_never_blank() -> None:
    rng = random.Random(7)
    pieces = ["\n", " ", "```", "````py\n", "words ", "\n\n", "| a | b |\n|---|---|\n", "~~~", "\n" * 900]
    for _ in range(60):
        more = ["x" * rng.randint(1, 900), "`" * rng.randint(1, 80), "~" * rng.randint(1, 80)]
        text = "an answer" + "".join(rng.choice([*pieces, *more]) for _ in range(rng.randint(1, 60)))
        chunks = formatting.split_reply(text)
        if len(chunks) == 1 and len(text) > formatting.MAX_MESSAGE_LENGTH:
            chunks = [formatting.file_excerpt(text)]
        for chunk in (*chunks, formatting.preview(text)):
            assert chunk.strip() and len(chunk) <= formatting.MAX_MESSAGE_LENGTH, (len(chunk), text)


@pytest.mark.parametrize(
    ("text", "converted"),
    [
        (TABLE, f"```\n{TABLE}\n```"),
        ("#### Title", "**Title**"),
        ("# Title", "# Title"),
        ("![cat](https://example.org/c.png)", "[cat](https://example.org/c.png)"),
        ("```\n#### Title\n```", "```\n#### Title\n```"),
    ],
)
def test_unsupported_markdown_is_converted_outside_of_code(text: str, converted: str) -> None:
    assert to_discord_markdown(text) == converted


def test_button_id_is_read_from_its_custom_id() -> None:
    button = ButtonId("up", turn=3, chunk=1, seq=7)
    assert ButtonId.parse(button.custom_id) == button
    for custom_id in (None, "", "other:up:3:1:7", "tw:up:3:1", "tw:up:3:1:x"):
        assert ButtonId.parse(custom_id) is None
