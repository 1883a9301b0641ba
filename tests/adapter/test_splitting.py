"""Long texts in parts, as properties: no part is too long, nothing is lost, and code stays code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.common.split import open_fence, split

PLACES = [
    ("", ""),
    ("    ", "    "),
    ("> ", "> "),
    ("> > ", "> > "),
    ("- ", "  "),
    ("1. ", "   "),
    ("   - > ", "     > "),
    ("\t", "\t"),
]
"""Where a fence may stand: what its first line begins with, and what every further line does."""
INSIDE = ["value = 1", "- ```", "> > > ```", "```python", "``", ""]
"""Lines that end no fence of three."""


def code_of(part: str, prefix: str) -> list[str]:
    """The lines between the fences of a part that holds one fenced piece and, before or after it, words in capitals."""
    lines = [line for line in part.split("\n") if not line.isupper()]
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        return []
    assert lines[0].strip(" >-\t1.") == "```python" and lines[-1] == f"{prefix}```", part
    return [line.removeprefix(prefix) for line in lines[1:-1]]


@given(st.sampled_from(PLACES), st.lists(st.sampled_from(INSIDE), min_size=1, max_size=80), st.integers(300, 600))
def test_a_cut_fence_is_closed_and_opened_again_where_it_stands(
    place: tuple[str, str], lines: list[str], limit: int
) -> None:
    before, prefix = place
    lines = [f"{number} {line}" if line.startswith("value") else line for number, line in enumerate(lines)]
    text = "\n".join([f"{before}```python", *(prefix + line for line in lines), f"{prefix}```", "", "THE END"])
    parts = split(text, limit)
    assert all(len(part) <= limit and open_fence(part) is None for part in parts)
    found = [line for part in parts for line in code_of(part, prefix)]
    assert [line for line in found if line.strip()] == [line for line in lines if line.strip()]
    assert parts[-1].endswith("THE END")


@given(st.lists(st.sampled_from(["a", "b ", "```", "~~~~", "> ", "- ", "\n", "\t", "word " * 30])).map("".join))
def test_no_part_is_too_long_and_no_word_is_lost(text: str) -> None:
    parts = split(text, 300)
    assert all(len(part) <= 300 for part in parts)
    if "`" not in text and "~" not in text:
        assert "".join("".join(parts).split()) == "".join(text.split())


def test_a_line_that_is_cut_within_a_quote_goes_on_in_it() -> None:
    parts = split("> ```\n> " + "x" * 900 + "\n> ```\nTHE END", 400)
    assert len(parts) == 3
    assert all(line.startswith("> ") for part in parts for line in part.split("\n") if line != "THE END")
    assert sum(part.count("x") for part in parts) == 900


@pytest.mark.parametrize(
    ("text", "closing"),
    [
        ("```py\nx", "```"),
        ("```py\nx\n```", None),
        ("    ```py\n    x", "    ```"),
        ("- ```py\n  x", "  ```"),
        ("- ```py\n  x\n  ```", None),
        ("```\n- ```\nx", "```"),
        ("```\n    ```\nx", "```"),
        ("> ```\n> x", "> ```"),
        ("> ```\n> x\nno quote any more", None),
        ("```\n> ```\nx", "```"),
        ("~~~\n```\nx", "~~~"),
    ],
)
def test_a_text_ends_inside_of(text: str, closing: str | None) -> None:
    fence = open_fence(text)
    assert (fence.closing if fence else None) == closing
